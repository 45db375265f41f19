/** For comparison: the least that a page can do with an answer, which is to show its letters. */
import { createClient } from '@holdfast/client';
import { createChat } from '@holdfast/client/chat';

const chat = createChat({ client: createClient(), conversationId: location.hash.slice(1) });
const log = document.body.appendChild(document.createElement('div'));
const composer = document.body.appendChild(document.createElement('textarea'));
composer.dataset['testid'] = 'composer';
composer.style.cssText = 'position: fixed; bottom: 0';

function draw(): void {
  chat.getState().messages.forEach(({ role, status, text }, place) => {
    const article = (log.children[place] ??
      log.appendChild(document.createElement('article'))) as HTMLElement;
    Object.assign(article.dataset, { role, status });
    article.style.whiteSpace = 'pre-wrap';
    const shown = article.firstChild ?? article.appendChild(document.createTextNode(''));
    // What has grown is appended: setting all of it would lay all of it out again.
    if (text.startsWith(shown.nodeValue ?? '')) {
      (shown as Text).appendData(text.slice(shown.nodeValue?.length ?? 0));
    } else shown.nodeValue = text;
  });
  scrollTo(0, document.body.scrollHeight);
}

chat.subscribe(draw);
draw();
