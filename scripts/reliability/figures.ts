/** The reliability figures: what each attacks, and the command that measures it. */

export interface FigureEntry {
  readonly number: number;
  readonly name: string;
  readonly goal: string;
  /** Run one after the other; all have to succeed. The first word is an npm script or `vitest`. */
  readonly commands: readonly (readonly string[])[];
  /** Full sizes of tests that have smaller ones by default. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A file of the vitest project `reliability`. */
const ours = (file: string) => ['vitest', '--project', 'reliability', `test/reliability/${file}.test.ts`];

/** Tests that `npm test` runs with smaller sizes. */
const tests = (project: string, ...files: string[]) => ['vitest', '--project', project, ...files];

export const figures: readonly FigureEntry[] = [
  {
    number: 1,
    name: 'soak',
    goal: '10 min of faults per seed: no promise broken, every run ends',
    commands: [['chaos', '--seconds', '600']],
  },
  {
    number: 2,
    name: 'durability',
    goal: '500 kills under POSTs: no 202 lost or doubled; 10,000 triple POSTs make 10,000 runs',
    commands: [ours('durability')],
  },
  {
    number: 3,
    name: 'take-over',
    goal: 'next attempt p95 ≤ 6 s, max 10 s; 100 frozen workers write nothing and hang up ≤ 2 s after waking',
    commands: [ours('take-over')],
  },
  {
    number: 4,
    name: 'repair',
    goal: 'FLUSHALL, cut AOF, lagging failover, 50 each in mid-answer: no gap, no reset',
    commands: [ours('repair')],
  },
  {
    number: 5,
    name: 'resume',
    goal: 'first missed event p95 ≤ 100 ms, p99 ≤ 250; snapshot p95 ≤ 200; 1,000 streams back ≤ 5 s',
    commands: [ours('resume')],
  },
  {
    number: 6,
    name: 'cancel',
    goal: 'confirmed p95 ≤ 100 ms, provider closed p95 ≤ 1 s; 1,000 races with one end each',
    commands: [ours('cancel')],
  },
  {
    number: 7,
    name: 'hostile-input',
    goal: '100,000 malformed requests: none answered 5xx, process alive, memory grows < 50 MB',
    commands: [tests('attack', 'test/attack/fuzz.test.ts')],
    env: { FUZZ_REQUESTS: '100000' },
  },
  {
    number: 8,
    name: 'foreign-data',
    goal: 'every route × everybody as specified; what is not theirs looks like what does not exist',
    commands: [
      tests('integration', 'test/integration/access.test.ts', 'test/integration/many-users.test.ts'),
    ],
  },
  {
    number: 9,
    name: 'stalled-readers',
    goal: '500 readers that do not read: memory < 100 MB, all cut, others’ p99 delay < 2 ×',
    commands: [ours('stalled-readers')],
  },
  {
    number: 10,
    name: 'slow-sockets',
    goal: '2,000 half-open heads or bodies: cut ≤ 20 s, nobody else harmed',
    commands: [tests('attack', 'test/attack/slow.test.ts')],
    env: { SLOW_SOCKETS: '2000', HALF_OPEN_STREAMS: '10000', ATTACK_TIMES: 'assert' },
  },
  {
    number: 11,
    name: 'hung',
    goal: 'Redis or Postgres stopped for 10 s: 202 or 503 within 3 s, well again within 3 s',
    commands: [ours('hung')],
  },
  {
    number: 12,
    name: 'hostile-text',
    goal: '300 payloads in Chromium: none runs, no request leaves the origin',
    commands: [tests('browser', 'test/browser/hostile-text.test.ts')],
  },
  {
    number: 13,
    name: 'fairness',
    goal: 'others wait ≤ 20 % of first come first served; nobody over the limit in 10,000 admissions',
    commands: [ours('fairness')],
  },
  {
    number: 14,
    name: 'rolling-restart',
    goal: 'all processes replaced under 200 streams: no fault seen, drain ≤ 30 s, exit 0',
    commands: [ours('rolling-restart')],
  },
  {
    number: 15,
    name: 'secrets',
    goal: 'planted secrets stand in no log, no answer, not in Redis, and in Postgres only sealed',
    commands: [tests('attack', 'test/attack/requests.test.ts')],
  },
  {
    number: 16,
    name: 'mutants',
    goal: '9 of 9 planted bugs caught < 5 min; 100,000 interleavings of the model < 60 s',
    commands: [['mutants']],
  },
  {
    number: 17,
    name: 'refused-start',
    goal: 'a server that must not be used: the process ends with one clear line',
    commands: [tests('integration', 'test/integration/start-refused.test.ts')],
  },
];
