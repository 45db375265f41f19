/** The page: who is signed in, what the address asks for, and the parts that show it. */
import { type Conversation, type CurrentUser, createClient, type LiveEvent } from '@holdfast/client';
import { createAccountDialog } from './account-dialog.ts';
import { parseAddress } from './address.ts';
import { createChat } from './chat.ts';
import { createComposer } from './composer.ts';
import { createConversationList } from './conversation-list.ts';
import { createConversationMenu } from './conversation-menu.ts';
import { find } from './dom.ts';
import { createGate } from './gate.ts';
import { createHeader } from './header.ts';
import { createLive } from './live.ts';
import { createNotice } from './notice.ts';
import { forgetAll, made, rememberUser } from './saved.ts';
import { createScroll } from './scroll.ts';
import { codeOf, invitationSentence, isRetryable, sentenceOf } from './sentences.ts';
import { createShareDialog } from './share-dialog.ts';
import { showShared } from './shared-page.ts';

const client = createClient({ fetch: watchedFetch });
const log = find('log', HTMLElement);
const connection = find('connection', HTMLElement);
const sidebar = find('sidebar', HTMLElement);
const shareButton = find('share', HTMLButtonElement);
const accountName = find('account-name', HTMLButtonElement);

let user: CurrentUser | null = null;
let conversation: Conversation | null = null;
/** Aborted when the address asks for something else. */
let shown = new AbortController();

const scroll = createScroll(find('scroller', HTMLElement));
const showNotice = createNotice();
const header = createHeader();
const gate = createGate(client);
const list = createConversationList(client);
const live = createLive({
  client,
  userId: () => user?.id ?? '',
  onEvent: hear,
  onState(now) {
    connection.hidden = now !== 'reconnecting';
  },
});
const composer = createComposer({
  onSend(text) {
    scroll.pin();
    void chat.send(text);
  },
  onStop: () => chat.stop(),
});
const chat = createChat({
  client,
  log,
  userId: () => user?.id ?? '',
  follow: live.follow,
  cursor: () => live.cursor,
  onState: composer.show,
  onConversation: showConversation,
  onMade(id) {
    composer.made(id);
    made.set(null, { id });
    list.mark(id);
    history.replaceState(null, '', `#${id}`);
  },
  onNotice: showNotice,
  onRejected: composer.putBack,
  onGrowth: scroll.stay,
});
const shareDialog = createShareDialog(client, () => {
  location.hash = '';
});
const menu = createConversationMenu({
  client,
  onChanged(now) {
    showConversation(now);
    list.read();
  },
  onGone() {
    list.read();
    location.hash = '';
  },
  onProblem: showNotice,
});
const accountDialog = createAccountDialog(client, showUser, () => void registerGuest());

/** Every answer that says that nobody is signed in leads to the gate, whoever asked. */
async function watchedFetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
  const response = await fetch(input, init);
  if (response.status === 401 && user !== null && !new URL(response.url).pathname.startsWith('/api/auth/'))
    signedOut();
  return response;
}

function showUser(now: CurrentUser | null): void {
  user = now;
  accountName.textContent = now?.name ?? '';
  if (now) rememberUser(now.id);
}

function showConversation(now: Conversation | null): void {
  conversation = now;
  header.show(now?.title ?? null, now?.role === 'reader' ? 'Read only' : null);
  shareButton.hidden = now === null;
  menu.show(now);
}

function hear(event: LiveEvent): void {
  chat.hear(event);
  const { type } = event;
  if (type !== 'run.event' && type !== 'run.position' && type !== 'run.started') list.read();
}

/** The session has ended, here or elsewhere. What was typed stays where it is. */
function signedOut(): void {
  showUser(null);
  live.stop();
  shareDialog.close();
  accountDialog.close();
  void route('You are no longer signed in.');
}

/** Who is signed in; asks at the gate if nobody is. */
async function whoIsThere(lead: string): Promise<CurrentUser> {
  if (user) return user;
  for (;;) {
    try {
      return await client.me();
    } catch (error) {
      if (codeOf(error) === 'unauthenticated') return gate.signIn(lead);
      if (!isRetryable(error)) return gate.signIn(sentenceOf(error));
      gate.tell(sentenceOf(error));
    }
  }
}

/** Shows what the address asks for. */
async function route(lead = ''): Promise<void> {
  shown.abort();
  shown = new AbortController();
  const { signal } = shown;
  const address = parseAddress(location.hash);
  if (sidebar.matches(':popover-open')) sidebar.hidePopover();
  if (address.view === 'shared') {
    await showPublic(address.token, signal);
    return;
  }
  const invited = address.view === 'invitation' && lead === '';
  const found = await whoIsThere(
    invited ? 'You are invited to a conversation. How do you want to come in?' : lead,
  );
  // Another address was asked for while somebody signed in: that one goes on, with whom this one has found.
  showUser(found);
  if (signal.aborted) return;
  if (address.view === 'chat') showChat(address.conversationId);
  else await showInvitation(address.token, signal);
}

function showChat(conversationId: string | null): void {
  gate.close();
  // Whoever comes to an empty conversation by choice shall find it empty after a reload.
  if (conversationId === null) made.set(null, null);
  composer.open(conversationId);
  list.mark(conversationId);
  list.read();
  scroll.pin();
  void chat.open(conversationId);
  composer.focus();
}

async function showInvitation(token: string, signal: AbortSignal): Promise<void> {
  try {
    const invitation = await client.invitation(token, { signal });
    gate.accept(invitationSentence(invitation), async () => {
      const { id } = await client.acceptInvitation(token, { signal });
      if (signal.aborted) return;
      // Going back leads to where one was before the invitation.
      history.replaceState(null, '', `#${id}`);
      void route();
    });
  } catch (error) {
    if (signal.aborted) return;
    gate.tell(sentenceOf(error));
  }
}

async function showPublic(token: string, signal: AbortSignal): Promise<void> {
  document.body.dataset['view'] = 'shared';
  chat.close();
  live.stop();
  const onTitle = (title: string | null) => header.show(title, 'Shared · read only');
  onTitle(null);
  scroll.pin();
  await showShared(token, { client, log, onTitle, onNotice: showNotice, onGrowth: scroll.stay }, signal);
}

async function registerGuest(): Promise<void> {
  const registered = await gate.register('Register to keep everything that you have written as a guest.');
  if (registered) showUser(registered);
  gate.close();
}

async function logOut(): Promise<void> {
  if (
    user?.kind === 'guest' &&
    !confirm('You are a guest: nobody can come back to these conversations. Log out?')
  )
    return;
  try {
    await client.logout();
  } catch (error) {
    if (codeOf(error) !== 'unauthenticated') {
      showNotice(sentenceOf(error));
      return;
    }
  }
  forgetAll();
  list.clear();
  showUser(null);
  live.stop();
  history.replaceState(null, '', location.pathname);
  chat.close();
  composer.open(null);
  void route();
}

/** Leads a reload that lost the address of the conversation (see `made`) back to it. */
function recallAddress(): void {
  const [navigation] = performance.getEntriesByType('navigation') as PerformanceNavigationTiming[];
  const last = made.get(null);
  if (navigation?.type !== 'reload' || last === null || location.hash.length > 1) return;
  history.replaceState(null, '', `#${last.id}`);
}

shareButton.addEventListener('click', () => {
  if (conversation && user) shareDialog.open(conversation, user);
});
accountName.addEventListener('click', () => {
  if (user) accountDialog.open(user);
});
find('log-out', HTMLElement).addEventListener('click', () => void logOut());
addEventListener('hashchange', () => void route());
recallAddress();
void route();
