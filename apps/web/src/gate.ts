/**
 * What stands before the chat. Its states:
 *
 * closed       the chat is seen
 * choose       continue as a guest, log in or register
 * credentials  the form for logging in or registering
 * invitation   an invitation that can be accepted
 * message      something to be read, with nothing to do but go on to the chat
 */
import type { Client, CurrentUser } from '@holdfast/client';
import { find, say } from './dom.ts';
import { sentenceOf } from './sentences.ts';

export interface Gate {
  /** Resolves when somebody has signed in. */
  signIn(lead: string): Promise<CurrentUser>;
  /** For a guest: resolves when they have registered, or have thought better of it (null). */
  register(lead: string): Promise<CurrentUser | null>;
  /** Offers to join: `work` does it. */
  accept(lead: string, work: () => Promise<void>): void;
  tell(lead: string): void;
  close(): void;
}

const welcome = 'A chat whose answers never break.';

export function createGate(client: Client): Gate {
  const lead = find('gate-lead', HTMLElement);
  const problem = find('gate-problem', HTMLElement);
  const choices = find('gate-choices', HTMLElement);
  const acceptance = find('gate-accept', HTMLElement);
  const join = find('join', HTMLButtonElement);
  const form = find('credentials', HTMLFormElement);
  const nameLabel = find('name-label', HTMLElement);
  const name = find('name', HTMLInputElement);
  const email = find('email', HTMLInputElement);
  const password = find('password', HTMLInputElement);
  const submit = find('submit-credentials', HTMLButtonElement);
  const guest = find('guest', HTMLButtonElement);

  let mode: 'login' | 'register' = 'login';
  /** Whoever waits for somebody to sign in. */
  let done: ((user: CurrentUser | null) => void) | null = null;
  let signingIn: Promise<CurrentUser> | null = null;
  let onJoin: () => Promise<void> = async () => {};
  let mayGoBack = true;

  function show(part: HTMLElement | null): void {
    document.body.dataset['view'] = 'gate';
    for (const one of [choices, acceptance, form]) one.hidden = one !== part;
    say(problem, null);
  }

  function showForm(now: 'login' | 'register'): void {
    mode = now;
    nameLabel.hidden = now === 'login';
    submit.textContent = now === 'login' ? 'Log in' : 'Register';
    password.autocomplete = now === 'login' ? 'current-password' : 'new-password';
    // The server decides; this only tells it sooner.
    password.minLength = now === 'login' ? 0 : 8;
    show(form);
    (now === 'login' ? email : name).focus();
  }

  function finish(user: CurrentUser | null): void {
    password.value = '';
    done?.(user);
    done = null;
  }

  async function attempt(buttons: readonly HTMLButtonElement[], work: () => Promise<void>): Promise<void> {
    say(problem, null);
    for (const button of buttons) button.disabled = true;
    try {
      await work();
    } catch (error) {
      say(problem, sentenceOf(error));
    } finally {
      for (const button of buttons) button.disabled = false;
    }
  }

  function wait(): Promise<CurrentUser | null> {
    done?.(null);
    return new Promise((resolve) => {
      done = resolve;
    });
  }

  async function waitForSomebody(): Promise<CurrentUser> {
    for (;;) {
      const user = await wait();
      if (user) return user;
    }
  }

  guest.addEventListener('click', () => {
    void attempt([guest], async () => finish((await client.guest()).user));
  });
  find('show-login', HTMLElement).addEventListener('click', () => showForm('login'));
  find('show-register', HTMLElement).addEventListener('click', () => showForm('register'));
  find('gate-back', HTMLElement).addEventListener('click', () => {
    if (mayGoBack) show(choices);
    else finish(null);
  });
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void attempt([submit], async () => {
      const account = { email: email.value, password: password.value };
      const chosen = name.value.trim();
      const { user } =
        mode === 'login'
          ? await client.login(account)
          : await client.register({ ...account, ...(chosen === '' ? {} : { name: chosen }) });
      finish(user);
    });
  });
  join.addEventListener('click', () => void attempt([join], onJoin));
  // Somebody may have signed in in another tab meanwhile.
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState !== 'visible' || !done || !mayGoBack) return;
    client.me().then(finish, () => {});
  });

  return {
    signIn(text) {
      lead.textContent = text === '' ? welcome : text;
      mayGoBack = true;
      show(choices);
      // Whoever asks again, for another address, waits for the same.
      signingIn ??= waitForSomebody().finally(() => {
        signingIn = null;
      });
      return signingIn;
    },
    register(text) {
      lead.textContent = text;
      mayGoBack = false;
      showForm('register');
      return wait();
    },
    accept(text, work) {
      lead.textContent = text;
      onJoin = work;
      show(acceptance);
      join.focus();
    },
    tell(text) {
      lead.textContent = text;
      show(null);
    },
    close() {
      document.body.dataset['view'] = 'chat';
    },
  };
}
