/**
 * The log on the page. Each message has one view for as long as it is shown, also while it turns from an answer that is
 * under way into one that is in history: nothing flickers, and its text only grows.
 */
import { type Answer, applyEvent, emptyAnswer, type ReceivedEvent } from '@holdfast/client';
import { createMessageView, type MessageView, type Surroundings } from './message-view.ts';
import { type Entry, extend, layOut, type Thread, type ThreadMessage, type ThreadRun } from './thread.ts';

export interface ThreadViewParts {
  readonly log: HTMLElement;
  /** What stands around an entry. `last`: nothing stands below it. */
  readonly surround: (entry: Entry, last: boolean) => Surroundings;
  /** The log grew. */
  readonly onGrowth: () => void;
}

/** A message on its way, below all others. */
export interface Outgoing {
  readonly text: string;
  readonly status: 'sending' | 'failed';
  readonly surroundings: Surroundings;
}

export interface ThreadView {
  readonly thread: Thread;
  readonly entries: readonly Entry[];
  /** What is known of the answers that are, or were, under way; by run. */
  readonly answers: ReadonlyMap<string, Answer>;
  /** Shows another conversation, or none. `answers`: what a reload has kept of its runs. */
  clear(answers?: ReadonlyMap<string, Answer>): void;
  /** What the server says now. */
  show(thread: Thread): void;
  /** Puts in what was just accepted, behind the first `kept` messages. */
  extend(kept: number, message: ThreadMessage | null, run: ThreadRun): void;
  /** Applies an event of a run; returns the answer after it. */
  apply(runId: string, event: ReceivedEvent): Answer;
  outgoing(message: Outgoing | null): void;
  /** Draws again what stands around the messages. */
  refresh(): void;
  view(entryId: string): MessageView | undefined;
}

const nothing: Thread = { messages: [], runs: [] };

export function createThreadView({ log, surround, onGrowth }: ThreadViewParts): ThreadView {
  let thread = nothing;
  let entries: readonly Entry[] = [];
  let answers = new Map<string, Answer>();
  let leaving: { message: Outgoing; view: MessageView } | null = null;
  const views = new Map<string, MessageView>();
  /** Runs whose text has grown since the last frame. */
  const grown = new Set<string>();
  let frame = 0;

  function draw(): void {
    cancelAnimationFrame(frame);
    frame = 0;
    grown.clear();
    entries = layOut(thread, answers);
    const shown = new Set(entries.map(({ id }) => id));
    for (const [id, view] of views) {
      if (shown.has(id)) continue;
      view.element.remove();
      views.delete(id);
    }
    let place: Element | null = log.firstElementChild;
    for (const [at, entry] of entries.entries()) {
      let view = views.get(entry.id);
      if (!view) {
        view = createMessageView(entry.role);
        views.set(entry.id, view);
      }
      view.show(entry.text, entry.status);
      view.surround(surround(entry, at === entries.length - 1 && leaving === null));
      if (view.element === place) place = place.nextElementSibling;
      else log.insertBefore(view.element, place);
    }
    if (leaving) {
      const { message, view } = leaving;
      view.show(message.text, message.status);
      view.surround(message.surroundings);
      if (log.lastElementChild !== view.element) log.append(view.element);
    }
    onGrowth();
  }

  /** Only the texts: a fast answer must not cost a look at the whole conversation at each of its events. */
  function paint(): void {
    frame = 0;
    for (const runId of grown) {
      const answer = answers.get(runId);
      const entry = entries.find(({ run }) => run?.id === runId);
      if (answer && entry) views.get(entry.id)?.show(answer.text, answer.status);
    }
    grown.clear();
    onGrowth();
  }

  return {
    get thread() {
      return thread;
    },
    get entries() {
      return entries;
    },
    get answers() {
      return answers;
    },
    clear(kept = new Map()) {
      thread = nothing;
      answers = new Map(kept);
      leaving = null;
      views.clear();
      log.replaceChildren();
      draw();
    },
    show(next) {
      thread = next;
      // One that goes on may only be missing because the server was asked before it began.
      for (const [runId, { messageId }] of answers) {
        if (messageId !== null && !next.runs.some(({ id }) => id === runId)) answers.delete(runId);
      }
      draw();
    },
    extend(kept, message, run) {
      thread = extend(thread, kept, message, run);
      draw();
    },
    apply(runId, event) {
      const before = answers.get(runId) ?? emptyAnswer;
      const answer = applyEvent(before, event);
      if (answer === before) return answer;
      answers.set(runId, answer);
      if (answer.status !== before.status) draw();
      else {
        grown.add(runId);
        frame ||= requestAnimationFrame(paint);
      }
      return answer;
    },
    outgoing(message) {
      if (leaving && message) leaving = { message, view: leaving.view };
      else {
        leaving?.view.element.remove();
        leaving = message && { message, view: createMessageView('user') };
      }
      draw();
    },
    refresh: draw,
    view: (entryId) => views.get(entryId),
  };
}
