/** Reads over the jobs of the fake orchestrator, as PostgreSQL answers them. */
import type { Dependencies } from '../db/dependencies.ts';
import type { JobListings, JobPlace, RequestPlace } from '../db/job-listings.ts';
import type { JobRow } from '../db/job-row.ts';

/** `jsonb @>`. */
function contains(value: unknown, part: unknown): boolean {
  if (Array.isArray(part))
    return (
      Array.isArray(value) && part.every((item) => value.some((other) => contains(other, item)))
    );
  if (typeof part !== 'object' || part === null) return value === part;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.entries(part).every(
    ([key, item]) =>
      Object.hasOwn(value, key) && contains((value as Record<string, unknown>)[key], item),
  );
}

const rank = ({ createdAt, batchId }: RequestPlace, position = 0): string =>
  `${createdAt.toISOString()} ${batchId} ${String(position).padStart(6, '0')}`;
const rankOf = (place: JobPlace): string => rank(place, place.position);

export function memoryListings(rows: ReadonlyMap<string, JobRow>): JobListings {
  const newestFirst = (tenant: string): JobRow[] =>
    [...rows.values()]
      .filter((row) => row.tenant === tenant)
      .sort((a, b) => (rankOf(a) < rankOf(b) ? 1 : -1));
  return {
    queryJobs: async (tenant, { properties, type }, after, limit) =>
      newestFirst(tenant)
        .filter((row) => contains(row.properties, properties))
        .filter((row) => type === undefined || row.type.toLowerCase() === type)
        .filter((row) => !after || rankOf(row) < rankOf(after))
        .slice(0, limit),

    async listRequests(tenant, after, limit) {
      const all = newestFirst(tenant).filter((row) => !after || rank(row) < rank(after));
      const batches = [...new Set(all.map(({ batchId }) => batchId))];
      const requests = batches.slice(0, limit).map((batchId) => {
        const jobs = all.filter((row) => row.batchId === batchId).reverse();
        return { batchId, createdAt: jobs[0]?.createdAt ?? new Date(0), jobs };
      });
      return { requests, hasMore: batches.length > limit };
    },

    async sumConsumption(tenant, { from, to }) {
      const done = newestFirst(tenant).filter(
        ({ state, finishedAt }) =>
          state === 'succeeded' &&
          finishedAt &&
          (!from || finishedAt >= from) &&
          (!to || finishedAt < to),
      );
      return {
        images: done.reduce((sum, { outputs }) => sum + (outputs?.length ?? 0), 0),
        totalCost: done.reduce((sum, { cost }) => sum + cost, 0),
      };
    },
  };
}

export const memoryDependencies = (
  rows: ReadonlyMap<string, JobRow>,
): Pick<Dependencies, 'listStates' | 'listNeeds'> => ({
  listStates: async (tenant, ids) =>
    new Map(
      [...rows.values()]
        .filter((row) => row.tenant === tenant && ids.includes(row.id))
        .map(({ id, state }) => [id, state]),
    ),
  listNeeds: async () => new Map(),
});
