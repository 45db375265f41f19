/** Plays one scenario on one tree and has the records judged. */
import { setTimeout as sleep } from 'node:timers/promises';
import { checkHistory, explain } from '../support/checker/check.ts';
import type { History, Limits, Violation } from '../support/checker/history.ts';
import { readTree } from '../support/many-users/read-tree.ts';
import { type Cluster, type Servers, startCluster } from './cluster.ts';
import type { Scenario } from './scenarios.ts';
import { createScene, type Scene } from './scene.ts';

const limits: Limits = {
  runsMax: 100,
  waitingRunsMax: 100,
  residentBytesMax: 1024 ** 3,
  // PROTOCOL.md, section 2.
  silentMsMax: 15_000,
  firstEventMsMax: 15_000,
  abortMsMax: 5_000,
};

/** A run that nobody disturbs any more must have ended by then: four times what the product needs on a busy machine. */
const endMsMax = 16_000;
/** And its readers must have been told: the comparison with Postgres comes every second. */
const toldMsMax = 8_000;

export interface Outcome {
  readonly violations: readonly Violation[];
  /** Moments that never came, so that nothing was proved. */
  readonly missed: readonly string[];
  /** The first violation with its story; '' without one. */
  readonly story: string;
  readonly seconds: number;
}

/** Starts the programs of the tree at `root`, plays, and judges. */
export async function playScenario(scenario: Scenario, root: string, servers: Servers): Promise<Outcome> {
  const began = performance.now();
  const cluster = await startCluster({ servers, root, workers: scenario.workers });
  try {
    const scene = createScene(cluster);
    await scenario.play(scene);
    await waitForEnds(cluster);
    await scene.dismissReaders(toldMsMax);
    for (const run of scene.runs) await scene.look(run);
    const history = await readHistory(scene);
    const violations = checkHistory(history, { withFaults: scenario.withFaults });
    const [first] = violations;
    return {
      violations,
      missed: scene.missed,
      story: first ? explain(history, first) : '',
      seconds: (performance.now() - began) / 1_000,
    };
  } finally {
    await cluster.stop();
  }
}

async function waitForEnds({ db }: Cluster): Promise<void> {
  for (const deadline = Date.now() + endMsMax; Date.now() < deadline; await sleep(50)) {
    const { rows } = await db.query(`select 1 from runs where status in ('queued', 'running') limit 1`);
    if (rows.length === 0) break;
  }
}

async function readHistory({ cluster, recording }: Scene): Promise<History> {
  // Some processes were killed; what the others occupy is not what is judged here.
  const tree = await readTree({ ...cluster, apis: [], workers: [] });
  return { entries: recording.entries, tree, limits };
}
