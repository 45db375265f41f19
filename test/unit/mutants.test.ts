import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { applyEdit, type Edit, ownRoot } from '../mutants/edits.ts';
import { mutants } from '../mutants/mutants.ts';
import { scenarios } from '../mutants/scenarios.ts';

/** Makes the edits one after the other, as in a copy of the product, and returns how many files they changed. */
function filesChangedBy(edits: readonly Edit[]): number {
  const texts = new Map<string, string>();
  for (const edit of edits) {
    const text = texts.get(edit.file) ?? readFileSync(join(ownRoot, edit.file), 'utf8');
    texts.set(edit.file, applyEdit(text, edit));
  }
  return texts.size;
}

describe('the planted bugs', () => {
  it.each(mutants.map((mutant) => ({ ...mutant })))(
    '$id still fits the source: $name',
    ({ edits, scenario }) => {
      expect(filesChangedBy([...(scenarios[scenario].weaken ?? []), ...edits])).toBeGreaterThan(0);
    },
  );

  it('one that fits nowhere, or in two places, is refused', () => {
    const edit = { file: 'a.ts', search: 'one', replace: 'two' };
    expect(applyEdit('one', edit)).toBe('two');
    expect(() => applyEdit('none', { ...edit, search: 'some' })).toThrow(/there 0 times/);
    expect(() => applyEdit('one one', edit)).toThrow(/there 2 times/);
  });
});
