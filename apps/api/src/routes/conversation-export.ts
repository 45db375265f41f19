import { Readable } from 'node:stream';
import { type ExportFormat, exportQuerySchema } from '@holdfast/shared/http/conversations.ts';
import type { Conversation, Message } from '@holdfast/shared/http/schemas.ts';
import { getConversation } from '@holdfast/shared/store/conversations.ts';
import type { Store } from '@holdfast/shared/store/database.ts';
import { allMessageIds, authorsOf, readMessages, shownMessageIds } from '@holdfast/shared/store/export.ts';
import { attachment } from '../export/file-name.ts';
import { body, heading } from '../export/markdown.ts';
import { idParams } from './request.ts';
import type { App, Services } from './services.ts';

const files = {
  json: { type: 'application/json; charset=utf-8', extension: 'json' },
  markdown: { type: 'text/markdown; charset=utf-8', extension: 'md' },
} as const satisfies Record<ExportFormat, unknown>;

/** `/api/conversations/{id}/export`: a conversation as a file. */
export function registerConversationExport(app: App, { store }: Services): void {
  app.get(
    '/api/conversations/:id/export',
    {
      config: { access: { to: 'member', of: 'conversation', role: 'reader' } },
      schema: {
        tags: ['conversations'],
        summary: 'Download: all branches as JSON, or the one that is shown as Markdown',
        description:
          'JSON: `{conversation, authors, messages}`, with all messages in the order in which they were stored. An answer that has not ended is left out, so that a `parentId` may lead to none.',
        produces: [files.json.type, files.markdown.type],
        params: idParams,
        querystring: exportQuerySchema,
      },
    },
    async (request, reply) => {
      const { format } = request.query;
      const conversation = await getConversation(store, request.user.id, request.grant.conversationId);
      const { type, extension } = files[format];
      const pieces = await (format === 'json' ? asJson : asMarkdown)(store, conversation);
      return reply
        .header('content-type', type)
        .header('content-disposition', attachment(conversation.title, extension))
        .send(Readable.from(pieces, { objectMode: false }));
    },
  );
}

/** What can fail before the first byte fails here, so that it becomes a proper error. */
async function asJson(store: Store, conversation: Conversation): Promise<AsyncGenerator<string>> {
  const authors = await authorsOf(store, conversation.id);
  const ids = await allMessageIds(store, conversation.id);
  return (async function* () {
    yield `{"conversation":${JSON.stringify(conversation)},\n"authors":${JSON.stringify(authors)},\n"messages":[`;
    let separator = '\n';
    for await (const message of readMessages(store, ids)) {
      yield `${separator}${JSON.stringify(message)}`;
      separator = ',\n';
    }
    yield '\n]}\n';
  })();
}

async function asMarkdown(store: Store, conversation: Conversation): Promise<AsyncGenerator<string>> {
  const names = new Map((await authorsOf(store, conversation.id)).map(({ id, name }) => [id, name]));
  const ids = await shownMessageIds(store, conversation.id);
  const who = (message: Message): string =>
    message.role === 'assistant'
      ? `Assistant${message.model ? ` (${message.model})` : ''}`
      : `User: ${names.get(message.authorId ?? '') ?? 'somebody who has left'}`;
  return (async function* () {
    yield heading(1, conversation.title ?? 'Conversation');
    for await (const message of readMessages(store, ids)) {
      yield heading(2, who(message));
      yield body(message.text);
      if (message.status !== 'completed') yield `*(${message.status})*\n\n`;
    }
  })();
}
