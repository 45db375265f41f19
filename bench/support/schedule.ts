/**
 * When which answer gets its next event: the same for every side. Events are spread over all answers in turn, at a rate
 * of the whole; what is due at a tick is handed over together, as a busy process would find it.
 */

const tickMs = 5;

/** After a standstill this much is made up for; the rest is not offered, and shows as a rate that was not reached. */
const behindMsMax = 100;

/** `count` more events for this answer are due. */
export type Emit = (answer: number, count: number) => void;

export interface Schedule {
  /** Events per second over all answers; 0 stops. */
  setRate(eventsPerSecond: number): void;
}

export function createSchedule(
  answers: () => number,
  emit: Emit,
  afterTick: () => void = () => {},
): Schedule {
  let rate = 0;
  let due = 0;
  let next = 0;
  let before = performance.now();

  setInterval(() => {
    const now = performance.now();
    due += (rate * Math.min(now - before, behindMsMax)) / 1_000;
    before = now;
    const count = Math.floor(due);
    const all = answers();
    if (count === 0 || all === 0) return;
    due -= count;
    const each = Math.floor(count / all);
    const more = count % all;
    for (let place = 0; place < (each > 0 ? all : more); place += 1) {
      emit((next + place) % all, each + (place < more ? 1 : 0));
    }
    next = (next + more) % all;
    afterTick();
  }, tickMs);

  return {
    setRate(eventsPerSecond) {
      rate = eventsPerSecond;
      due = 0;
      before = performance.now();
    },
  };
}

/** Microseconds of the clock that all processes of a machine share; 12 digits are eleven days. */
export function stamp(): string {
  return String(Number((process.hrtime.bigint() / 1_000n) % 1_000_000_000_000n)).padStart(12, '0');
}

/** The JSON of one event: when it was made, and filler up to the usual size of a token or as asked. */
export function eventJson(bytes = 16): string {
  return `{"text":"${stamp().padEnd(bytes, 'abcd')}"}`;
}

/** One event as all sides put it on the wire. */
export function frameOf(seq: number, json: string): string {
  return `id: 1-${seq}\nevent: ${seq === 0 ? 'started' : 'delta'}\ndata: ${json}\n\n`;
}
