/**
 * Many readers at little cost: raw HTTP, one byte search per event instead of a parser, and a check of order that needs
 * no memory. For tests of load; recorder.ts checks everything.
 */
import http from 'node:http';
import { testUser } from './test-user.ts';

export interface CrowdReader {
  /** Ids came as 1-0, 1-1, 1-2, …: nothing was missing, nothing came twice. */
  readonly inOrder: boolean;
  /** Type of the last event. */
  readonly last: string;
  readonly events: number;
  /** The text that it was given, put together. */
  readonly text: string;
  readonly status: number;
}

/** Sockets stay open between the readers of one test and are closed with it. */
export function createCrowdAgent(): http.Agent {
  return new http.Agent({ keepAlive: false, maxSockets: Infinity });
}

/** Reads a stream of one attempt from its beginning to its end. Rejects when the connection breaks. */
export function readInCrowd(
  url: string,
  agent: http.Agent,
  onOpen: () => void = () => {},
): Promise<CrowdReader> {
  return new Promise((resolve, reject) => {
    const request = http.get(url, { agent, headers: testUser.headers }, (response) => {
      let inOrder = true;
      let events = 0;
      let last = '';
      let text = '';
      let rest = '';
      response.setEncoding('utf8');
      onOpen();
      response.on('data', (chunk: string) => {
        rest += chunk;
        for (let end = rest.indexOf('\n\n'); end >= 0; end = rest.indexOf('\n\n')) {
          const frame = rest.slice(0, end);
          rest = rest.slice(end + 2);
          if (!frame.startsWith('id: ')) continue;
          const [id = '', event = '', data = ''] = frame.split('\n');
          if (id !== `id: 1-${events}`) inOrder = false;
          events += 1;
          last = event.slice('event: '.length);
          if (last === 'delta') text += (JSON.parse(data.slice('data: '.length)) as { text: string }).text;
        }
      });
      response.once('end', () => resolve({ inOrder, last, events, text, status: response.statusCode ?? 0 }));
      response.once('error', reject);
    });
    request.once('error', reject);
  });
}
