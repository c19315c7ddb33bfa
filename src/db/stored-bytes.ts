import { OrchestratorError } from '../errors.ts';
import type { Sql } from './connect.ts';

export type StoredBytes = ReturnType<typeof createStoredBytes>;

/** A tenant's limit, what it stores, and what is to come. */
export interface StorageNeed {
  readonly tenant: string;
  readonly limit: number;
  readonly used: number;
  readonly requested: number;
}

/** What tenants store: the bytes of their files, outputs and uploads alike, until the retention of each ends. */
export function createStoredBytes(sql: Sql) {
  const sumStored = async (tenant: string, except: string | null = null): Promise<number> => {
    const [row] = await sql<{ bytes: number }[]>`
      select coalesce(sum(bytes), 0)::bigint as bytes from blobs
      where tenant = ${tenant} and expires_at > now() and id is distinct from ${except}`;
    return row?.bytes ?? 0;
  };

  /** When at most `bytes` will be stored by retention alone; undefined when that is so already, or never. */
  const findFreeing = async (tenant: string, bytes: number): Promise<Date | undefined> => {
    const [row] = await sql<{ at: Date | null }[]>`
      select nullif(max(expires_at), 'infinity') as at from (
        select expires_at, sum(bytes) over (order by expires_at desc, id) as kept
        from blobs where tenant = ${tenant} and expires_at > now()
      ) files where kept > ${bytes}::bigint`;
    return row?.at ?? undefined;
  };

  /** The error for what does not fit. */
  const refusal = async (need: StorageNeed): Promise<OrchestratorError> => {
    const { tenant, limit, used, requested } = need;
    const room = limit - Math.max(1, requested);
    const at = room < 0 ? undefined : (await findFreeing(tenant, room))?.toISOString();
    return new OrchestratorError(
      'quota_exceeded',
      `Tenant '${tenant}' stores ${used} bytes and may store ${limit}, so ${requested > 0 ? `${requested} more are not` : 'nothing that would be stored beside is'} accepted. ` +
        (at === undefined
          ? 'Delete files, or let an operator raise max-stored-bytes.'
          : `The retention of enough files ends at ${at}; deleting some, or an operator who raises max-stored-bytes, makes room sooner.`),
      {
        status: 403,
        quota: {
          ...{ quota: 'storedBytes', used, limit, requested },
          ...(at === undefined ? {} : { freesAt: at }),
        },
      },
    );
  };

  return {
    sumStored,
    findFreeing,
    refusal,

    /**
     * Throws `quota_exceeded` when a file does not fit, one with its id not counted. Until the transaction of `sql` ends no
     * other file of the tenant is let in this way, so two that come at once do not pass the limit together.
     */
    async requireRoom(file: { id: string; tenant: string; bytes: number }, limit: number) {
      const { id, tenant, bytes } = file;
      await sql`select pg_advisory_xact_lock(hashtextextended(${`stored bytes of ${tenant}`}, 0))`;
      const used = await sumStored(tenant, id);
      if (used + bytes > limit) throw await refusal({ tenant, limit, used, requested: bytes });
    },
  };
}
