import { createMemoryRunLog } from '@holdfast/shared/run-log/memory.ts';
import { describeRunLog, type RunLogSubject } from './run-log.contract.ts';
import { describeRunLogModel } from './run-log.model.ts';

async function createSubject(): Promise<RunLogSubject> {
  const log = createMemoryRunLog();
  return {
    log,
    feed: async (handlers) => log.feed(handlers),
    lose: async (runId) => log.lose(runId),
    truncate: async (runId, seq) => log.truncate(runId, seq),
    close: async () => undefined,
  };
}

describeRunLog('the run log in memory', createSubject);
describeRunLogModel('the run log in memory', createSubject, 2_000);
