/**
 * Loaded into a measured process before its program (`--import`, with `--expose-gc`): memory after a collection, and a
 * CPU profile of the time between two calls. It does nothing unless it is called.
 */
import { Session } from 'node:inspector/promises';
import { serve } from './serve.ts';

const session = new Session();

serve({
  memory() {
    const collect = Reflect.get(globalThis, 'gc') as (() => void) | undefined;
    // Twice: what the first one finalises, the second one frees.
    collect?.();
    collect?.();
    return process.memoryUsage();
  },
  async profileStart() {
    session.connect();
    await session.post('Profiler.enable');
    await session.post('Profiler.setSamplingInterval', { interval: 500 });
    await session.post('Profiler.start');
  },
  async profileStop() {
    const { profile } = await session.post('Profiler.stop');
    session.disconnect();
    return profile;
  },
});
// A channel with a listener keeps its process alive; that is for the program to decide.
process.channel?.unref();
