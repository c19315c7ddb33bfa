/** Why queued jobs wait: the queue's own reasons, and files that vanished from the servers after acceptance. */
import type { ExplainWait, QueueView } from '../client/queue-view.ts';
import type { JobRow } from '../db/job-row.ts';
import type { Dependencies } from '../db/dependencies.ts';
import type { FleetView } from '../db/fleet-view.ts';
import type { ResourceStore } from '../db/resources.ts';
import { waitsForJobs, type NeededJob } from '../domain/dependencies.ts';
import { airsOf, needsOf, shapeKey } from '../domain/job-needs.ts';
import type { Generation } from '../domain/generation.ts';
import { isTask } from '../domain/task.ts';
import type { Waiting } from '../domain/why-waiting.ts';
import { createServerFit } from '../ecosystems/server-fit.ts';
import { lacksOfAll } from './file-check.ts';
import { resourcesOf } from './submissions-of.ts';

/** For rows that are to be shown, or for jobs that are about to be accepted; undefined for a row that does not wait. */
export type WaitView = (
  rows: readonly JobRow[] | 'new',
) => Promise<(row: JobRow) => Waiting | undefined>;

export interface WaitViewDeps {
  readonly queue: QueueView;
  readonly resources: Pick<ResourceStore, 'findResources'>;
  readonly fleet: FleetView;
  readonly dependencies: Pick<Dependencies, 'listNeeds'>;
  readonly now: () => Date;
}

/** The files of a job were checked when it was accepted. */
const CHECKED_FOR_MS = 5_000;
/** Different sets of models that are remembered. */
const REMEMBERED = 500;

const isQueued = (row: JobRow): boolean => row.state === 'queued';

/** Costs nothing for jobs that do not wait, and for those that do one look at the queue every two seconds. */
export function createWaitView(deps: WaitViewDeps): WaitView {
  const fit = createServerFit();
  const kept = new Map<
    string,
    { readonly at: number; readonly text: Promise<string | undefined> }
  >();

  const look = async (tenant: string, generation: Generation): Promise<string | undefined> => {
    const airs = airsOf(generation);
    const [found, servers] = await Promise.all([
      deps.resources.findResources(tenant, airs),
      deps.fleet.current(),
    ]);
    const needed = airs.flatMap((air) => {
      const resource = found.get(air);
      return resource ? [{ path: air, resource }] : [];
    });
    const needs = needsOf(generation, resourcesOf(needed));
    const live = servers.filter(({ reachable }) => reachable);
    if (live.length === 0 || live.some((server) => fit.lacks(needs, server).length === 0))
      return undefined;
    return lacksOfAll({ needs, needed, path: [] }, servers, fit)[0]?.message;
  };

  const missingFor = (row: JobRow): Promise<string | undefined> => {
    const at = deps.now().getTime();
    if (at - row.createdAt.getTime() < CHECKED_FOR_MS) return Promise.resolve(undefined);
    const { tenant, generation } = row;
    if (isTask(generation)) return Promise.resolve(undefined);
    const key = JSON.stringify([tenant, shapeKey(generation)]);
    const known = kept.get(key);
    if (known && at - known.at < CHECKED_FOR_MS) return known.text;
    const text = look(tenant, generation);
    kept.delete(key);
    kept.set(key, { at, text });
    text.catch(() => kept.delete(key));
    for (const oldest of kept.keys()) {
      if (kept.size <= REMEMBERED) break;
      kept.delete(oldest);
    }
    return text;
  };

  return async (rows) => {
    const queued = rows === 'new' ? [] : rows.filter(isQueued);
    if (rows !== 'new' && queued.length === 0) return () => undefined;
    const explain: ExplainWait = await deps.queue();
    const missing = new Map<string, string | undefined>();
    for (const row of queued) if (!row.awaitsJobs) missing.set(row.id, await missingFor(row));
    const awaiting = queued.filter((row) => row.awaitsJobs).map(({ id }) => id);
    const needs =
      awaiting.length > 0
        ? await deps.dependencies.listNeeds(awaiting)
        : new Map<string, never[]>();
    return (row) => {
      if (!isQueued(row)) return undefined;
      if (row.awaitsJobs) return waitsForJobs(needs.get(row.id) ?? newNeedsOf(row));
      return explain(row, missing.get(row.id));
    };
  };
}

/** Of a job that is about to be accepted, which is not in the database yet. */
const newNeedsOf = ({ request }: JobRow): NeededJob[] =>
  ((request['jobDependencies'] ?? []) as string[]).map((id) => ({ id, state: 'queued' }));
