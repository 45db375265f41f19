/** For comparison: Streamdown as its documentation shows it, given the whole text with each state of the chat. */
import { createClient } from '@holdfast/client';
import { useChat } from '@holdfast/client/react';
import { code } from '@streamdown/code';
import { math } from '@streamdown/math';
import { type ReactNode, useEffect } from 'react';
import { createRoot } from 'react-dom/client';
import { Streamdown } from 'streamdown';
import 'katex/dist/katex.min.css';

const client = createClient();
const plugins = { code, math };

function Chat(): ReactNode {
  const { messages } = useChat({ client, conversationId: location.hash.slice(1) });
  // As every chat does.
  useEffect(() => {
    scrollTo(0, document.body.scrollHeight);
  });
  return (
    <>
      {messages.map((message) => (
        <article key={message.key} data-role={message.role} data-status={message.status}>
          <Streamdown plugins={plugins} isAnimating={message.status === 'answering'}>
            {message.text}
          </Streamdown>
        </article>
      ))}
      <textarea data-testid="composer" aria-label="Message" style={{ position: 'fixed', bottom: 0 }} />
    </>
  );
}

createRoot(document.body.appendChild(document.createElement('div'))).render(<Chat />);
