/**
 * `node bench/profile.ts [api|storm|resume|worker]`: where a process spends its time at full load. Prints the functions with the most
 * time of their own, and what they stand for by file.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Context, withContext } from './support/context.ts';
import { prepareDatabase } from './support/database.ts';
import { type FanOut, startHoldfast } from './support/fan-out.ts';
import { loadAt, openReaders } from './support/load.ts';
import { checkMachine } from './support/machine.ts';
import type { Role } from './support/role.ts';
import { startWholeHoldfast } from './support/whole-path.ts';

const answers = 1_000;
const eventsPerSecond = 20_000;
const tokensPerSecond = 6_000;
const seconds = 5;
const printedMax = 40;

/** As V8 writes it: Profiler.Profile of the Chrome DevTools Protocol. */
interface Profile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** Self time in µs by a name made of the call frame. */
function selfTimes(profile: Profile, nameOf: (frame: Profile['nodes'][number]['callFrame']) => string) {
  const names = new Map(profile.nodes.map((node) => [node.id, nameOf(node.callFrame)]));
  const times = new Map<string, number>();
  profile.samples.forEach((id, place) => {
    const name = names.get(id) ?? '';
    times.set(name, (times.get(name) ?? 0) + (profile.timeDeltas[place] ?? 0));
  });
  return [...times].sort(([, a], [, b]) => b - a);
}

/** The path below the repository or the package. */
function shortUrl(url: string): string {
  return url === ''
    ? '(native)'
    : url.replace(/^.*node_modules\//, '').replace(/^.*?\/(apps|packages|bench)\//, '$1/');
}

function print(profile: Profile, events: number): void {
  const byFunction = selfTimes(
    profile,
    ({ functionName, url, lineNumber }) =>
      `${functionName || '(anonymous)'}  ${shortUrl(url)}:${lineNumber + 1}`,
  ).filter(([name]) => !name.startsWith('(idle)'));
  const total = byFunction.reduce((sum, [, us]) => sum + us, 0);
  const line = ([name, us]: [string, number]) =>
    `${((us / total) * 100).toFixed(1).padStart(5)} %  ${(us / Math.max(1, events)).toFixed(2).padStart(6)} µs  ${name}`;
  console.log(`busy ${(total / 1_000).toFixed(0)} ms, ${events} events; part, per event, function`);
  console.log(byFunction.slice(0, printedMax).map(line).join('\n'));
  const byFile = selfTimes(profile, ({ functionName, url }) =>
    functionName.startsWith('(') ? functionName : shortUrl(url),
  ).filter(([name]) => name !== '(idle)');
  console.log(
    `\nby file\n${byFile
      .slice(0, printedMax / 2)
      .map(line)
      .join('\n')}`,
  );
}

async function profileLoad(fanOut: FanOut, profiled: Role, rate: number): Promise<void> {
  await openReaders(fanOut, 1);
  await fanOut.producer.call('rate', rate);
  await sleep(2_000);
  await profiled.call('profileStart');
  const load = await loadAt(fanOut, rate, seconds);
  const profile = await profiled.call<Profile>('profileStop');
  console.log(`${load.eventsPerSecond.toFixed(0)} events/s, p99 ${load.p99.toFixed(1)} ms`, load.cpuUsOf);
  const sampledMs = profile.timeDeltas.reduce((sum, us) => sum + us, 0) / 1_000;
  print(profile, Math.round((load.eventsPerSecond * sampledMs) / 1_000));
}

async function profileStorm(context: Context): Promise<void> {
  const fanOut = await startHoldfast(context, { answers, live: 0 });
  for (let answer = 0; answer < answers; answer += 1)
    await fanOut.producer.call('fill', { answer, count: 100 });
  const opening = { readersPerAnswer: 5, cursor: '1-0', untilSeq: 100 };
  await fanOut.client.call('open', { ...opening, atOnceMax: 32 });
  await fanOut.client.call('close');
  await sleep(1_000);
  await fanOut.server.call('profileStart');
  const times = await fanOut.client.call<number[]>('open', opening);
  const profile = await fanOut.server.call<Profile>('profileStop');
  console.log(`storm of ${times.length}: ${Math.max(...times).toFixed(0)} ms`);
  print(profile, times.length);
}

async function profileResume(context: Context): Promise<void> {
  const length = 10_000;
  const fanOut = await startHoldfast(context, { answers: 10, live: 0 });
  for (let answer = 0; answer < 10; answer += 1)
    await fanOut.producer.call('fill', { answer, count: length });
  const opening = { readersPerAnswer: 3, untilSeq: length, atOnceMax: 1 };
  await fanOut.client.call('open', opening);
  await fanOut.server.call('profileStart');
  const times = await fanOut.client.call<number[]>('open', opening);
  const profile = await fanOut.server.call<Profile>('profileStop');
  console.log(`resumes of ${length}: ${times.map((ms) => ms.toFixed(0)).join(' ')} ms`);
  print(profile, times.length * length);
}

async function main(what: string): Promise<void> {
  checkMachine();
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-profile-'));
  const postgres = await prepareDatabase(dir);
  try {
    await withContext(
      { quick: false, dir, databaseUrl: postgres.url, postgresPid: postgres.pid },
      async (context) => {
        if (what === 'storm') return profileStorm(context);
        if (what === 'resume') return profileResume(context);
        if (what === 'worker') {
          const path = await startWholeHoldfast(context, answers);
          return profileLoad(path, path.worker, tokensPerSecond);
        }
        const fanOut = await startHoldfast(context, { answers });
        return profileLoad(fanOut, fanOut.server, eventsPerSecond);
      },
    );
  } finally {
    await postgres.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

await main(process.argv[2] ?? 'api');
