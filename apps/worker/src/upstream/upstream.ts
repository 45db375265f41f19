import type { Parameters } from '@holdfast/shared/http/parameters.ts';
import { type FailureCode, failures } from '@holdfast/shared/protocol/error-code.ts';
import type { FinishReason, Usage } from '@holdfast/shared/protocol/run-event.ts';

/** What the model is asked. */
export interface Prompt {
  readonly model: string;
  readonly messages: readonly { readonly role: 'system' | 'user' | 'assistant'; readonly content: string }[];
  readonly parameters: Parameters;
}

/** A piece of an answer. `usage` may come with or after the piece that has the finish reason, or never. */
export interface UpstreamChunk {
  readonly text?: string;
  readonly finishReason?: FinishReason;
  readonly usage?: Usage;
}

/** A model provider. */
export interface Upstream {
  /**
   * Streams one answer. Ends normally only after a finish reason, or when `signal` is aborted, which closes the
   * connection at once; everything else throws an UpstreamError.
   */
  answer(prompt: Prompt, signal: AbortSignal): AsyncIterable<UpstreamChunk>;
}

/** The provider failed. `code` is what the client is told; the cause, which may hold secrets, stays here. */
export class UpstreamError extends Error {
  override readonly name = 'UpstreamError';
  readonly code: FailureCode;
  /** Whether the same request may succeed later. */
  readonly retryable: boolean;
  /** How long the provider asked us to wait. */
  readonly retryAfterMs: number | undefined;

  constructor(
    code: FailureCode,
    options: { retryable: boolean; retryAfterMs?: number | undefined; cause?: unknown },
  ) {
    super(failures[code], { cause: options.cause });
    this.code = code;
    this.retryable = options.retryable;
    this.retryAfterMs = options.retryAfterMs;
  }
}
