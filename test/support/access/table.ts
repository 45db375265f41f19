/**
 * Who may do what: each route of the API, and the status that each asker of scene.ts gets. Written from PROTOCOL.md (the
 * headings are its sections), not from the code; what is sent is in requests.ts.
 *
 * A route has a line for each way in which it can be asked; what is in brackets tells them apart. HEAD is asked with each
 * GET, and gets the same. The columns are the askers in their order:
 *
 * no-body   without a credential              ad-min     an administrator who is no member
 * stran-ger another user                      dis-abl.   an owner whose account was disabled
 * for-mer   was removed                       rev. key   an API key of the owner's that was revoked
 * rea-der, wri-ter, own-er: by a session      laps-sess  a session of the owner's that has expired
 * own. key  the owner, by an API key          tick-et, oth. tick, exp. tick: the owner's tickets for the run, for
 *                                             the conversation's other run, and one for the run that has expired
 */
import { type Asker, askers } from './scene.ts';

/** The status that each asker gets. */
export type Expected = Readonly<Record<Asker, number>>;

export interface Row {
  /** As the application names it: `GET /api/runs/:id`. */
  readonly route: string;
  /** The whole name of the line, with what is in brackets. */
  readonly name: string;
  readonly expected: Expected;
}

const table = `
#                                                             no-  strn for- rea- wri- own- own. ad-  dis- rev. laps tick oth. exp.
# route                                                       body -ger mer  der  ter  er   key  min  abl. key  sess et   tick tick
# 7. Who asks
POST /api/auth/register                                       201  409  409  409  409  409  409  409  403  401  401  201  201  201
POST /api/auth/login (an unknown account)                     401  401  401  401  401  401  401  401  401  401  401  401  401  401
POST /api/auth/login (the reader's account)                   200  200  200  200  200  200  200  200  200  401  401  200  200  200
POST /api/auth/login (a disabled account)                     403  403  403  403  403  403  403  403  403  401  401  403  403  403
POST /api/auth/guest                                          201  201  201  201  201  201  201  201  201  401  401  201  201  201
POST /api/auth/logout                                         401  204  204  204  204  204  403  204  403  401  401  401  401  401
GET /api/me                                                   401  200  200  200  200  200  200  200  403  401  401  401  401  401
PATCH /api/me                                                 401  200  200  200  200  200  200  200  403  401  401  401  401  401
PUT /api/me/password                                          401  204  204  204  204  204  403  204  403  401  401  401  401  401
GET /api/me/sessions                                          401  200  200  200  200  200  403  200  403  401  401  401  401  401
DELETE /api/me/sessions/:id                                   401  404  404  404  404  204  403  404  403  401  401  401  401  401
GET /api/me/api-keys                                          401  200  200  200  200  200  403  200  403  401  401  401  401  401
POST /api/me/api-keys                                         401  201  201  201  201  201  403  201  403  401  401  401  401  401
DELETE /api/me/api-keys/:id                                   401  404  404  404  404  204  403  404  403  401  401  401  401  401
GET /api/me/usage                                             401  200  200  200  200  200  200  200  403  401  401  401  401  401
POST /api/runs/:id/tickets                                    401  404  404  201  201  201  201  404  403  401  401  401  401  401

# 8. Conversations
POST /api/conversations                                       401  201  201  201  201  201  201  201  403  401  401  401  401  401
GET /api/conversations                                        401  200  200  200  200  200  200  200  403  401  401  401  401  401
GET /api/conversations (a search)                             401  200  200  200  200  200  200  200  403  401  401  401  401  401
GET /api/conversations/:id                                    401  404  404  200  200  200  200  404  403  401  401  401  401  401
PATCH /api/conversations/:id                                  401  404  404  403  200  200  200  404  403  401  401  401  401  401
PATCH /api/conversations/:id/membership                       401  404  404  200  200  200  200  404  403  401  401  401  401  401
DELETE /api/conversations/:id                                 401  404  404  403  403  204  204  404  403  401  401  401  401  401
GET /api/conversations/:id/export                             401  404  404  200  200  200  200  404  403  401  401  401  401  401
GET /api/conversations/:id/messages                           401  404  404  200  200  200  200  404  403  401  401  401  401  401

# 1, 2, 5. Asking, reading, stopping
POST /api/conversations/:id/messages                          401  404  404  403  202  202  202  404  403  401  401  401  401  401
POST /api/messages/:id/edit                                   401  404  404  403  202  202  202  404  403  401  401  401  401  401
POST /api/messages/:id/regenerate                             401  404  404  403  202  202  202  404  403  401  401  401  401  401
POST /api/messages/:id/continue                               401  404  404  403  202  202  202  404  403  401  401  401  401  401
GET /api/runs/:id                                             401  404  404  200  200  200  200  404  403  401  401  401  401  401
POST /api/runs/:id/cancel (ended)                             401  404  404  403  200  200  200  404  403  401  401  401  401  401
POST /api/runs/:id/cancel (waiting)                           401  404  404  403  202  202  202  404  403  401  401  401  401  401
GET /api/runs/:id/events                                      401  404  404  200  200  200  200  404  403  401  401  200  401  401
GET /api/runs/:id/events (waiting)                            401  404  404  200  200  200  200  404  403  401  401  401  200  401

# 9. Sharing
GET /api/conversations/:id/members                            401  404  404  200  200  200  200  404  403  401  401  401  401  401
PATCH /api/conversations/:id/members/:userId                  401  404  404  403  403  200  200  404  403  401  401  401  401  401
DELETE /api/conversations/:id/members/:userId                 401  404  404  403  403  204  204  404  403  401  401  401  401  401
POST /api/conversations/:id/leave                             401  404  404  204  204  204  204  404  403  401  401  401  401  401
POST /api/conversations/:id/invitations                       401  404  404  403  403  201  201  404  403  401  401  401  401  401
GET /api/conversations/:id/invitations                        401  404  404  403  403  200  200  404  403  401  401  401  401  401
DELETE /api/conversations/:id/invitations/:invitationId       401  404  404  403  403  204  204  404  403  401  401  401  401  401
GET /api/invitations/:token                                   401  200  404  200  200  200  200  200  403  401  401  401  401  401
POST /api/invitations/:token/accept                           401  200  404  200  200  200  200  200  403  401  401  401  401  401
PUT /api/conversations/:id/public-link                        401  404  404  403  403  200  200  404  403  401  401  401  401  401
GET /api/conversations/:id/public-link                        401  404  404  403  403  200  200  404  403  401  401  401  401  401
DELETE /api/conversations/:id/public-link                     401  404  404  403  403  204  204  404  403  401  401  401  401  401
GET /api/shared/:token                                        200  200  200  200  200  200  200  200  200  200  200  200  200  200
GET /api/shared/:token (a revoked link)                       404  404  404  404  404  404  404  404  404  404  404  404  404  404
GET /api/shared/:token/runs/:runId/events                     200  200  200  200  200  200  200  200  200  200  200  200  200  200
GET /api/shared/:token/runs/:runId/events (waiting)           200  200  200  200  200  200  200  200  200  200  200  200  200  200
GET /api/shared/:token/runs/:runId/events (a revoked link)    404  404  404  404  404  404  404  404  404  404  404  404  404  404

# 10. Everything at once
GET /api/events                                               401  200  200  200  200  200  200  200  403  401  401  401  401  401
GET /api/events (of a conversation)                           401  404  404  200  200  200  200  404  403  401  401  401  401  401

# 13. Administration
GET /api/admin/users                                          401  403  403  403  403  403  403  200  403  401  401  401  401  401
GET /api/admin/queue                                          401  403  403  403  403  403  403  200  403  401  401  401  401  401
PATCH /api/admin/users/:id                                    401  403  403  403  403  403  403  200  403  401  401  401  401  401

# 14. Everything else
GET /api/models                                               200  200  200  200  200  200  200  200  200  401  401  200  200  200
`;

export const accessTable: readonly Row[] = table
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map(readLine);

function readLine(line: string): Row {
  const [, name = '', cells = ''] = /^(\S+ \S+(?: \(.+\))?) +([\d ]+)$/.exec(line) ?? [];
  const statuses = cells.split(/ +/).map(Number);
  if (statuses.length !== askers.length) throw new Error(`this line has ${statuses.length} cells: ${line}`);
  const expected = Object.fromEntries(askers.map((asker, index) => [asker, statuses[index]])) as Expected;
  return { route: name.replace(/ \(.+\)$/, ''), name, expected };
}

/** What is served beside the API, to everybody. */
export const publicRoutes: readonly RegExp[] = [
  /^(GET|HEAD) \/(healthz|readyz)$/,
  /^(GET|HEAD) \/docs(\/|$)/,
  // The chat page: one route for each of its files.
  /^(GET|HEAD) \/($|favicon\.svg$|theme\.js$|index\.html$|assets\/)/,
  // Preflights of the pages in CORS_ORIGINS; what they ask for is not looked at.
  /^OPTIONS \*$/,
];
