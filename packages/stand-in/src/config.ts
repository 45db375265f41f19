/** The environment of the stand-in process; see main.ts. */

/** Reads PORT (0 or absent: any free port) and HOST. Throws when PORT is not a port. */
export function readConfig(env: NodeJS.ProcessEnv = process.env): { port: number; host: string } {
  const port = Number(env.PORT ?? 0);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new Error(`PORT is not a port: ${env.PORT}`);
  return { port, host: env.HOST ?? '127.0.0.1' };
}
