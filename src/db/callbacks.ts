import type { CallbackEvent } from '../domain/callback.ts';
import type { JobState } from '../domain/job.ts';
import type { Sql } from './connect.ts';
import type { JobRow } from './job-row.ts';

export type CallbackStore = ReturnType<typeof createCallbackStore>;

/** The first delivery of a stream that was not sent, with the job as it was then. */
export interface NextDelivery {
  readonly streamId: string;
  readonly number: number;
  readonly tenant: string;
  readonly url: string;
  readonly event: CallbackEvent;
  /** When tries of it began. */
  readonly askedAt: Date;
  readonly triesSinceAsked: number;
  /** Until it may be tried; 0 when it is due. */
  readonly dueInMs: number;
  /** Grows with every wish to send something of the stream at once. */
  readonly urgent: number;
  readonly job: JobRow;
}

interface DeliveryRow extends Omit<NextDelivery, 'job'> {
  readonly jobId: string | null;
  readonly facts: {
    readonly state: JobState;
    readonly held: boolean;
    readonly runIndex: number;
    readonly attempt: number;
    readonly stageRank: number;
    readonly serverId: string | null;
    readonly failure: JobRow['failure'];
    readonly claimedAt: string | null;
    readonly finishedAt: string | null;
    readonly changedAt: string;
  };
}

export interface TryOutcome {
  readonly state: 'pending' | 'delivered' | 'dead';
  /** HTTP status of the answer, when there was one. */
  readonly status?: number;
  readonly error?: string;
  /** Until the next try, when it is to be tried again. */
  readonly waitMs?: number;
}

const dateOf = (text: string | null): Date | null => (text === null ? null : new Date(text));

/** What the sending of callbacks reads and writes. */
export function createCallbackStore(sql: Sql) {
  return {
    /** The pending delivery with the lowest number; undefined when there is none. */
    async findNext(streamId: string): Promise<NextDelivery | undefined> {
      const [row] = await sql<DeliveryRow[]>`
        select d.stream_id, d.number, s.tenant, s.url, d.event, d.asked_at, d.tries_since_asked, d.facts, s.job_id, s.urgent,
          coalesce(ceil(extract(epoch from greatest(s.due_at - now(), interval '0')) * 1000), 0)::float8 as due_in_ms
        from callback_deliveries d join callback_streams s on s.id = d.stream_id
        where d.stream_id = ${streamId} and d.state = 'pending' order by d.number limit 1`;
      if (!row) return undefined;
      const { facts, jobId, ...delivery } = row;
      const [job] = await sql<JobRow[]>`select * from jobs where id = ${jobId}`;
      if (!job) return undefined;
      const { claimedAt, finishedAt, changedAt, ...then } = facts;
      return {
        ...delivery,
        job: {
          ...job,
          ...then,
          claimedAt: dateOf(claimedAt),
          finishedAt: dateOf(finishedAt),
          changedAt: new Date(changedAt),
          // Up to 64 KB that every callback would repeat; GET job has it.
          promptRequest: null,
        },
      };
    },

    /**
     * Notes a try. One that was delivered meanwhile stays so: the try of a worker taken for dead ends late. Nothing waits
     * when something was to be sent at once since `urgent` was read.
     */
    async noteTry(
      { streamId, number, urgent }: Pick<NextDelivery, 'streamId' | 'number' | 'urgent'>,
      { state, status, error, waitMs }: TryOutcome,
    ): Promise<void> {
      await sql`
        with tried as (
          update callback_deliveries set state = ${state}, status = ${status ?? null}, error = ${error ?? null},
            tries = tries + 1, tries_since_asked = tries_since_asked + 1, tried_at = now(),
            ended_at = case when ${state} = 'pending' then null else now() end
          where stream_id = ${streamId} and number = ${number} and state = 'pending'
        )
        update callback_streams set due_at =
          case when urgent > ${urgent} then now() else now() + ${waitMs ?? 0} * interval '1 millisecond' end
        where id = ${streamId}`;
    },

    /** Nothing is due once everything is sent; what is appended in the same moment stays due. */
    async settle(streamId: string): Promise<void> {
      await sql`
        update callback_streams s set due_at = null where id = ${streamId}
          and last_number = (select max(number) from callback_deliveries where stream_id = ${streamId} and state <> 'pending')
          and not exists (select from callback_deliveries d where d.stream_id = s.id and d.state = 'pending')`;
    },
  };
}
