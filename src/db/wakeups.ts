import { randomUUID } from 'node:crypto';
import type { Logger } from '../ports.ts';
import { messageOf } from '../errors.ts';
import type { Sql } from './connect.ts';

/** What a process may wait for. */
export const CHANNELS = ['outbox', 'room', 'done', 'callbacks', 'dependencies'] as const;
export type Channel = (typeof CHANNELS)[number];

/** At most 50 notifications a second and channel: a NOTIFY in every transaction serialises all commits of the server. */
const EVERY_MS = 20;
/** PostgreSQL's payload limit is 8,000 bytes; a uuid and a comma take 37. */
const IDS_PER_PAYLOAD = 200;

/** What hangs on the end of a job, beside those who wait for it. */
export interface EndFollows {
  /** Other jobs depend on it. */
  readonly isNeeded: boolean;
  /** A callback may tell of it. */
  readonly isTold: boolean;
}

/** Wakes whoever waits for the end of a job. (Default: everything may hang on it) */
export function tellEnd(
  wakeups: Pick<Wakeups, 'wake'>,
  jobId: string,
  { isNeeded, isTold }: EndFollows = { isNeeded: true, isTold: true },
): void {
  wakeups.wake('done', jobId);
  if (isNeeded) wakeups.wake('dependencies', jobId);
  if (isTold) wakeups.wake('callbacks');
}

export interface Wakeups {
  /** Tells listeners of this process at once and those of others with the next notification. */
  wake(channel: Channel, id?: string): void;
  /** Calls back with ids, or with none when everything may have changed. Returns how to stop. */
  on(channel: Channel, listener: (ids: readonly string[]) => void): () => void;
  close(): Promise<void>;
}

/**
 * Wake-ups between processes on one connection, coalesced. They hasten and never decide: every listener polls as well,
 * so a lost notification costs time only.
 */
export async function createWakeups(sql: Sql, logger: Logger): Promise<Wakeups> {
  const listeners = new Map<Channel, Set<(ids: readonly string[]) => void>>();
  const pending = new Map<Channel, Set<string>>();
  const origin = randomUUID().slice(0, 8);
  const timers = new Map<Channel, NodeJS.Timeout>();
  const lastSent = new Map<Channel, number>();
  let closed = false;

  const emit = (channel: Channel, ids: readonly string[]): void => {
    for (const listener of listeners.get(channel) ?? []) listener(ids);
  };

  const payloadsOf = (channel: Channel): string[] => {
    const all = [...(pending.get(channel) ?? [])];
    const payloads: string[] = [];
    for (let start = 0; start === 0 || start < all.length; start += IDS_PER_PAYLOAD)
      payloads.push(`${origin} ${all.slice(start, start + IDS_PER_PAYLOAD).join(',')}`);
    return payloads;
  };

  /** Whoever is due takes those along that would be due soon: one statement for all of them. */
  const flush = async (): Promise<void> => {
    const sent = [...timers.keys()].flatMap((channel) => {
      clearTimeout(timers.get(channel));
      lastSent.set(channel, Date.now());
      const payloads = payloadsOf(channel);
      pending.delete(channel);
      return payloads.map((payload) => ({ channel: `orchestrator_${channel}`, payload }));
    });
    timers.clear();
    if (sent.length === 0) return;
    await sql`
      select pg_notify(channel, payload) from unnest(
        ${sent.map(({ channel }) => channel)}::text[], ${sent.map(({ payload }) => payload)}::text[]
      ) as sent (channel, payload)`;
  };

  const schedule = (channel: Channel): void => {
    if (timers.has(channel) || closed) return;
    const send = (): void => {
      flush().catch((error: unknown) =>
        logger.debug({ error: messageOf(error) }, 'wake-up not sent; the others poll'),
      );
    };
    const dueMs = (lastSent.get(channel) ?? 0) + EVERY_MS;
    timers.set(channel, setTimeout(send, Math.max(0, dueMs - Date.now())));
  };

  const subscriptions = await Promise.all(
    CHANNELS.map((channel) =>
      sql.listen(
        `orchestrator_${channel}`,
        (payload) => {
          const [from = '', ids = ''] = payload.split(' ');
          if (from !== origin) emit(channel, ids === '' ? [] : ids.split(','));
        },
        // Called on connect and on every reconnect, when anything may have been missed.
        () => emit(channel, []),
      ),
    ),
  );

  return {
    wake(channel, id) {
      emit(channel, id === undefined ? [] : [id]);
      const ids = pending.get(channel) ?? new Set();
      if (id !== undefined) ids.add(id);
      pending.set(channel, ids);
      schedule(channel);
    },
    on(channel, listener) {
      const set = listeners.get(channel) ?? new Set();
      listeners.set(channel, set.add(listener));
      return () => set.delete(listener);
    },
    async close() {
      closed = true;
      await flush().catch(() => undefined);
      await Promise.all(subscriptions.map((subscription) => subscription.unlisten())).catch(
        () => undefined,
      );
    },
  };
}
