/** From the body of a request to the jobs it asks for, each with the pool it will wait for. */
import type { JobSubmission } from '../client/verbs.ts';
import { formatPath } from '../contract/field-errors.ts';
import { faultsError, parseJobRequests } from '../contract/v1/parse-jobs.ts';
import { toSubmissions } from '../contract/v1/submissions.ts';
import { needsOf, type NeededResources } from '../domain/job-needs.ts';
import { pictureFaults } from '../domain/picture-rules.ts';
import { createServerFit } from '../ecosystems/server-fit.ts';
import { createControlNetChoice, type MadeRequest } from './control-net-choice.ts';
import type { ApiDeps } from './deps.ts';
import { createDependencyCheck } from './dependency-check.ts';
import type { NeededFile } from './file-check.ts';
import type { FleetView } from '../db/fleet-view.ts';
import { createMediaCheck } from './media-check.ts';
import { createCallbackCheck } from './callback-check.ts';
import { createModelCheck } from './model-check.ts';
import { createRouting } from './routing.ts';
import { createStorageGuard } from './storage-guard.ts';

/** Throws for whatever keeps the request from being accepted. */
export type SubmissionsOf = (tenant: string, body: unknown) => Promise<JobSubmission[]>;

/** Parses, checks against the catalogue, fixes the seeds and chooses the pools. */
export function createSubmissionsOf(deps: ApiDeps, fleet: FleetView): SubmissionsOf {
  const { config, now } = deps;
  const checkDependencies = createDependencyCheck(deps.dependencies);
  const checkModels = createModelCheck(deps.resources);
  const chooseControlNets = createControlNetChoice(deps.resources);
  const checkMedia = createMediaCheck(deps);
  const checkCallbacks = createCallbackCheck(deps.outgoing);
  const requireSpace = createStorageGuard(deps.storage, config.MIN_FREE_BYTES, now);
  const route = createRouting({
    ...{ fleet, fit: createServerFit(), now, defaultPool: config.COMFY_POOL },
    countWaiting: () => deps.fleet.countWaiting(),
  });
  const randomSeed = (): number => Number.parseInt(deps.randomHex(4), 16);

  return async (tenant, body) => {
    const parsed = parseJobRequests(body, now());
    const waits = await checkDependencies(tenant, parsed);
    await checkMedia(tenant, parsed);
    await checkCallbacks(parsed);
    await requireSpace();
    const models = await checkModels(tenant, parsed);
    const made = parsed.flatMap(({ asked, path }, index): MadeRequest[] => {
      const checked = models[index];
      if (!checked) return [];
      const { needed, airOf } = checked;
      return [
        { path, submissions: toSubmissions(asked, waits[index], { airOf, randomSeed }), needed },
      ];
    });
    assertDrawable(made);
    const chosen = await chooseControlNets(tenant, made);
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
}

/** Throws `invalid_request` for what no graph can draw. */
function assertDrawable(requests: readonly MadeRequest[]): void {
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
