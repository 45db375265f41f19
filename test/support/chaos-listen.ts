/** Finding a port for a proxy, and finding the same one again after it was given up. */
import type net from 'node:net';

/**
 * Below the ports that kernels give to outgoing connections (Linux from 32768, others from 49152): while a proxy
 * refuses, its port is free, and nobody's outgoing connection may take it.
 */
const portFrom = 18_000;
const portTo = 32_000;
/** Ports that are taken are tried again elsewhere, or, for our own port, a little later. */
const listenAttemptsMax = 100;
const listenRetryMs = 20;

/** Listens on a free port of the loopback interface and returns it. Rejects when 100 were taken. */
export async function listenAnywhere(server: net.Server): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    const port = portFrom + Math.floor(Math.random() * (portTo - portFrom));
    try {
      await listen(server, port);
      return port;
    } catch (error) {
      if (attempt === listenAttemptsMax) throw error;
    }
  }
}

/** Listens on this port again, waiting up to two seconds for whoever has it now. Rejects when it stays taken. */
export async function listenAgain(server: net.Server, port: number): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await listen(server, port);
    } catch (error) {
      if (attempt === listenAttemptsMax) throw error;
      await new Promise((resolve) => setTimeout(resolve, listenRetryMs));
    }
  }
}

function listen(server: net.Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve();
    });
  });
}
