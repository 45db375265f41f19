/** How large the attacks are. `npm test` runs small ones; the full sizes come from the environment. */

function sizeOf(name: string, small: number): number {
  const value = Number(process.env[name] || small);
  if (!Number.isInteger(value) || value < 1) throw new Error(`${name} must be a whole number from 1`);
  return value;
}

/** Requests, sockets and so on. */
export const sizes = {
  fuzzRequests: sizeOf('FUZZ_REQUESTS', 1_500),
  fuzzSeed: sizeOf('FUZZ_SEED', 1),
  slowSockets: sizeOf('SLOW_SOCKETS', 60),
  halfOpenStreams: sizeOf('HALF_OPEN_STREAMS', 300),
  headerFloods: sizeOf('HEADER_FLOODS', 100),
  hashBombs: sizeOf('HASH_BOMBS', 30),
};
