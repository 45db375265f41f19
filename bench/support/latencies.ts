/** Many times in little memory: buckets that grow by 2 %, so a percentile is exact to 2 %. */

const growth = Math.log(1.02);
const buckets = 1_000; // up to 1.02^1000 µs: longer than anything here

export interface Latencies {
  /** Microseconds; less than one counts as one. */
  add(us: number): void;
  /** Microseconds; 0 when nothing was added. */
  percentile(part: number): number;
  reset(): void;
}

export function createLatencies(): Latencies {
  const counts = new Uint32Array(buckets);
  let total = 0;
  return {
    add(us) {
      const bucket = Math.min(buckets - 1, Math.ceil(Math.log(Math.max(us, 1)) / growth));
      counts[bucket] = (counts[bucket] ?? 0) + 1;
      total += 1;
    },
    percentile(part) {
      if (total === 0) return 0;
      let seen = 0;
      const bucket = counts.findIndex((count) => {
        seen += count;
        return seen >= total * part;
      });
      return Math.exp(bucket * growth);
    },
    reset() {
      counts.fill(0);
      total = 0;
    },
  };
}

/** The value below which this part of the list lies; NaN for an empty one. */
export function percentileOf(values: readonly number[], part: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * part) - 1)] ?? Number.NaN;
}
