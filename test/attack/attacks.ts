/**
 * The attacks that a chat server has to bear, and where each of them is shown: by requests of sent.ts, by tests that are
 * named here, or by a reason why there is nothing to attack. attacks.test.ts checks that all of that exists.
 *
 * This file is longer than 250 lines because it is one table.
 */

/** A test file below `test`, and a part of a title in it. */
type Shown = readonly [file: string, title: string];

export interface Attack {
  readonly row: string;
  readonly attack: string;
  readonly shown?: readonly Shown[];
  /** Why there is no such surface, or not all of it. */
  readonly none?: string;
}

const requests = 'attack/requests.test.ts';
const slow = 'attack/slow.test.ts';
const page = 'browser/hostile-text.test.ts';

export const attacks: readonly Attack[] = [
  {
    row: 'A1',
    attack: "somebody else's ids, on every route with every method",
    shown: [
      ['integration/access.test.ts', 'says the same of what is not theirs as of what does not exist'],
      ['integration/access.test.ts', 'has a line for every route of the application, and no other'],
      ['integration/access.test.ts', 'is refused before what is sent is looked at'],
    ],
  },
  { row: 'A2', attack: 'guessed ids', shown: [[requests, 'ids are version 7 UUIDs']] },
  {
    row: 'A3',
    attack: "somebody else's ids in bodies",
    shown: [
      ['integration/branches.test.ts', 'goes by final messages of this conversation alone'],
      ['integration/access.test.ts', 'is not found by'],
    ],
  },
  {
    row: 'A4',
    attack: 'fields that are the server’s',
    shown: [['integration/http-input.test.ts', 'unknown ones, however many and however long their names']],
  },
  {
    row: 'A5',
    attack: 'messages by a role that is not the user’s',
    shown: [['integration/parameters.test.ts', 'nothing is added that nobody asked for']],
  },
  {
    row: 'A6',
    attack: 'tokens that are none',
    shown: [
      ['unit/oidc.test.ts', 'is refused when nobody, or everybody, could have signed it'],
      ['unit/oidc.test.ts', 'is refused when it is not for us, not theirs, or too old'],
      ['integration/oidc.test.ts', 'that does not hold is a 401, and never a fault of ours'],
    ],
  },
  {
    row: 'A7',
    attack: 'reading on after the log-out',
    shown: [
      ['integration/connection-limits.test.ts', 'the connections of a user who logs out are broken'],
      ['integration/sessions.test.ts', 'ends together with the event connections that it had opened'],
      ['integration/accounts.test.ts', 'can be changed by who knows it, which ends all other sessions'],
    ],
  },
  {
    row: 'A8',
    attack: 'fixed and reused sessions',
    shown: [
      [
        'integration/session-cookie.test.ts',
        'is another one after each log-in, and the one before has ended',
      ],
      ['integration/sessions.test.ts', 'ends by logging out, and only that one'],
    ],
  },
  {
    row: 'A9',
    attack: 'guessing passwords and accounts',
    shown: [
      ['integration/login-limits.test.ts', 'tells in no way whether the account exists'],
      ['integration/login-limits.test.ts', 'parallel guesses do not slip through together'],
      ['integration/login-limits.test.ts', 'one account cannot be guessed from ever more addresses'],
    ],
  },
  {
    row: 'A10',
    attack: 'work by hashing',
    shown: [
      [slow, 'log-ins at once with passwords as long as they may be, and longer'],
      ['unit/password.test.ts', 'lets a hundred wait and refuses more'],
    ],
  },
  {
    row: 'A11',
    attack: 'requests forged by other sites',
    shown: [
      ['integration/csrf.test.ts', 'is refused without an origin'],
      ['integration/csrf.test.ts', 'is refused with every method, and changes nothing'],
    ],
  },
  {
    row: 'A12',
    attack: 'origins that look like ours',
    shown: [['integration/http-events.test.ts', 'and no other one']],
  },
  {
    row: 'A13',
    attack: 'event streams for other sites',
    shown: [['integration/session-cookie.test.ts', 'is HttpOnly, SameSite=Lax']],
  },
  {
    row: 'A14',
    attack: 'tickets elsewhere, later, by others, in logs',
    shown: [
      ['integration/tickets.test.ts', 'opens no other run, also of the same user'],
      ['integration/tickets.test.ts', 'has expired when its time is over'],
      ['integration/tickets.test.ts', 'no log has a ticket'],
      ['unit/ticket.test.ts', 'holds no longer when any part of it is changed'],
    ],
  },
  {
    row: 'A15',
    attack: 'cursors',
    shown: [
      ['integration/cursors.test.ts', 'gets a snapshot as a header, 400 as a query'],
      ['integration/cursors.test.ts', 'gets a snapshot when the header comes twice'],
      ['integration/cursors.test.ts', 'is refused before any route when it is no HTTP'],
      ['integration/live-sync-cursor.test.ts', 'that is no cursor at all is refused in the query'],
      ['unit/event-id.test.ts', 'is read only in the one spelling that this server writes'],
      ['unit/feed-cursor.test.ts', 'is read only in the one spelling that this server writes'],
    ],
  },
  {
    row: 'A16',
    attack: 'idempotency keys',
    shown: [
      ['integration/http-idempotency.test.ts', 'the same key for something else is refused'],
      ['integration/http-idempotency.test.ts', 'can be read by nobody who has not the key'],
      ['integration/http-input.test.ts', 'an Idempotency-Key that is empty, too long'],
    ],
  },
  {
    row: 'A17',
    attack: 'bodies',
    shown: [
      ['integration/http-input.test.ts', 'bodies that are no JSON object in UTF-8'],
      ['integration/http-input.test.ts', 'more than 512 KiB, announced or not'],
      ['attack/fuzz.test.ts', 'malformed requests'],
    ],
  },
  {
    row: 'A18',
    attack: 'NUL and half characters',
    shown: [['integration/http-input.test.ts', 'other types, blank, NUL, half characters, too long']],
  },
  {
    row: 'A19',
    attack: 'ids that cannot be ids',
    shown: [
      ['integration/http-input.test.ts', 'what cannot be an id is answered like one that is unknown'],
      ['attack/fuzz.test.ts', 'malformed requests'],
    ],
  },
  {
    row: 'A20',
    attack: 'SQL and the syntax of searches',
    shown: [
      ['integration/search.test.ts', 'is never taken for the syntax of a query, whatever it holds'],
      ['integration/http-input.test.ts', 'a page cursor that we have not made is refused'],
      ['integration/admin-users.test.ts', 'taken literally'],
    ],
  },
  {
    row: 'A21',
    attack: 'keys and scripts of Redis',
    shown: [['contract/run-log.redis.test.ts', 'writes no key of a run without its hash tag']],
  },
  {
    row: 'A22',
    attack: 'header fields and events made of titles and names',
    shown: [
      ['integration/export.test.ts', 'is safe, and that of the title where it can be'],
      ['unit/event-frame.test.ts', 'of the feed, too'],
    ],
  },
  {
    row: 'A23',
    attack: 'events made by a model',
    shown: [
      ['unit/event-frame.test.ts', 'is exactly one event with exactly its text, whatever the model wrote'],
      [page, 'the browser’s own parser gives every text back as it was'],
      ['browser/answer.test.ts', 'nothing that a text holds is executed, fetched or taken for an event'],
    ],
  },
  {
    row: 'A24',
    attack: 'scripts in answers, titles and names',
    shown: [
      [page, 'payloads run nowhere'],
      ['browser/answer.test.ts', 'the content security policy stops what would come through all the same'],
    ],
  },
  { row: 'A25', attack: 'requests that carry away what was said', shown: [[page, 'payloads run nowhere']] },
  {
    row: 'A26',
    attack: 'frames, sniffing, caches',
    none: 'Cross-Origin-Resource-Policy is not sent: pages of CORS_ORIGINS read the API, and CORS decides that.',
  },
  {
    row: 'A27',
    attack: 'addresses that the server is made to fetch',
    none: 'Users name no address. The provider, the identity provider and the public address are settings of the operator.',
  },
  {
    row: 'A28',
    attack: 'the provider’s key',
    shown: [
      [
        'integration/upstream.test.ts',
        'after all of this no secret stands in a log, a reply, Redis or Postgres',
      ],
      [requests, 'what is planted as a secret stands nowhere but where it is sealed'],
      ['unit/logger.test.ts', 'holds no key that an error carries'],
    ],
  },
  {
    row: 'A29',
    attack: 'lines of the log',
    shown: [
      [requests, 'a log record is one line of JSON of bounded length'],
      ['unit/logger.test.ts', 'is one line per record, whatever is in it'],
    ],
  },
  {
    row: 'A30',
    attack: 'patterns that work for ever',
    shown: [['unit/event-id.test.ts', 'a megabyte after a good beginning']],
  },
  {
    row: 'A31',
    attack: 'slow sockets and many of them',
    shown: [
      [slow, 'sockets whose heads or bodies never end harm nobody'],
      [slow, 'floods of header fields at once are refused'],
      ['integration/http-input.test.ts', 'requests that trickle in were cut off by 408'],
      ['integration/http-input.test.ts', 'clients that were refused and stay keep no socket of ours'],
    ],
  },
  {
    row: 'A32',
    attack: 'event streams of one user, of one address',
    shown: [
      [slow, 'event streams of one user that are opened and forgotten'],
      ['integration/connection-limits.test.ts', 'exactly as many open as may'],
      ['integration/connection-limits.test.ts', 'the places of a process that was killed become free'],
      ['integration/connection-limits.test.ts', 'readers of public links are limited by their address'],
    ],
  },
  {
    row: 'A33',
    attack: 'readers that do not read',
    shown: [['integration/slow-reader.test.ts', '80 readers that stop reading a 12 MB answer']],
  },
  {
    row: 'A34',
    attack: 'floods of runs and tokens',
    shown: [
      ['integration/quota.test.ts', 'exactly as many are accepted as there are tokens for'],
      ['integration/quota.test.ts', 'an answer that outgrows what was set aside'],
      [
        'integration/rate-limits.test.ts',
        'of requests at the same time over both processes exactly as many pass',
      ],
      ['integration/fairness.test.ts', 'users who ask once wait for one of the'],
    ],
  },
  {
    row: 'A35',
    attack: 'forged addresses',
    shown: [
      [slow, 'a spoofed X-Forwarded-For is counted as the address that it comes from'],
      ['integration/csrf.test.ts', 'is measured by the host that a trusted proxy names, and by no other'],
    ],
  },
  {
    row: 'A36',
    attack: 'requests within requests',
    shown: [
      [requests, 'what is smuggled behind a request is never answered as a second one'],
      ['integration/http-input.test.ts', 'a length that is wrong, double, or fought over by two fields'],
    ],
    none: 'Behind nginx the same requests are refused by nginx; its parser is not ours to test.',
  },
  {
    row: 'A37',
    attack: 'other methods on the event stream',
    shown: [['integration/http-events.test.ts', 'is not sent for HEAD, which is answered at once']],
  },
  {
    row: 'A38',
    attack: 'cancels and deletes again',
    shown: [
      ['integration/cancel.test.ts', 'after the end a cancel is answered 200 and changes nothing'],
      [requests, 'a delete that is repeated finds nothing'],
    ],
  },
  {
    row: 'A39',
    attack: 'races at a limit and around the end',
    shown: [
      ['integration/quota.test.ts', 'exactly as many are accepted as there are tokens for'],
      [
        'integration/api-keys.test.ts',
        'is refused when there are a hundred, also when two want to be the hundredth',
      ],
      ['integration/purge.test.ts', 'takes no message that comes at the same time, or stops its run'],
      ['integration/purge.test.ts', 'stops all its runs, shows every reader that they are cancelled'],
      [
        'integration/accounts.test.ts',
        'is made once when two register with the same address at the same time',
      ],
    ],
  },
  {
    row: 'A40',
    attack: 'administration, metrics, health',
    shown: [['integration/admin-users.test.ts', 'is for administrators only']],
    none: 'There are no metrics and no queue board over HTTP; health tells that it is well, and no more.',
  },
  {
    row: 'A41',
    attack: 'other people’s words in the prompt',
    shown: [
      ['integration/many-users.test.ts', 'users who do everything at once'],
      ['integration/parameters.test.ts', 'the system prompt and the whole conversation so far come first'],
    ],
    none: 'The system prompt is the conversation’s own, written by its members: there is none to be kept from them.',
  },
  {
    row: 'A42',
    attack: 'a hostile provider',
    shown: [
      ['integration/upstream.test.ts', 'with a line of a megabyte comes whole'],
      ['integration/upstream.test.ts', 'with NUL in it, which Postgres cannot store'],
    ],
  },
  {
    row: 'A43',
    attack: 'rows and entries changed by hand',
    shown: [[requests, 'rows and log entries that somebody has spoilt by hand']],
  },
  {
    row: 'A44',
    attack: 'packages',
    shown: [['attack/attacks.test.ts', 'every package is the one that was chosen']],
  },
  {
    row: 'A45',
    attack: 'deletion and export',
    shown: [
      ['integration/purge.test.ts', 'is removed in the end, rows and run logs'],
      ['integration/export.test.ts', 'is whoever reads the conversation; for everybody else there is none'],
    ],
    none: 'Accounts are disabled by an administrator, not deleted: what they wrote in shared conversations stays.',
  },
];
