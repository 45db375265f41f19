/** Sends the request of a line, and what of its answer is compared. */
import { expect } from 'vitest';
import type { Target } from './requests.ts';

export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  /** The names of its header fields. */
  readonly fields: readonly string[];
}

/** Sends a request and reads the answer, of a stream only its head. */
export async function sendTo(base: string, { method, path, headers, body }: Target): Promise<Answer> {
  const response = await fetch(`${base}${path}`, {
    method,
    headers,
    ...(body === undefined ? {} : { body }),
  });
  const type = response.headers.get('content-type') ?? '';
  const fields = [...response.headers.keys()];
  const { status } = response;
  if (!type.startsWith('text/event-stream')) return { status, type, body: await response.text(), fields };
  await response.body?.cancel();
  return { status, type, body: '', fields };
}

/** A problem without what is different each time. */
export function problemOf({ status, body }: Answer): Record<string, unknown> {
  const { requestId, instance, ...problem } = JSON.parse(body) as Record<string, unknown>;
  expect([requestId, instance]).toEqual([expect.any(String), expect.any(String)]);
  return { httpStatus: status, ...problem };
}
