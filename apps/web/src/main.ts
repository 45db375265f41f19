/** The page: composer, list of conversations, address; the conversation itself is chat.ts. */
import { type Conversation, createClient } from '@holdfast/client';
import { type ChatState, createChat } from './chat.ts';
import { drafts, made } from './saved.ts';

/** The list is a way back to what one was just doing, not an archive. */
const conversationsMax = 20;

/** Closer to the end than this, the reader follows the answer; a line's height, since zoom leaves fractions. */
const pinnedPxMax = 32;

const client = createClient();
const scroller = find('scroller', HTMLElement);
const form = find('form', HTMLFormElement);
const composer = find('composer', HTMLTextAreaElement);
const sendButton = find('send', HTMLButtonElement);
const stopButton = find('stop', HTMLButtonElement);
const notice = find('notice', HTMLElement);
const connection = find('connection', HTMLElement);
const sidebar = find('sidebar', HTMLElement);
const list = find('conversations', HTMLElement);

let state: ChatState = 'idle';
let current: string | null = null;
let isPinned = true;
/** Where the log was scrolled to when we last looked. */
let scrolledTo = 0;

const chat = createChat({
  client,
  log: find('log', HTMLElement),
  onState: showState,
  onConnection(now) {
    connection.hidden = now !== 'reconnecting';
  },
  onNotice(sentence) {
    notice.hidden = sentence === null;
    notice.textContent = sentence;
  },
  onRejected(text) {
    composer.value = composer.value === '' ? text : `${text}\n${composer.value}`;
    drafts.set(current, { text: composer.value });
  },
  onConversation(id) {
    // What was typed meanwhile belongs to the conversation that was just made.
    drafts.set(id, drafts.get(null));
    drafts.set(null, null);
    made.set(null, { id });
    current = id;
    history.replaceState(null, '', `#${id}`);
  },
  onProgress: () => void listConversations(),
  onGrowth: stayPinned,
});

function find<T extends HTMLElement>(id: string, type: new () => T): T {
  const element = document.getElementById(id);
  if (!(element instanceof type)) throw new Error(`the page has no ${type.name} #${id}`);
  return element;
}

/** The conversation of the address; null for a new one, and for anything that is no id. */
function addressed(): string | null {
  return /^#[0-9a-f-]{36}$/i.test(location.hash) ? location.hash.slice(1) : null;
}

/** Leads a reload that lost the address of the conversation (see `made`) back to it. */
function recallAddress(): void {
  const [navigation] = performance.getEntriesByType('navigation') as PerformanceNavigationTiming[];
  const last = made.get(null);
  if (navigation?.type !== 'reload' || last === null || addressed() !== null) return;
  history.replaceState(null, '', `#${last.id}`);
}

function openAddressed(): void {
  current = addressed();
  // Whoever comes to an empty conversation by choice shall find it empty after a reload.
  if (current === null) made.set(null, null);
  isPinned = true;
  composer.value = drafts.get(current)?.text ?? '';
  if (sidebar.matches(':popover-open')) sidebar.hidePopover();
  markCurrent();
  void chat.open(current);
  focusComposer();
}

/** Not where focusing means that a keyboard covers half of the screen. */
function focusComposer(): void {
  if (matchMedia('(pointer: fine)').matches) composer.focus();
}

function showState(now: ChatState): void {
  state = now;
  stopButton.hidden = now !== 'answering';
  stopButton.disabled = false;
  sendButton.hidden = now === 'answering';
  sendButton.disabled = now === 'busy';
}

function stayPinned(): void {
  if (isPinned) scroller.scrollTop = scroller.scrollHeight;
  scrolledTo = scroller.scrollTop;
}

async function listConversations(): Promise<void> {
  try {
    const { conversations } = await client.conversations({ limit: conversationsMax });
    list.replaceChildren(...conversations.map(createLink));
    markCurrent();
  } catch {
    // The list is a convenience; what matters on this page reports its own failures.
  }
}

function createLink({ id, title }: Conversation): HTMLElement {
  const item = document.createElement('li');
  const link = document.createElement('a');
  link.href = `#${id}`;
  link.dir = 'auto';
  link.dataset.testid = 'conversation-link';
  link.textContent = title ?? 'Untitled';
  item.append(link);
  return item;
}

function markCurrent(): void {
  for (const link of list.querySelectorAll('a')) {
    link.ariaCurrent = current !== null && link.hash === `#${current}` ? 'page' : null;
  }
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  // Broken UTF-16 and NUL cannot be stored; nobody types them, but some clipboards hold them.
  const text = composer.value.toWellFormed().replaceAll('\0', '');
  if (state !== 'idle' || text.trim() === '') return;
  composer.value = '';
  drafts.set(current, null);
  isPinned = true;
  void chat.send(text);
});

composer.addEventListener('keydown', (event) => {
  // During composition (Chinese, Japanese, Korean) Enter takes a suggestion; it must not send.
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  form.requestSubmit();
});

composer.addEventListener('input', () => {
  drafts.set(current, composer.value === '' ? null : { text: composer.value });
});

stopButton.addEventListener('click', () => {
  stopButton.disabled = true;
  // A button that is disabled or goes takes the focus with it; the keyboard would begin at the top of the page again.
  focusComposer();
  void chat.stop();
});

scroller.addEventListener(
  'scroll',
  () => {
    const isAtEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight <= pinnedPxMax;
    // Only a reader moves up. A text that is laid out anew, as the window is turned, moves the end away from everybody.
    if (isAtEnd) isPinned = true;
    else if (scroller.scrollTop < scrolledTo) isPinned = false;
    scrolledTo = scroller.scrollTop;
  },
  { passive: true },
);

// A phone's keyboard, a turned screen or a longer draft move the end of the text out of sight without any scrolling.
new ResizeObserver(stayPinned).observe(scroller);

addEventListener('hashchange', openAddressed);
recallAddress();
openAddressed();
void listConversations();
