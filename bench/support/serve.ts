/** The child's end of a role: it answers calls over the IPC channel, and ends with its parent. */

export interface Call {
  readonly id: number;
  readonly call: string;
  readonly args: unknown;
}

/** Answers each call with the result of the handler of that name. Several modules of a process may serve. */
export function serve(handlers: Readonly<Record<string, (args: never) => unknown>>): void {
  process.on('message', (message: Call) => {
    const handler = handlers[message.call];
    if (!handler) return;
    Promise.resolve()
      .then(() => handler(message.args as never))
      .then(
        (result) => process.send?.({ id: message.id, result }),
        (error: unknown) => process.send?.({ id: message.id, error: String(error) }),
      );
  });
}

/** Says that the role can be called. */
export function ready(url = ''): void {
  process.on('disconnect', () => process.exit(0));
  process.on('SIGTERM', () => process.exit(0));
  process.send?.({ type: 'ready', url });
}
