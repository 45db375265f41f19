/**
 * The stand-in model provider as a process of its own: for `npm start` without an API key, and for tests that need a
 * provider which outlives the worker they kill.
 *
 * starting → ready (one line, one IPC message) → stopping (SIGTERM, SIGINT, IPC channel closed) → gone
 */
import { readConfig } from './config.ts';
import { startStandIn } from './stand-in.ts';

const standIn = await startStandIn(readConfig());

console.log(`stand-in model provider on ${standIn.url}`);
process.send?.({ type: 'ready', url: standIn.url });

let stopping = false;
function stop(): void {
  // A second signal means that somebody lost patience: leave at once.
  if (stopping) process.exit(1);
  stopping = true;
  void standIn.stop().then(() => process.exit(0));
}

process.on('SIGTERM', stop);
process.on('SIGINT', stop);
// A parent killed with SIGKILL cannot stop its children; without this, every crashed test run leaves a server behind.
if (process.connected) process.on('disconnect', stop);
