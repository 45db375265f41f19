/** Formulas as most models write them, made into those that the parser of Markdown knows. */
import { expect, it } from 'vitest';
import { withDollars } from '../../apps/web/src/markdown/tex-marks.ts';

it.each([
  ['in a line', String.raw`So \(a^2\) and \( b_1 \).`, 'So $$a^2$$ and $$b_1$$.'],
  ['over a line end', 'So \\(a +\nb\\).', 'So $$a +\nb$$.'],
  ['side by side', String.raw`\(a\)\(b\)`, '$$a$$\u200B$$b$$'],
  ['beside a price', String.raw`$\(a\)$`, '$\u200B$$a$$\u200B$'],
  ['with a break before a bracket', String.raw`\(1\\(2)\)`, String.raw`$$1\\(2)$$`],
  ['in lines of its own', 'Thus\n\\[\na = b\n+ c\n\\]\nwhere', 'Thus\n$$\na = b\n+ c\n$$\nwhere'],
  ['in one line', 'Thus\n\\[ a = b \\]\nwhere', 'Thus\n$$\na = b\n$$\nwhere'],
  ['with an empty line in it', '\\[\na\n\n- b\n\\]', '$$\na\n\n- b\n$$'],
  ['at the end of a sentence', String.raw`Thus: \[ a = b \].`, 'Thus: \n$$\na = b.\n$$'],
  ['in the middle of one', String.raw`Thus \[ a = b \] holds.`, 'Thus $$a = b$$ holds.'],
  ['in a list', '1. Thus\n   \\[\n   a\n   \\]\n2. So', '1. Thus\n   $$\n   a\n   $$\n2. So'],
  ['in a list, four deep', '- A\n\n    \\[ a \\]\n', '- A\n\n    $$\n    a\n    $$\n'],
  ['as an item', '- \\[ a \\]\n- \\[ b \\]', '- $$\n  a\n  $$\n- $$\n  b\n  $$'],
  ['in a quotation', '> \\[\n> a\n> \\]', '> $$\n> a\n> $$'],
  ['in a table', '| a |\n|---|\n| \\[ a \\] |', '| a |\n|---|\n| $$a$$ |'],
])('a formula %s is one', (_where, text, wanted) => {
  expect(withDollars(text)).toBe(wanted);
});

it.each([
  ['code in a line', String.raw`Write ${'`'}\(a\)${'`'} or ${'``'}\[ a ${'`'} \]${'``'}.`],
  ['a block of code', 'Look:\n```tex\n\\[\na\n\\]\n\\(a\\)\n```\n'],
  ['a block of code without its end', 'Look:\n~~~\n\\(a\\)\n```\n\\(b\\)'],
  ['a block of code in a list', '- Look:\n  ```\n  \\(a\\)\n  ```\n'],
  ['indented code', 'Look:\n\n    \\(a\\)\n\n    \\[ a \\]\n'],
  ['a lone mark', String.raw`A smile \( and no end`],
  ['a formula that is being written', 'Thus\n\\[\na = \\frac{1'],
  ['marks in different paragraphs', 'One \\( here\n\nand \\) there'],
  ['an escaped backslash', String.raw`C:\\(x86\\)`],
  ['an escaped link', String.raw`\[the sea\](https://example.com/sea) and [the sea]\(no link\)`],
  ['escaped brackets', String.raw`\[1\] Somebody, 2020; a\[0\] and \[sic\].`],
  ['marks with nothing between them', String.raw`\(\) \[ \]`],
  ['marks of both kinds', String.raw`\( $$a$$ \)`],
])('%s stays as it is', (_what, text) => {
  expect(withDollars(text)).toBe(text);
});

it('a long text full of lone marks costs what its length costs: else this would take minutes', () => {
  const lone = '\\( \\[ ` '.repeat(20_000);
  expect(withDollars(lone)).toBe(lone);
});
