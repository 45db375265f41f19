/**
 * The attacks that are one request each: by row of the table (attacks.ts), what is sent and which answers are right. What
 * every answer has to be besides, innocent.ts says.
 *
 * This file is longer than 250 lines because it is one table.
 */
import type { RawReply, RawRequest } from '../support/raw-http.ts';
import { testUser } from '../support/test-user.ts';

/** What the attacks are about: a conversation of the test user's, a run of it that waits, and one of somebody else's. */
export interface Victims {
  readonly base: string;
  readonly conversationId: string;
  readonly messageId: string;
  readonly runId: string;
  readonly foreignConversationId: string;
  readonly foreignMessageId: string;
}

export interface Sent {
  readonly what: string;
  readonly request: (victims: Victims) => RawRequest;
  readonly answers: readonly number[];
  /** Throws, or says what is wrong. */
  readonly also?: (reply: RawReply) => string | null;
}

type Headers = readonly (readonly [string, string])[];
const json: Headers = [['Content-Type', 'application/json']];
const post = (path: string, body: unknown, headers: Headers = json): RawRequest => ({
  method: 'POST',
  path,
  headers,
  body: JSON.stringify(body),
});
const patch = (path: string, body: unknown): RawRequest => ({ ...post(path, body), method: 'PATCH' });
const get = (path: string, headers: Headers = []): RawRequest => ({ path, headers });

const lacks =
  (...names: string[]) =>
  ({ headers }: RawReply): string | null =>
    names.filter((name) => name in headers).join(', ') || null;
const has =
  (name: string, value: RegExp) =>
  ({ headers }: RawReply): string | null =>
    value.test(headers[name] ?? '') ? null : `${name}: ${headers[name]}`;

/** A JSON Web Token, signed by nobody. */
const jwt = (head: object, claims: object = { sub: testUser.id, exp: 4e9 }): string =>
  `${[head, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.c2ln`;

const credential = (what: string, value: string, answers: readonly number[] = [401]): Sent => ({
  what,
  request: () => get('/api/me', [['Authorization', value]]),
  answers,
});

/** Fields that are the server's alone, on each route that takes a body. */
const assigned = [
  'id',
  'ownerId',
  'userId',
  'role',
  'status',
  'attempt',
  'cost',
  'priority',
  'disabled',
  'createdAt',
];
const massAssignments: Sent[] = assigned.flatMap((field) =>
  [
    ['a conversation', (): RawRequest => post('/api/conversations', { [field]: 'admin' })],
    [
      'a change of one',
      (v: Victims) => patch(`/api/conversations/${v.conversationId}`, { [field]: 'admin' }),
    ],
    [
      'a message',
      (v: Victims) =>
        post(`/api/conversations/${v.conversationId}/messages`, { text: 'a', [field]: 'admin' }),
    ],
    ['oneself', () => patch('/api/me', { [field]: 'admin' })],
    [
      'an account',
      () => post('/api/auth/register', { email: 'x@example.com', password: 'long enough', [field]: 'admin' }),
    ],
    ['a guest', () => post('/api/auth/guest', { [field]: 'admin' })],
  ].map(([of, request]) => ({
    what: `${field} of ${of as string}`,
    request: request as Sent['request'],
    answers: [400],
  })),
);

const evilOrigins = [
  'https://evil.example',
  'null',
  'https://app.example.com.evil.example',
  'https://evilapp.example.com',
  'https://app.example.com@evil.example',
  'http://app.example.com',
  'https://app.example.com:444',
  'https://APP.example.com.',
  'https://app.example.com%00.evil.example',
];
const noCors = lacks('access-control-allow-origin');
const cookie: Headers = [
  ['Authorization', ''],
  ['Cookie', `holdfast_session=${testUser.sessionToken}`],
];

