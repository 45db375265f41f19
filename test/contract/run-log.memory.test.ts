import { createMemoryRunLog } from '@holdfast/shared/run-log/memory.ts';
import { describeRunLog } from './run-log.contract.ts';

describeRunLog('the run log in memory', async () => {
  const log = createMemoryRunLog();
  return {
    log,
    feed: async (handlers) => log.feed(handlers),
    lose: async (runId) => log.lose(runId),
    truncate: async (runId, seq) => log.truncate(runId, seq),
    close: async () => undefined,
  };
});
