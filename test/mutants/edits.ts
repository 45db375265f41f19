/** A source edit that stands for a bug, and the private copy of the product in which it is made. */
import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** `search` stands in `file` (a path from the root) exactly once: an edit that has lost its place would plant nothing. */
export interface Edit {
  readonly file: string;
  readonly search: string;
  readonly replace: string;
}

/** The tree that this program belongs to. */
export const ownRoot = fileURLToPath(new URL('../../', import.meta.url)).replace(/\/$/, '');

/** What the product and its models are made of; everything else is not needed to run them. */
const copied = ['apps', 'packages', 'test/unit', 'package.json'];

/** Returns the text with the edit made. Throws when the text to replace is not there exactly once. */
export function applyEdit(text: string, { file, search, replace }: Edit): string {
  const parts = text.split(search);
  if (parts.length !== 2) {
    throw new Error(
      `a mutant no longer fits ${file}: the text to replace is there ${parts.length - 1} times, not once:\n${search}`,
    );
  }
  return parts.join(replace);
}

/** Makes the edits in the tree at `root`. Throws as `applyEdit` does. */
export function applyEdits(root: string, edits: readonly Edit[]): void {
  for (const edit of edits) {
    const path = join(root, edit.file);
    writeFileSync(path, applyEdit(readFileSync(path, 'utf8'), edit));
  }
}

/**
 * Copies the product to `root`, which must not exist, and makes the edits there. Packages are links to ours, except our own
 * workspaces: those must be the copied ones.
 */
export function copyTree(root: string, edits: readonly Edit[]): void {
  for (const path of copied) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    cpSync(join(ownRoot, path), join(root, path), {
      recursive: true,
      filter: (source) => !source.endsWith('/node_modules'),
    });
  }
  const packages = join(root, 'node_modules');
  mkdirSync(packages);
  for (const name of readdirSync(join(ownRoot, 'node_modules'))) {
    if (name !== '@holdfast') symlinkSync(join(ownRoot, 'node_modules', name), join(packages, name));
  }
  mkdirSync(join(packages, '@holdfast'));
  for (const folder of ['apps', 'packages']) {
    for (const name of readdirSync(join(root, folder))) {
      symlinkSync(join(root, folder, name), join(packages, '@holdfast', name));
    }
  }
  applyEdits(root, edits);
}
