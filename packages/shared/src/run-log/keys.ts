/**
 * Every Redis name that Holdfast uses itself (BullMQ's are under `{<prefix>:queue}`).
 *
 * All keys of one run carry the hash tag `{<runId>}`, so that they could share a slot of a Redis Cluster. A cluster is
 * not supported: one call appends to the logs of many runs (decision 14). Keyed by run, never by conversation: two runs can
 * never meet in one log.
 */

export interface RunKeys {
  /** Stream: the events. Entry id = event id; fields `t` (type) and `d` (data, JSON). */
  readonly log: string;
  /** Hash: `attempt` (the fence), `seq` (newest place), `closed` (1), `cancel` (1). Expires together with the log. */
  readonly meta: string;
  /** Pub/sub channel: each event as `<id> <type> <json>`. */
  readonly channel: string;
}

/** The names that belong to one run. */
export function runKeys(prefix: string, runId: string): RunKeys {
  const base = `${prefix}:run:{${runId}}`;
  return { log: `${base}:log`, meta: `${base}:meta`, channel: `${base}:live` };
}

/** Pub/sub channel that nudges workers: the message is the id of a run that somebody wants stopped. */
export function cancelChannel(prefix: string): string {
  return `${prefix}:cancel`;
}

/** Pub/sub channel that nudges API processes: ids of users whose feeds have grown, separated by commas. */
export function feedsChannel(prefix: string): string {
  return `${prefix}:feeds`;
}

/** BullMQ's prefix. The braces put all keys of the queue into one slot of a cluster. */
export function queuePrefix(prefix: string): string {
  return `{${prefix}:queue}`;
}
