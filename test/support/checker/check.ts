/**
 * Decides from a history alone whether the promises were kept. It asks nobody and knows no clock, so that it can judge any
 * run of any length, also one in which servers were killed. promises.ts says which rule decides which promise.
 */
import { checkAnswers } from './check-answers.ts';
import { checkBounds } from './check-bounds.ts';
import { checkFeeds } from './check-feeds.ts';
import { checkLogs } from './check-logs.ts';
import { checkPrivacy } from './check-privacy.ts';
import { checkPrompts } from './check-prompts.ts';
import { checkReaders } from './check-readers.ts';
import { checkRequests, type RequestRules } from './check-requests.ts';
import { checkTree } from './check-tree.ts';
import { checkWaiting } from './check-waiting.ts';
import type { Entry, History, Violation } from './history.ts';
import { indexHistory } from './index-history.ts';

/** All rules that were broken. */
export function checkHistory(history: History, rules: RequestRules = { withFaults: false }): Violation[] {
  const { tree, limits } = history;
  const index = indexHistory(history);
  const runs = new Map(tree.runs.map((run) => [run.id, run]));
  const messages = new Map(tree.messages.map((message) => [message.id, message]));
  return [
    ...checkReaders(index.readers, runs, messages),
    ...checkRequests(index, runs, { ...rules, quietAt: history.quietAt ?? Infinity }),
    ...checkTree(index, tree),
    ...checkLogs(tree, index, rules.withFaults),
    ...checkPrompts(history, index),
    ...checkWaiting(index.readers, index.feeds, limits),
    ...checkAnswers(history, index),
    ...checkBounds(history, index),
    ...checkPrivacy(history, index),
    ...checkFeeds(index.feeds, index),
  ];
}

/** How much there was to judge. */
export function countHistory({ entries, tree }: History): Record<string, number> {
  const requests = entries.filter((entry) => entry.kind === 'request');
  const readers = entries.filter((entry) => entry.kind === 'reader');
  const feeds = entries.filter((entry) => entry.kind === 'feed');
  const keys = requests.filter(({ key }) => key !== null).map(({ user, key }) => `${user} ${key}`);
  const connections = readers.flatMap((reader) => reader.connections);
  const again = [...readers.map((reader) => reader.connections), ...feeds.map((feed) => feed.opened)];
  const ended = (status: string) => tree.runs.filter((run) => run.status === status).length;
  return {
    requests: requests.length,
    refused: requests.filter(({ status }) => status !== null && status >= 400).length,
    repeats: keys.length - new Set(keys).size,
    conversations: new Set(tree.runs.map((run) => run.conversationId)).size,
    messages: tree.messages.length,
    runs: tree.runs.length,
    completed: ended('completed'),
    cancelled: ended('cancelled'),
    failed: ended('failed'),
    readers: readers.length,
    connections: connections.length,
    reconnects: again.reduce((sum, { length }) => sum + Math.max(0, length - 1), 0),
    events: readers.reduce((sum, { events }) => sum + events.length, 0),
    feeds: feeds.length,
    feedEvents: feeds.reduce((sum, { events }) => sum + events.length, 0),
    logEntries: tree.logs.reduce((sum, { entries: of }) => sum + of.length, 0),
    prompts: tree.prompts.length,
  };
}

/** The same in one line. */
export function tellCounts(history: History): string {
  const counts = countHistory(history);
  const { requests, refused, repeats, runs, completed, cancelled, failed, reconnects } = counts;
  const events = (counts['events'] ?? 0) + (counts['feedEvents'] ?? 0);
  return (
    `${requests} requests (${refused} refused, ${repeats} repeats), ${runs} runs (${completed} completed, ` +
    `${cancelled} cancelled, ${failed} failed), ${reconnects} reconnects, ${events} events checked, ` +
    `${counts['logEntries']} log entries, ${counts['prompts']} prompts`
  );
}

/** Longest story that somebody will read on a screen; the whole history is in a file. */
const linesMax = 60;

/** A violation with what was recorded of what it is about: one line for each request and reader. */
export function explain({ entries, tree }: History, violation: Violation): string {
  const { rule, runId, conversationId, detail } = violation;
  const about = [runId ?? conversationId].filter((id) => id !== undefined);
  const lines = entries.filter((entry) => about.some((id) => JSON.stringify(entry).includes(id))).map(lineOf);
  const runs = tree.runs.filter((run) => about.includes(run.id) || about.includes(run.conversationId));
  return [
    `${rule}: ${short(detail, 4_000)}`,
    ...runs.map((run) => JSON.stringify(run)),
    ...lines.slice(0, linesMax),
  ].join('\n  ');
}

function lineOf(entry: Entry): string {
  switch (entry.kind) {
    case 'request': {
      const { began, ended, user, method, path, body, status, reply } = entry;
      return `${began}–${ended} ${user} ${method} ${path} ${short(body)} → ${status} ${short(reply)}`;
    }
    case 'reader': {
      const { opened, user, runId, begin, ending, events } = entry;
      const told = events.map(({ at, connection, id, event }) => `${at}/${connection} ${id} ${event}`);
      return `${opened.join(',')} ${user} reads ${runId} from ${begin.cursor}: ${ending}; ${told.join(', ')}`;
    }
    case 'feed':
      return `${entry.user} follows everything: ${entry.events.length} events`;
  }
}

function short(value: unknown, charsMax = 300): string {
  const text = JSON.stringify(value) ?? '';
  return text.length > charsMax ? `${text.slice(0, charsMax)}…` : text;
}