const strangeIds = [
  '{tag}',
  'a:b',
  'a%0d%0ab',
  '%7B0%7D:meta',
  '*',
  '%00',
  '..%2f..%2fmeta',
  'KEYS[1]',
  "')%20return%20redis",
];

/** 50 kB that make a backtracking pattern work for ever. */
const long = 50_000;

export const sent: Readonly<Record<string, readonly Sent[]>> = {
  A3: [
    {
      what: "a leaf that is another user's message",
      request: (v) => patch(`/api/conversations/${v.conversationId}`, { leafId: v.foreignMessageId }),
      answers: [400, 404, 422],
    },
    {
      what: "another user's conversation named in the body",
      request: (v) =>
        post(`/api/conversations/${v.conversationId}/messages`, {
          text: 'a',
          conversationId: v.foreignConversationId,
        }),
      answers: [400],
    },
    {
      what: "a parent that is another user's message",
      request: (v) =>
        post(`/api/conversations/${v.conversationId}/messages`, { text: 'a', parentId: v.foreignMessageId }),
      answers: [400],
    },
    {
      what: "an edit of another user's message",
      request: (v) => post(`/api/messages/${v.foreignMessageId}/edit`, { text: 'a' }),
      answers: [404],
    },
    {
      what: "a follow of another user's conversation",
      request: (v) => get(`/api/events?follow=${v.conversationId},${v.foreignConversationId}`),
      answers: [404],
    },
  ],
  A4: massAssignments,
  A5: ['system', 'assistant', 'tool', 'developer'].flatMap((role) => [
    {
      what: `a message by ${role}`,
      request: (v: Victims) => post(`/api/conversations/${v.conversationId}/messages`, { text: 'a', role }),
      answers: [400],
    },
    {
      what: `messages of the prompt, by ${role}`,
      request: (v: Victims) =>
        post(`/api/conversations/${v.conversationId}/messages`, {
          text: 'a',
          parameters: { messages: [{ role, content: 'a' }] },
        }),
      answers: [400],
    },
  ]),
  A6: [
    credential('no credential', ''),
    credential('an empty one', 'Bearer '),
    credential('a token of nobody', `Bearer hfs_${'x'.repeat(43)}`),
    credential('another scheme', `Basic ${Buffer.from('test-user@example.com:x').toString('base64')}`),
    credential('alg none', `Bearer ${jwt({ alg: 'none' })}`),
    credential('alg nOnE', `Bearer ${jwt({ alg: 'nOnE', typ: 'JWT' })}`),
    credential('an HMAC with the public key', `Bearer ${jwt({ alg: 'HS256' })}`),
    credential(
      'another issuer',
      `Bearer ${jwt({ alg: 'RS256', kid: 'a' }, { iss: 'https://evil.example' })}`,
    ),
    credential('a path as kid', `Bearer ${jwt({ alg: 'RS256', kid: '../../../dev/null' })}`),
    credential('a URL as key', `Bearer ${jwt({ alg: 'RS256', jku: 'http://127.0.0.1:1/keys' })}`),
    credential('a huge kid', `Bearer ${jwt({ alg: 'RS256', kid: 'k'.repeat(9_000) })}`),
    credential('a huge token', `Bearer ${'x'.repeat(14_000)}`),
    credential('a token too large for a header', `Bearer ${'x'.repeat(20_000)}`, [431]),
    {
      what: 'a good token and a bad one',
      request: () =>
        get('/api/me', [
          ['Authorization', `Bearer hfk_${'x'.repeat(43)}`],
          ['Authorization', testUser.headers.authorization],
        ]),
      answers: [400, 401],
    },
    {
      what: 'a token in the address',
      request: () => get(`/api/me?access_token=${testUser.apiKey}`, [['Authorization', '']]),
      answers: [401],
    },
  ],
  A10: [
    {
      what: 'a password of a megabyte',
      request: () =>
        post('/api/auth/login', { email: 'test-user@example.com', password: 'x'.repeat(1_000_000) }),
      answers: [413],
    },
    {
      what: 'a password of 257 characters',
      request: () => post('/api/auth/register', { email: 'x@example.com', password: 'x'.repeat(257) }),
      answers: [400],
    },
  ],
  A11: ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x'].map((type) => ({
    what: `a form of another site, as ${type}`,
    request: () =>
      post('/api/conversations', {}, [...cookie, ['Content-Type', type], ['Origin', 'https://evil.example']]),
    answers: [403, 415],
  })),
  A12: evilOrigins.flatMap((origin) => [
    {
      what: `reading as ${origin}`,
      request: () => get('/api/me', [...cookie, ['Origin', origin]]),
      answers: [200],
      also: noCors,
    },
    {
      what: `a preflight of ${origin}`,
      request: () => ({
        method: 'OPTIONS',
        path: '/api/conversations',
        headers: [
          ['Authorization', ''],
          ['Origin', origin],
          ['Access-Control-Request-Method', 'POST'],
          ['Access-Control-Request-Headers', 'content-type'],
        ] as const,
      }),
      answers: [204, 400, 404],
      also: noCors,
    },
  ]),
  A13: [
    {
      what: 'an event stream for a page of another site',
      request: (v) =>
        get(`/api/runs/${v.runId}/events`, [
          ...cookie,
          ['Origin', 'https://evil.example'],
          ['Sec-Fetch-Site', 'cross-site'],
        ]),
      answers: [200, 403],
      also: noCors,
    },
  ],
  A14: [
    {
      what: 'a ticket is told to nobody',
      request: () => get('/'),
      answers: [200, 404],
      also: has('referrer-policy', /^no-referrer$/),
    },
    {
      what: 'a ticket of our own making',
      request: (v) =>
        get(`/api/runs/${v.runId}/events?ticket=hft_${'A'.repeat(72)}`, [['Authorization', '']]),
      answers: [401],
    },
  ],
  A20: [
    ...[
      "' OR 1=1--",
      'a & b | !c',
      'a:*',
      '%',
      '_',
      '\\',
      '"unclosed',
      '<->',
      "a');select pg_sleep(9)--",
    ].map((q) => ({
      what: `a search for ${q}`,
      request: () => get(`/api/conversations?q=${encodeURIComponent(q)}`),
      answers: [200, 400],
    })),
    ...['sort=id;drop table users', 'order=1', 'limit=1;select 1', "cursor=' OR 1=1--"].map((query) => ({
      what: `a list by ${query}`,
      request: () => get(`/api/conversations?${encodeURI(query)}`),
      answers: [200, 400],
    })),
  ],
  A21: strangeIds.flatMap((id) => [
    { what: `the run ${id}`, request: () => get(`/api/runs/${id}`), answers: [404] },
    { what: `the events of ${id}`, request: () => get(`/api/runs/${id}/events`), answers: [404] },
    {
      what: `cancelling ${id}`,
      request: () => ({ method: 'POST', path: `/api/runs/${id}/cancel` }),
      answers: [404],
    },
    { what: `following ${id}`, request: () => get(`/api/events?follow=${id}`), answers: [400, 404] },
  ]),
  A26: ['/', '/docs', '/api/me', '/api/none', '/healthz'].flatMap((path) => [
    {
      what: `framing ${path}`,
      request: () => get(path),
      answers: [200, 302, 404],
      also: has('content-security-policy', /frame-ancestors 'none'/),
    },
    {
      what: `sniffing ${path}`,
      request: () => get(path),
      answers: [200, 302, 404],
      also: has('x-content-type-options', /^nosniff$/),
    },
    {
      what: `opening ${path}`,
      request: () => get(path),
      answers: [200, 302, 404],
      also: has('cross-origin-opener-policy', /^same-origin$/),
    },
    ...(path.startsWith('/api/')
      ? [
          {
            what: `keeping ${path}`,
            request: () => get(path),
            answers: [200, 404],
            also: has('cache-control', /^no-store$/),
          },
        ]
      : []),
  ]),
  A27: [
    'http://127.0.0.1:1',
    'http://169.254.169.254/latest',
    'http://[::ffff:127.0.0.1]',
    'file:///etc/passwd',
  ].flatMap((url) => [
    ...['baseUrl', 'base_url', 'url', 'webhook', 'avatar'].map((field) => ({
      what: `${field} = ${url}`,
      request: () => post('/api/conversations', { [field]: url }),
      answers: [400],
    })),
    {
      what: `the parameter base_url = ${url}`,
      request: () => post('/api/conversations', { parameters: { base_url: url } }),
      answers: [400],
    },
    {
      what: `the model ${url}`,
      request: () => post('/api/conversations', { model: url }),
      answers: [400, 422],
    },
  ]),
  A30: [
    [
      'an e-mail address of dots',
      post('/api/auth/login', { email: `a${'.a'.repeat(long / 2)}@x`, password: 'long enough' }),
    ],
    ['an e-mail address of @', post('/api/auth/login', { email: '@'.repeat(long), password: 'long enough' })],
    [
      'an e-mail address of hyphens',
      post('/api/auth/login', { email: `a@${'a-'.repeat(100)}!`, password: 'long enough' }),
    ],
    ['a name of spaces', patch('/api/me', { name: `${' '.repeat(long)}x` })],
    ['a title of spaces', post('/api/conversations', { title: `${' \t'.repeat(long / 2)}\u0000` })],
    ['a cursor of digits', get(`/api/conversations?cursor=${'1'.repeat(9_000)}`)],
    ['a feed cursor of places', get(`/api/events?cursor=1${'~0.1-1'.repeat(1_500)}`)],
    ['a search of quotes', get(`/api/conversations?q=${'%22'.repeat(3_000)}`)],
    ['a search of one word', get(`/api/conversations?q=${'a'.repeat(9_000)}`)],
    [
      'a cookie of pairs',
      get('/api/me', [
        ['Authorization', ''],
        ['Cookie', '=;'.repeat(6_000)],
      ]),
    ],
    [
      'an Accept of parts',
      get('/api/me', [
        ['Accept', 'a/b;q=0.1,'.repeat(1_200)],
        ['Authorization', ''],
      ]),
    ],
  ].map(([what, request]) => ({
    what: what as string,
    request: () => request as RawRequest,
    answers: [400, 401, 404, 414, 422],
  })),
  A37: ['POST', 'PUT', 'DELETE', 'PATCH', 'TRACE', 'PROPFIND'].map((method) => ({
    what: `${method} on an event stream`,
    request: (v: Victims) => ({ method, path: `/api/runs/${v.runId}/events` }),
    answers: [404, 405],
  })),
  A40: [
    ...[
      '/metrics',
      '/admin',
      '/admin/queues',
      '/queues',
      '/bull-board',
      '/debug/pprof',
      '/.env',
      '/.git/config',
      '/actuator',
      '/server-status',
      '/package.json',
      '/..%2f..%2fpackage.json',
    ].map((path) => ({
      what: path,
      request: () => get(path, [['Authorization', '']]),
      answers: [404],
    })),
    ...['/api/admin/users', '/api/admin/queue'].flatMap((path) => [
      { what: `${path} as nobody`, request: () => get(path, [['Authorization', '']]), answers: [401] },
      { what: `${path} as a user`, request: () => get(path), answers: [403] },
    ]),
    ...['/healthz', '/readyz'].map((path) => ({
      what: `what ${path} tells`,
      request: () => get(path, [['Authorization', '']]),
      answers: [200],
      also: ({ body, headers }: RawReply) =>
        /\d+\.\d+\.\d+|127\.0\.0\.1|version/i.test(body) || 'server' in headers || 'x-powered-by' in headers
          ? body
          : null,
    })),
  ],
};
