import { createServer } from 'node:net';

const portAttemptsMax = 3;

/** Whether nothing listens on the port, neither on the loopback address nor on all of them. */
export async function isPortFree(port: number): Promise<boolean> {
  // Both: on macOS a socket on one address does not keep another process from taking the same port on all.
  return (await tryListen(port, '127.0.0.1')) !== undefined && (await tryListen(port)) !== undefined;
}

/** `preferred` when it is free, else a free port that the system chooses. */
export async function freePort(preferred?: number): Promise<number> {
  if (preferred !== undefined && (await isPortFree(preferred))) return preferred;
  const port = await tryListen(0, '127.0.0.1');
  if (port === undefined) throw new Error('the system has no free TCP port on 127.0.0.1');
  return port;
}

/**
 * Runs `start` with the given port, or with a free one. Between our finding a port free and the server's taking
 * it, another process may be faster, so a port that we chose ourselves is chosen again.
 */
export async function withPort<T>(port: number | undefined, start: (port: number) => Promise<T>): Promise<T> {
  if (port !== undefined) return await start(port);
  for (let attempt = 1; ; attempt++) {
    try {
      return await start(await freePort());
    } catch (error) {
      const taken =
        error instanceof Error && /EADDRINUSE|address already in use|failed listening/i.test(error.message);
      if (!taken || attempt === portAttemptsMax) throw error;
    }
  }
}

/** Listens for an instant; the port, or undefined when it is taken or not allowed. */
function tryListen(port: number, host?: string): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen({ port, host, exclusive: true }, () => {
      const address = server.address();
      const bound = typeof address === 'object' && address !== null ? address.port : undefined;
      server.close(() => resolve(bound));
    });
  });
}
