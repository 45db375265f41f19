import { connect } from 'node:net';

/**
 * Sends one inline command to a Redis on this machine and resolves with its reply, a line or a bulk string: enough
 * to ask whether it is up, without a client library that would retry behind our back.
 */
export function redisCommand(port: number, command: string, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' });
    let reply = '';
    socket.setTimeout(timeoutMs, () =>
      socket.destroy(new Error(`no reply to ${command} in ${timeoutMs} ms`)),
    );
    socket.once('connect', () => socket.write(`${command}\r\n`));
    socket.on('data', (bytes) => {
      reply += bytes.toString('latin1');
      const end = reply.indexOf('\r\n');
      if (end < 0) return;
      const line = reply.slice(1, end);
      const bulkEnd = end + 2 + (reply.startsWith('$') ? Number(line) + 2 : 0);
      if (reply.length < bulkEnd) return;
      socket.destroy();
      if (reply.startsWith('-')) reject(new Error(line));
      else resolve(reply.startsWith('$') ? reply.slice(end + 2, bulkEnd - 2) : line);
    });
    socket.once('error', reject);
    socket.once('close', () => reject(new Error(`the connection closed before the reply to ${command}`)));
  });
}
