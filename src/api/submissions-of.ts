/** From the body of a request to the jobs it asks for, each with the pool it will wait for. */
import type { JobSubmission } from '../client/verbs.ts';
import { formatPath } from '../contract/field-errors.ts';
import { faultsError, parseJobRequests } from '../contract/v1/parse-jobs.ts';
import { toSubmissions } from '../contract/v1/submissions.ts';
import type { FleetServer } from '../domain/fleet.ts';
import { needsOf, type NeededResources } from '../domain/job-needs.ts';
import { findResourceFile } from '../domain/model-files.ts';
import { pictureFaults } from '../domain/picture-rules.ts';
import { allows } from '../domain/scopes.ts';
import { NO_POOL, storesFiles } from '../domain/task.ts';
import { createServerFit } from '../ecosystems/server-fit.ts';
import { createControlNetChoice, isDrawn, type MadeDrawing } from './control-net-choice.ts';
import type { ApiDeps } from './deps.ts';
import { createDependencyCheck } from './dependency-check.ts';
import { missingFile, type NeededFile } from './file-check.ts';
import type { FleetView } from '../db/fleet-view.ts';
import { createMediaCheck } from './media-check.ts';
import { createCallbackCheck } from './callback-check.ts';
import { createModelCheck } from './model-check.ts';
import { createRouting } from './routing.ts';
import { lacksScope } from './middleware/auth.ts';
import { createSourceCheck } from './source-check.ts';
import { createStorageGuard } from './storage-guard.ts';

/** Who asks, and what its key may do; null stands for everything. */
export interface Asking {
  readonly tenant: string;
  readonly scopes: readonly string[] | null;
}

/** Throws for whatever keeps the request from being accepted. */
export type SubmissionsOf = (asking: Asking, body: unknown) => Promise<JobSubmission[]>;

/** Parses, checks against the catalogue, fixes the seeds and chooses the pools. */
export function createSubmissionsOf(deps: ApiDeps, fleet: FleetView): SubmissionsOf {
  const { config, now } = deps;
  const checkDependencies = createDependencyCheck(deps.dependencies);
  const checkModels = createModelCheck(deps.resources);
  const chooseControlNets = createControlNetChoice(deps.resources);
  const checkMedia = createMediaCheck(deps);
  const checkCallbacks = createCallbackCheck(deps.outgoing);
  const checkSources = createSourceCheck(deps.orchestrator);
  const requireSpace = createStorageGuard(deps.storage, config.MIN_FREE_BYTES, now);
  const route = createRouting({
    ...{ fleet, fit: createServerFit(), now, defaultPool: config.COMFY_POOL },
    countWaiting: () => deps.fleet.countWaiting(),
  });
  const randomSeed = (): number => Number.parseInt(deps.randomHex(4), 16);

  /** With their pools. */
  const placed = async (
    tenant: string,
    drawings: readonly MadeDrawing[],
  ): Promise<JobSubmission[]> => {
    assertDrawable(drawings);
    const chosen = await chooseControlNets(tenant, drawings);
    const requests = chosen.flatMap(({ path, submissions, needed }) => {
      const [first] = submissions;
      if (!first) return [];
      // Jobs of one request differ in nothing but their seeds.
      const needs = needsOf(first.generation, resourcesOf(needed));
      return [{ path, submissions, needs, needed, count: submissions.length }];
    });
    const pools = (await route(requests)).flat();
    return requests
      .flatMap(({ submissions }) => submissions)
      .map((submission, index) => ({ ...submission, pool: pools[index] ?? config.COMFY_POOL }));
  };

  return async ({ tenant, scopes }, body) => {
    const parsed = parseJobRequests(body, now());
    for (const { asked } of parsed)
      if (asked.scope && !allows(scopes, asked.scope)) throw lacksScope(scopes, asked.scope);
    const waits = await checkDependencies(tenant, parsed);
    await checkSources(tenant, parsed);
    await checkMedia(tenant, parsed);
    await checkCallbacks(parsed);
    const models = await checkModels(tenant, parsed);
    const made = parsed.flatMap(({ asked, path }, index) => {
      const checked = models[index];
      if (!checked) return [];
      const { needed, airOf } = checked;
      return [
        { path, submissions: toSubmissions(asked, waits[index], { airOf, randomSeed }), needed },
      ];
    });
    if (made.flatMap(({ submissions }) => submissions).some((one) => storesFiles(one.generation)))
      await requireSpace();
    const tasks = made.filter(({ submissions }) => !submissions.every(isDrawn));
    await requireListed(
      tasks.flatMap(({ needed }) => needed),
      fleet,
    );
    const drawn = await placed(
      tenant,
      made.flatMap(({ submissions, ...request }) => {
        const drawings = submissions.filter(isDrawn);
        return drawings.length > 0 ? [{ ...request, submissions: drawings }] : [];
      }),
    );
    return made.flatMap(({ submissions }) =>
      submissions.map((submission) =>
        isDrawn(submission) ? (drawn.shift() ?? submission) : { ...submission, pool: NO_POOL },
      ),
    );
  };
}

/** Throws `invalid_request` for what no graph can draw. */
function assertDrawable(requests: readonly MadeDrawing[]): void {
  const faults = requests.flatMap(({ path, submissions: [first] }) =>
    first?.generation.operation === 'textToImage'
      ? pictureFaults(first.generation).map((one) => ({ ...one, base: path }))
      : [],
  );
  if (faults.length > 0)
    throw faultsError(
      faults.map(({ base, path, message }) => ({
        code: 'invalid_request',
        path: formatPath([...base, ...path]),
        message,
      })),
    );
}

/** Throws `resource_unavailable` for files that none of the servers that answer has. */
async function requireListed(needed: readonly NeededFile[], fleet: FleetView): Promise<void> {
  if (needed.length === 0) return;
  const servers = await fleet.current();
  const live = servers.filter(({ reachable }) => reachable);
  const hasFile = ({ lists }: FleetServer, { resource }: NeededFile): boolean =>
    findResourceFile(resource, lists.files) !== undefined;
  const faults = needed
    .filter((file) => live.length > 0 && !live.some((server) => hasFile(server, file)))
    .map(({ path, resource }) => ({
      ...{ code: 'resource_unavailable' as const, path },
      message: missingFile(resource, servers),
    }));
  if (faults.length > 0) throw faultsError(faults);
}

/** What the catalogue says of them, by AIR. */
export const resourcesOf = (needed: readonly NeededFile[]): NeededResources =>
  Object.fromEntries(
    needed.map(({ resource: { air, fileName, details } }) => [
      air,
      {
        ...(fileName === undefined ? {} : { fileName }),
        ...(typeof details['vramBytes'] === 'number' ? { vramBytes: details['vramBytes'] } : {}),
      },
    ]),
  );
