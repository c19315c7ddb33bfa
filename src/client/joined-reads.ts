import type { JobRow } from '../db/job-row.ts';

export type ReadJobs = (tenant: string, ids: readonly string[]) => Promise<readonly JobRow[]>;

/** Ids of one query; more go in several. */
const IDS_PER_QUERY = 1_000;

interface Joined {
  readonly ids: Set<string>;
  readonly rows: Promise<ReadonlyMap<string, JobRow>>;
}

/**
 * Joins the reads of one turn of the event loop, so that the end of a job for which very many wait is one query and not one
 * for each of them. Every caller gets its rows in the order of its ids; those that are unknown or another tenant's are left out.
 */
export function createJoinedReads(read: ReadJobs): ReadJobs {
  const joined = new Map<string, Joined>();

  const readAll = async (tenant: string, ids: ReadonlySet<string>) => {
    await new Promise((resolve) => setImmediate(resolve));
    joined.delete(tenant);
    const all = [...ids];
    const rows = new Map<string, JobRow>();
    for (let from = 0; from < all.length; from += IDS_PER_QUERY)
      for (const row of await read(tenant, all.slice(from, from + IDS_PER_QUERY)))
        rows.set(row.id, row);
    return rows;
  };

  return async (tenant, ids) => {
    let reads = joined.get(tenant);
    if (!reads) {
      const asked = new Set<string>();
      reads = { ids: asked, rows: readAll(tenant, asked) };
      joined.set(tenant, reads);
    }
    for (const id of ids) reads.ids.add(id);
    const rows = await reads.rows;
    return ids.flatMap((id) => rows.get(id) ?? []);
  };
}
