/** Error answers of the provider, worded as OpenAI words them: a classifier that reads them must meet the real thing. */

/**
 * In every error text, as real ones hold organisations, addresses and parts of keys. Whoever finds it in an answer to
 * a client, in a run's failure or in a log that users see has found a leak.
 */
export const errorCanary = 'org-StandInCanary7';

/** One error answer, ready to be written. */
export interface ProviderError {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

interface ErrorFields {
  readonly message: string;
  readonly type: string;
  readonly param: string | null;
  readonly code: string | null;
}

const byCode: Record<string, Omit<ErrorFields, 'code'>> = {
  context_length_exceeded: {
    message:
      "This model's maximum context length is 128000 tokens. However, your messages resulted in 131072 tokens. " +
      'Please reduce the length of the messages.',
    type: 'invalid_request_error',
    param: 'messages',
  },
  invalid_api_key: {
    message: 'Incorrect API key provided: sk-stand***********************-in.',
    type: 'invalid_request_error',
    param: null,
  },
  unsupported_country_region_territory: {
    message: 'Country, region, or territory not supported',
    type: 'request_forbidden',
    param: null,
  },
  model_not_found: {
    message: 'The model does not exist or you do not have access to it.',
    type: 'invalid_request_error',
    param: null,
  },
  rate_limit_exceeded: {
    message:
      'Rate limit reached on tokens per min (TPM): Limit 30000, Used 29950, Requested 120. Please try again in 1s.',
    type: 'tokens',
    param: null,
  },
  insufficient_quota: {
    message: 'You exceeded your current quota, please check your plan and billing details.',
    type: 'insufficient_quota',
    param: null,
  },
  content_policy_violation: {
    message: 'Your request was rejected as a result of our safety system.',
    type: 'invalid_request_error',
    param: 'messages',
  },
};

const codeByStatus: Record<number, string> = {
  400: 'context_length_exceeded',
  401: 'invalid_api_key',
  403: 'unsupported_country_region_territory',
  404: 'model_not_found',
  429: 'rate_limit_exceeded',
};

/** Sent by the balancer in front of the provider, which does not speak JSON. */
const gatewayStatuses = [502, 504];

/**
 * The error answer for an HTTP status; `code` where a status has several meanings (429 insufficient_quota, 400
 * content_policy_violation).
 */
export function providerError(status: number, code?: string): ProviderError {
  if (gatewayStatuses.includes(status) && !code) {
    const body = `<html><head><title>${status}</title></head><body>upstream ${errorCanary}</body></html>\n`;
    return { status, contentType: 'text/html', body };
  }
  const errorCode = code ?? codeByStatus[status] ?? null;
  const known = errorCode === null ? undefined : byCode[errorCode];
  const fields: ErrorFields = known
    ? { ...known, code: errorCode }
    : {
        message:
          status === 503
            ? 'The engine is currently overloaded, please try again later.'
            : 'The server had an error while processing your request. Sorry about that!',
        type: status >= 500 ? 'server_error' : 'invalid_request_error',
        param: null,
        code: errorCode,
      };
  return {
    status,
    contentType: 'application/json',
    body: errorBody({ ...fields, message: `${fields.message} (${errorCanary})` }),
  };
}

/** A 400 in the provider's format that says what is wrong with the request itself. */
export function badRequest(message: string, code: string | null = null): ProviderError {
  const body = errorBody({ message, type: 'invalid_request_error', param: null, code });
  return { status: 400, contentType: 'application/json', body };
}

/** The JSON of an error, also that of an error in the middle of an answer (`data: {"error": …}`). */
export function errorBody(fields: ErrorFields): string {
  return JSON.stringify({ error: fields });
}

/** What comes in the middle of an answer when the model behind the provider dies. */
export const errorInAnswer = errorBody({
  message: `The server had an error while processing your request. (${errorCanary})`,
  type: 'server_error',
  param: null,
  code: null,
});
