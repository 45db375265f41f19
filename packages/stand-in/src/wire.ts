/** The OpenAI chat-completions format, as far as it is spoken here. */

/** Tokens as the provider counts them. */
export interface ProviderUsage {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly total_tokens: number;
}

/** What a request must hold; everything else is passed through unread. */
export interface ChatRequest {
  readonly model: string;
  readonly messages: readonly { readonly role?: unknown; readonly content?: unknown }[];
  readonly stream?: boolean;
  readonly stream_options?: { readonly include_usage?: boolean };
}

/** Headers of a streamed answer, as the real provider sends them. */
export const eventStreamHeaders = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache',
};

export const doneFrame = 'data: [DONE]\n\n';

/**
 * Checks a parsed body. Returns what is wrong in the provider's words, or null.
 */
export function requestFault(body: unknown): string | null {
  if (typeof body !== 'object' || body === null) return 'We could not parse the JSON body of your request.';
  const { model, messages } = body as Record<string, unknown>;
  if (typeof model !== 'string' || model === '') return 'you must provide a model parameter';
  if (!Array.isArray(messages)) return "Missing required parameter: 'messages'.";
  if (messages.length === 0)
    return "Invalid 'messages': empty array. Expected an array with minimum length 1.";
  const bad = messages.findIndex((message) => typeof message !== 'object' || message === null);
  return bad < 0 ? null : `Invalid type for 'messages[${bad}]': expected an object.`;
}

/** The text of the last user message; content parts that are not text count as nothing. */
export function lastUserText(messages: ChatRequest['messages']): string {
  const content = messages.findLast((message) => message.role === 'user')?.content;
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content
    .map((part: { text?: unknown } | null) => (typeof part?.text === 'string' ? part.text : ''))
    .join('');
}

/**
 * Encodes the frames of one answer. The unchanging parts are encoded once: at hundreds of answers × 50 deltas/s this
 * process must not be what a benchmark measures.
 */
export function createFrames(answerId: string, request: ChatRequest) {
  const withUsage = request.stream_options?.include_usage === true;
  const head = JSON.stringify({
    id: answerId,
    object: 'chat.completion.chunk',
    created: unixSeconds(),
    model: request.model,
    system_fingerprint: 'fp_stand_in',
  }).slice(0, -1);
  // The real provider sets "usage": null on every chunk but the last when usage was asked for.
  const tail = withUsage ? ',"usage":null' : '';
  const frame = (delta: string, finish: string) =>
    `data: ${head},"choices":[{"index":0,"delta":${delta},"logprobs":null,"finish_reason":${finish}}]${tail}}\n\n`;

  return {
    /** The first chunk: the role, no text. */
    role: () => frame('{"role":"assistant","content":"","refusal":null}', 'null'),
    /** One text delta. JSON.stringify writes a lone surrogate as an escape, so that half a character survives UTF-8. */
    delta: (text: string) => frame(`{"content":${JSON.stringify(text)}}`, 'null'),
    /** The last chunk with a choice. */
    finish: (reason: string) => frame('{}', JSON.stringify(reason)),
    /** The usage chunk, or '' when the request did not ask for it. */
    usage: (usage: ProviderUsage) =>
      withUsage ? `data: ${head},"choices":[],"usage":${JSON.stringify(usage)}}\n\n` : '',
  };
}

/** The body of an answer that is not streamed. */
export function completionBody(
  answerId: string,
  model: string,
  text: string,
  finish: string,
  usage: ProviderUsage,
) {
  const message = { role: 'assistant', content: text, refusal: null };
  return {
    id: answerId,
    object: 'chat.completion',
    created: unixSeconds(),
    model,
    choices: [{ index: 0, message, logprobs: null, finish_reason: finish }],
    usage,
    system_fingerprint: 'fp_stand_in',
  };
}

/** What a scripted answer is said to have cost: one token per delta, one per four characters of the prompt. */
export function scriptedUsage(messages: ChatRequest['messages'], deltas: number): ProviderUsage {
  const prompt = Math.ceil(JSON.stringify(messages).length / 4);
  return { prompt_tokens: prompt, completion_tokens: deltas, total_tokens: prompt + deltas };
}

const unixSeconds = (): number => Math.floor(Date.now() / 1000);
