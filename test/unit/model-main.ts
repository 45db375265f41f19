/**
 * `node test/unit/model-main.ts [interleavings] [seed]`: the hub's world as a program, for many more plays than a test can
 * take. Says `kept:` or `broken:` with the smallest play that it found, and ends with 1 for the latter.
 */
import { playMany } from './hub-model.ts';

const runs = Number(process.argv[2] ?? 100_000);
const seed = Number(process.argv[3] ?? 1);
const began = process.hrtime.bigint();
const { sent, broken } = await playMany({ runs, seed });
const seconds = Number(process.hrtime.bigint() - began) / 1e9;
if (broken) {
  console.log(`broken: ${broken.violations[0]}`);
  console.log(JSON.stringify(broken.play));
  process.exitCode = 1;
} else {
  const pace = Math.round(runs / seconds);
  console.log(
    `kept: ${runs} interleavings in ${seconds.toFixed(1)} s (${pace}/s), ${sent} events, seed ${seed}`,
  );
}
