/** One value of a reliability figure, as its test writes it down: one JSON object per line. */
export interface Measured {
  /** Number in the list of figures. */
  readonly figure: number;
  readonly name: string;
  readonly value: number | string;
  readonly unit?: string;
  /** In words: `≤ 100 ms`; '' for a value without a goal. */
  readonly goal: string;
  readonly reached: boolean;
  /** Why the goal is not pursued. */
  readonly declined?: string;
}
