/** The elements of an answer that are more than elements: each takes its direction from its own letters. */
import {
  type ComponentProps,
  createContext,
  createElement,
  isValidElement,
  type ReactNode,
  use,
} from 'react';
import { type Streamdown, useIsCodeFenceIncomplete } from 'streamdown';
import { useWords } from '../i18n/language.tsx';
import { CodeBlock } from './code-block.tsx';
import { Formula } from './formula.tsx';
import { Link } from './link.tsx';
import { Picture } from './picture.tsx';

type Elements = NonNullable<ComponentProps<typeof Streamdown>['components']>;

interface Given {
  readonly children?: ReactNode;
  readonly className?: string | undefined;
  readonly start?: number | undefined;
  readonly id?: string | undefined;
  /** What Markdown made: its name. */
  readonly node?: Made | undefined;
}

interface Made {
  readonly tagName: string;
  readonly children?: readonly {
    readonly tagName?: string;
    readonly properties?: { readonly className?: unknown };
  }[];
}

/** Whether a paragraph is nothing but a formula, which then stands by itself. */
function isFormula(node: Made | undefined): boolean {
  const [only, ...others] = node?.children ?? [];
  const names = only?.properties?.className;
  return others.length === 0 && Array.isArray(names) && names.includes('language-math');
}

/** Within a list or a quotation, whose marks stand on the side where its letters begin. */
const Within = createContext(false);

/**
 * An element with its own direction, and of its properties only those that mean something here. A list or a quotation
 * looks for its direction in what is in it, but not where that names its own: lines in it have theirs from markdown.css.
 */
function Directed({ children, className, start, id, node }: Given): ReactNode {
  const isWithin = use(Within);
  const name = node?.tagName ?? 'div';
  if (name === 'p' && isFormula(node)) return <Formula tex={textOf(children)} isDisplay />;
  const isContainer = containers.includes(name);
  const dir = isContainer || !isWithin ? 'auto' : undefined;
  const element = createElement(name, { dir, className, start, id }, children);
  return isContainer ? <Within value>{element}</Within> : element;
}

function textOf(node: ReactNode): string {
  if (typeof node === 'string') return node;
  if (Array.isArray(node)) return node.map(textOf).join('');
  return isValidElement<Given>(node) ? textOf(node.props.children) : '';
}

function Pre({ children }: Given): ReactNode {
  const isIncomplete = useIsCodeFenceIncomplete();
  const className = isValidElement<Given>(children) ? children.props.className : '';
  const language = /language-(\S+)/.exec(className ?? '')?.[1] ?? '';
  if (language === 'math') return <Formula tex={textOf(children).trim()} isDisplay />;
  return <CodeBlock code={textOf(children)} language={language} isWriting={isIncomplete} />;
}

function InlineCode({ children, className }: Given): ReactNode {
  if (className?.includes('language-math')) return <Formula tex={textOf(children)} isDisplay={false} />;
  return <code dir="auto">{children}</code>;
}

/** The box of a task: it shows how far somebody is, and is not to be ticked. */
function Task({ checked }: { readonly checked?: boolean | undefined }): ReactNode {
  const words = useWords();
  return (
    <input
      type="checkbox"
      disabled
      checked={checked === true}
      readOnly
      aria-label={checked ? words.markdown.done : words.markdown.toDo}
    />
  );
}

function Table({ children }: Given): ReactNode {
  const words = useWords();
  return (
    <section
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by the keyboard
      tabIndex={0}
      aria-label={words.markdown.table}
      className="w-fit max-w-full overflow-x-auto rounded-xl border border-line"
    >
      <table dir="auto">{children}</table>
    </section>
  );
}

const containers = ['ul', 'ol', 'blockquote'];
const named = ['p', 'li', 'ul', 'ol', 'h1', 'h2', 'h3', 'h4', 'h5', 'h6', 'blockquote'];

/** Each gets the properties of its own element; Streamdown's type lets only components of any properties pass. */
export const elements = {
  ...Object.fromEntries(named.map((name) => [name, Directed])),
  a: Link,
  img: Picture,
  pre: Pre,
  table: Table,
  inlineCode: InlineCode,
  input: Task,
} as Elements;
