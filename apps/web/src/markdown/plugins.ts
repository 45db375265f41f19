/** What turns Markdown into elements. Markup in a text stays text: nothing of it ever becomes an element. */
import { type ComponentProps, useEffect, useState } from 'react';
import { defaultRehypePlugins, defaultRemarkPlugins, type PluginConfig, type Streamdown } from 'streamdown';

type Plugins = NonNullable<ComponentProps<typeof Streamdown>['rehypePlugins']>;

/** A plugin with its options is a pair, which must stay one. */
const chosen = (plugins: Record<string, Plugins[number]>, names: readonly string[]): Plugins =>
  names.flatMap((name) => (plugins[name] === undefined ? [] : [plugins[name]]));

/** Without `raw`, which parses markup; what is left is looked over all the same. */
export const rehypePlugins = chosen(defaultRehypePlugins, ['sanitize', 'harden']);

interface Node {
  type: string;
  value?: string;
  children?: Node[];
}

/** The one tag that models write in tables, where Markdown has no other way to begin a line. */
function breaks(): (tree: unknown) => void {
  const walk = (node: Node): void => {
    if (!node.children) return;
    node.children = node.children.map((child) =>
      child.type === 'html' && /^<br\s*\/?>$/i.test(child.value ?? '') ? { type: 'break' } : child,
    );
    node.children.forEach(walk);
  };
  return (tree) => walk(tree as Node);
}

export const remarkPlugins: Plugins = [
  ...chosen(defaultRemarkPlugins, ['gfm', 'codeMeta']),
  breaks as Plugins[number],
];

let math: PluginConfig | null = null;
let loading: Promise<void> | null = null;

/** Only what finds formulas in a text: what draws them is formula.tsx. */
async function load(): Promise<void> {
  const { createMathPlugin } = await import('@streamdown/math');
  const { remarkPlugin } = createMathPlugin();
  math = { math: { name: 'katex', type: 'math', remarkPlugin, rehypePlugin: () => {} } };
}

/** Formulas, fetched when the first text is seen that may have some; undefined until then. */
export function useMath(isWanted: boolean): PluginConfig | undefined {
  const [isLoaded, setLoaded] = useState(math !== null);
  useEffect(() => {
    if (!isWanted || isLoaded) return;
    let isHere = true;
    loading ??= load().catch((error: unknown) => {
      loading = null;
      throw error;
    });
    // Without it a formula is shown as it was written.
    loading.then(
      () => isHere && setLoaded(true),
      () => {},
    );
    return () => {
      isHere = false;
    };
  }, [isWanted, isLoaded]);
  return isWanted && math ? math : undefined;
}
