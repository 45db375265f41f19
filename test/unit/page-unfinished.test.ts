/** Markdown that is still being written: its marks are not shown while they have no end. */
import { expect, it } from 'vitest';
import { unfinishedLink, withLinkEnd } from '../../apps/web/src/markdown/unfinished.ts';

it.each([
  ['See [the sea', `See [the sea](${unfinishedLink})`],
  ['See [the sea](', `See [the sea](${unfinishedLink})`],
  ['See [the sea](https://example.com/s', `See [the sea](${unfinishedLink})`],
  ['See [1](https://exa', `See [1](${unfinishedLink})`],
  ['![a wave](https://exa', `![a wave](${unfinishedLink})`],
  ['- [the sea', `- [the sea](${unfinishedLink})`],
])('%s is shown as the link that it becomes', (text, wanted) => {
  expect(withLinkEnd(text)).toBe(wanted);
});

it.each([
  'The interval [0, 1',
  'The interval [0, 1) is half open.\n\nThe next paragraph',
  'Write list[index',
  'Write `[the sea](https',
  '- [x',
  'A word.[^1',
  'See [the sea](https://example.com/sea) and',
  'See [the sea] and',
])('%s is shown as it is', (text) => {
  expect(withLinkEnd(text)).toBe(text);
});
