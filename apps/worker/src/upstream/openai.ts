import type { FinishReason } from '@holdfast/shared/protocol/run-event.ts';
import OpenAI, { APIError } from 'openai';
import { classify } from './classify.ts';
import { createLeanFetch } from './lean-fetch.ts';
import { readEvents, type SentEvent } from './read-events.ts';
import { type Prompt, type Upstream, type UpstreamChunk, UpstreamError } from './upstream.ts';

export interface OpenAiOptions {
  readonly apiKey: string;
  readonly baseUrl: string;
  readonly organization: string | null;
  readonly maxTokensField: 'max_tokens' | 'max_completion_tokens';
  /** Longest silence before and within an answer, in milliseconds. */
  readonly idleMs: number;
}

/**
 * Any provider with OpenAI's "Create chat completion", through the official SDK. The SDK does not retry here: a retry is
 * a new attempt of the run, which readers are told of, and which a shutdown or a cancel can end while it waits.
 */
export function createOpenAiUpstream({
  apiKey,
  baseUrl,
  organization,
  maxTokensField,
  idleMs,
}: OpenAiOptions): Upstream {
  const { fetch, bodyOf } = createLeanFetch();
  const client = new OpenAI({
    apiKey,
    baseURL: baseUrl,
    organization,
    maxRetries: 0,
    timeout: idleMs,
    fetch,
  });

  async function* answer(prompt: Prompt, signal: AbortSignal): AsyncGenerator<UpstreamChunk> {
    // The SDK's timeout ends with the response's head; a provider that falls silent later would hold the run for ever.
    const idle = new AbortController();
    const watchdog = setTimeout(() => idle.abort(), idleMs);
    const either = AbortSignal.any([signal, idle.signal]);
    const silent = () => new UpstreamError('upstream_idle', { retryable: true });
    let finished = false;
    try {
      const { max_tokens, ...parameters } = prompt.parameters;
      const response = await client.chat.completions
        .create(
          {
            model: prompt.model,
            messages: [...prompt.messages],
            ...definedOnly(parameters),
            ...(max_tokens === undefined ? {} : { [maxTokensField]: max_tokens }),
            stream: true,
            stream_options: { include_usage: true },
          },
          { signal: either },
        )
        // The SDK's own iterator costs twice what the rest of the way does (decision 15).
        .asResponse();
      const body = bodyOf(response);
      const close = () => body.destroy();
      either.addEventListener('abort', close);
      try {
        either.throwIfAborted();
        expectEventStream(response.headers);
      } catch (error) {
        close();
        throw error;
      }
      const decode = (event: SentEvent) => {
        watchdog.refresh();
        return decodeEvent(event, response.headers);
      };
      for await (const piece of readEvents(body, decode)) {
        // What had come already is not wanted any more, and would be counted.
        if (signal.aborted) return;
        if (piece.finishReason) finished = true;
        yield piece;
      }
    } catch (error) {
      if (signal.aborted) return;
      throw idle.signal.aborted ? silent() : classify(error);
    } finally {
      clearTimeout(watchdog);
    }
    // An abort ends the SDK's loop without an error, and so does a connection that the provider closes early.
    if (signal.aborted) return;
    if (idle.signal.aborted) throw silent();
    if (!finished) throw new UpstreamError('upstream_interrupted', { retryable: true });
  }

  return { answer };
}

/** Some proxies answer 200 with a page of their own, and some compress whatever they are asked. */
function expectEventStream(headers: Headers): void {
  const type = headers.get('content-type') ?? '';
  const encoding = headers.get('content-encoding') ?? 'identity';
  if (!/^text\/html\b/i.test(type) && encoding === 'identity') return;
  throw new UpstreamError('upstream_invalid', {
    retryable: true,
    cause: new Error(`an answer of type "${type}", encoded as "${encoding}"`),
  });
}

/**
 * One event of the answer; null at its end. Throws as the SDK's own iterator does: APIError for an error of the provider in
 * mid-answer, SyntaxError for what is not JSON.
 */
function decodeEvent({ event, data }: SentEvent, headers: Headers): UpstreamChunk | null {
  if (data.startsWith('[DONE]')) return null;
  const json: unknown = JSON.parse(data);
  const error = (json as { error?: object } | null)?.error;
  if (error || event === 'error')
    throw new APIError(undefined, error ?? (json as object), undefined, headers);
  return toUpstreamChunk(json as OpenAI.ChatCompletionChunk);
}

/** Zod leaves optional fields as undefined; the SDK's types want them absent. */
function definedOnly<T extends object>(values: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}

/** Finish reasons that other providers use besides OpenAI's; all but these mean that the model came to its end. */
const finishReasons: Readonly<Record<string, FinishReason>> = {
  length: 'length',
  max_tokens: 'length',
  content_filter: 'content_filter',
};

/** Reads one chunk with distrust: other providers leave out fields that OpenAI's types promise. */
function toUpstreamChunk(chunk: OpenAI.ChatCompletionChunk | null): UpstreamChunk {
  const choice = chunk?.choices?.[0];
  const text = choice?.delta?.content;
  const reason = choice?.finish_reason;
  const usage = chunk?.usage;
  const storable = typeof text === 'string' && text !== '' ? withoutNul(text) : undefined;
  // Almost every chunk is nothing else.
  if (storable !== undefined && !reason && !usage) return { text: storable };
  return {
    ...(storable === undefined ? {} : { text: storable }),
    ...(reason ? { finishReason: finishReasons[reason] ?? 'stop' } : {}),
    ...(isCount(usage?.prompt_tokens) && isCount(usage?.completion_tokens)
      ? {
          usage: {
            inputTokens: usage.prompt_tokens,
            outputTokens: usage.completion_tokens,
            estimated: false,
          },
        }
      : {}),
  };
}

/** Postgres cannot store NUL, and no reader could show it. */
function withoutNul(text: string): string {
  return text.includes('\u0000') ? text.replaceAll('\u0000', '\uFFFD') : text;
}

/** More than any model can read or write in one answer, and less than what a column of Postgres' `int` holds. */
const tokensMax = 1_000_000_000;

/** A hostile or broken provider may report anything; only this can be added up. */
function isCount(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= tokensMax;
}
