import type { Sql } from './connect.ts';
import type { GraphText } from './graph-text.ts';
import type { JobRow } from './job-row.ts';

/** An answer shows no more of graphs. */
const MOST_SHOWN_BYTES = 16 * 1024 * 1024;

/** Stores the graphs of a request, each once; part of the transaction that accepts its jobs. */
export async function insertGraphs(
  tx: Sql,
  { tenant, batchId }: Pick<JobRow, 'tenant' | 'batchId'>,
  graphs: readonly GraphText[],
): Promise<void> {
  const rows = [...new Map(graphs.map((graph) => [graph.sha256, graph])).values()].map(
    ({ sha256, text }) => ({ batchId, sha256, tenant, graph: text }),
  );
  if (rows.length > 0) await tx`insert into job_graphs ${tx(rows)} on conflict do nothing`;
}

export type GraphStore = ReturnType<typeof createGraphStore>;

/** Reads of the graphs that clients sent. */
export function createGraphStore(sql: Sql) {
  return {
    /** Graphs of these jobs by `graphKey`, the first of them that take no more than `MOST_SHOWN_BYTES` in one answer. */
    async findGraphs(
      rows: readonly Pick<JobRow, 'tenant' | 'batchId' | 'generation'>[],
    ): Promise<ReadonlyMap<string, string>> {
      const wanted = new Map<string, { bytes: number; tenant: string; batchId: string }>();
      for (const { tenant, batchId, generation } of rows) {
        if (generation.operation !== 'comfy') continue;
        const { sha256, bytes } = generation.graph;
        // It is shown with every job that has it.
        const shown = (wanted.get(sha256)?.bytes ?? 0) + bytes;
        wanted.set(sha256, { bytes: shown, tenant, batchId });
      }
      const found = new Map<string, string>();
      let total = 0;
      for (const [sha256, { bytes, tenant, batchId }] of wanted) {
        total += bytes;
        if (total > MOST_SHOWN_BYTES) break;
        const [stored] = await sql<{ graph: string }[]>`
          select graph from job_graphs
          where batch_id = ${batchId} and tenant = ${tenant} and sha256 = ${sha256}`;
        if (stored) found.set(sha256, stored.graph);
      }
      return found;
    },
  };
}

/** Graphs of jobs that are being accepted, by `graphKey`; none when they are too large to be shown together. */
export function graphsOf(
  jobs: readonly { readonly graph?: GraphText }[],
): ReadonlyMap<string, string> {
  const graphs = jobs.flatMap(({ graph }) => graph ?? []);
  const bytes = graphs.reduce((sum, { text }) => sum + text.length, 0);
  return new Map(bytes > MOST_SHOWN_BYTES ? [] : graphs.map(({ sha256, text }) => [sha256, text]));
}

/** Names the graph of a job; undefined for a job without one. */
export const graphKey = ({ generation }: Pick<JobRow, 'generation'>): string | undefined =>
  generation.operation === 'comfy' ? generation.graph.sha256 : undefined;
