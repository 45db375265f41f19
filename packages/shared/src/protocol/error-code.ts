/**
 * The closed set of codes that clients branch on. docs/ERRORS.md explains each; a test compares the two, both ways.
 * A code, once published, keeps its meaning.
 */

/** What an HTTP problem (RFC 9457) can say. `retry`: the same request may succeed later, unchanged. */
export const problems = {
  invalid_request: { status: 400, title: 'The request is not valid', retry: false },
  invalid_json: { status: 400, title: 'The body is not valid JSON', retry: false },
  invalid_cursor: { status: 400, title: 'The cursor is not valid', retry: false },
  invalid_idempotency_key: { status: 400, title: 'The Idempotency-Key is not valid', retry: false },
  bad_http: { status: 400, title: 'The request is not valid HTTP', retry: false },
  unauthenticated: { status: 401, title: 'You are not signed in', retry: false },
  wrong_credentials: { status: 401, title: 'E-mail address or password is wrong', retry: false },
  forbidden: { status: 403, title: 'You may not do this', retry: false },
  account_disabled: { status: 403, title: 'The account is disabled', retry: false },
  foreign_origin: { status: 403, title: 'The request comes from a foreign page', retry: false },
  registration_closed: { status: 403, title: 'New accounts cannot be made here', retry: false },
  route_not_found: { status: 404, title: 'There is no such route', retry: false },
  conversation_not_found: { status: 404, title: 'There is no such conversation', retry: false },
  message_not_found: { status: 404, title: 'There is no such message', retry: false },
  run_not_found: { status: 404, title: 'There is no such run', retry: false },
  user_not_found: { status: 404, title: 'There is no such user', retry: false },
  member_not_found: { status: 404, title: 'There is no such member', retry: false },
  session_not_found: { status: 404, title: 'There is no such session', retry: false },
  api_key_not_found: { status: 404, title: 'There is no such API key', retry: false },
  invitation_not_found: { status: 404, title: 'There is no such invitation', retry: false },
  public_link_not_found: { status: 404, title: 'There is no such public link', retry: false },
  request_timeout: { status: 408, title: 'The request took too long to arrive', retry: true },
  conversation_busy: { status: 409, title: 'The conversation is being answered', retry: true },
  email_taken: { status: 409, title: 'There is an account with this e-mail address', retry: false },
  already_registered: { status: 409, title: 'You have an account', retry: false },
  last_admin: { status: 409, title: 'There has to be an administrator', retry: false },
  too_many_api_keys: { status: 409, title: 'Too many API keys', retry: false },
  last_owner: { status: 409, title: 'A conversation needs an owner', retry: false },
  too_many_members: { status: 409, title: 'The conversation has as many members as it may', retry: false },
  too_many_invitations: {
    status: 409,
    title: 'The conversation has as many invitations as it may',
    retry: false,
  },
  body_too_large: { status: 413, title: 'The body is too large', retry: false },
  uri_too_long: { status: 414, title: 'The address is too long', retry: false },
  unsupported_media_type: { status: 415, title: 'The body must be JSON', retry: false },
  idempotency_key_reused: {
    status: 422,
    title: 'The Idempotency-Key was used for another request',
    retry: false,
  },
  unknown_model: { status: 422, title: 'The model is not offered', retry: false },
  rate_limited: { status: 429, title: 'Too many requests', retry: true },
  too_many_waiting: { status: 429, title: 'Too many of your messages wait for an answer', retry: true },
  too_many_connections: { status: 429, title: 'Too many event connections', retry: true },
  token_limit_reached: { status: 429, title: "Today's tokens are used up", retry: false },
  headers_too_large: { status: 431, title: 'The header fields are too large', retry: false },
  internal: { status: 500, title: 'Something went wrong on our side', retry: true },
  store_unavailable: { status: 503, title: 'The database cannot be reached', retry: true },
  queue_unavailable: { status: 503, title: 'The queue cannot be reached', retry: true },
  identity_provider_unavailable: {
    status: 503,
    title: 'The identity provider does not answer',
    retry: true,
  },
  overloaded: { status: 503, title: 'The server is at its limit', retry: true },
  shutting_down: { status: 503, title: 'The server is shutting down', retry: true },
} as const satisfies Record<string, { status: number; title: string; retry: boolean }>;

export type ProblemCode = keyof typeof problems;

/**
 * Why a run failed: the code of the `failed` event and the sentence that people read. No provider text goes to the
 * client: it may hold keys, addresses or another customer's words.
 */
export const failures = {
  upstream_auth: 'The model provider refused our credentials. The operator has to check the API key.',
  upstream_not_found: 'The model provider does not know this model.',
  upstream_rejected: 'The model provider did not accept this request.',
  upstream_rate_limited: 'The model provider is busy and asked us to wait. Please try again in a moment.',
  upstream_quota: 'The account at the model provider has no credit left. The operator has to see to it.',
  upstream_unavailable: 'The model provider cannot be reached or has an internal fault. Please try again.',
  upstream_interrupted: 'The model provider broke off in the middle of the answer. Please try again.',
  upstream_idle: 'The model provider stopped sending. Please try again.',
  upstream_invalid: 'The model provider sent something that cannot be understood.',
  context_too_long: 'The conversation is longer than the model can read. Start a new one or shorten it.',
  content_refused: 'The model provider refused to answer this for its content rules.',
  answer_too_long: 'The answer grew past the limit that is set here; what came before it is kept.',
  run_timeout: 'The answer took longer than is allowed here; what was written is kept.',
  token_limit_reached: "Today's tokens are used up; what was written is kept.",
  worker_crashed: 'The answer broke off several times on our side. Please try again.',
  internal: 'Something went wrong on our side. Please try again.',
} as const satisfies Record<string, string>;

export type FailureCode = keyof typeof failures;
