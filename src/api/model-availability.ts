/** Which servers can use a resource of the catalogue at this moment. */
import { createFleetView } from '../db/fleet-view.ts';
import type { ProviderAssetAvailability } from '../contract/v1/coverage.ts';
import type { Resource } from '../db/resources.ts';
import { parseAir, resourceKind, rootEcosystem, type ResourceKind } from '../domain/air.ts';
import type { FleetServer } from '../domain/fleet.ts';
import { needsOf } from '../domain/job-needs.ts';
import { findResourceFile } from '../domain/model-files.ts';
import { createServerFit, type ServerFit } from '../ecosystems/server-fit.ts';
import type { ApiDeps } from './deps.ts';
import { resourcesOf } from './submissions-of.ts';

/** Answers for the fleet as it was at most 2 seconds ago. */
export type ModelAvailability = () => Promise<
  (resource: Resource | undefined) => ProviderAssetAvailability
>;

/** Reads the fleet for `availabilityOf`. */
export function createModelAvailability({
  fleet: reader,
  now,
}: Pick<ApiDeps, 'fleet' | 'now'>): ModelAvailability {
  const fit = createServerFit();
  const view = createFleetView(
    () => reader.readFleet(),
    () => now().getTime(),
  );
  return async () => {
    const fleet = await view.current();
    return (resource) => availabilityOf(resource, fleet, fit);
  };
}

/** Used with a checkpoint and so only by what can draw its ecosystem. */
const OF_AN_ECOSYSTEM: readonly ResourceKind[] = ['checkpoint', 'lora', 'embedding', 'vae'];

/**
 * What `GET /v1/consumer/coverage` says of a resource. A server counts when it answers, is not being drained, may serve
 * the ecosystem and lists the file; for a checkpoint it must also have whatever else a picture needs.
 */
function availabilityOf(
  resource: Resource | undefined,
  fleet: readonly FleetServer[],
  fit: ServerFit,
): ProviderAssetAvailability {
  if (!resource) return { availability: 'Unknown', workers: 0 };
  const { type = '', ecosystem: name = '' } = parseAir(resource.air);
  const kind = resourceKind(type);
  const ecosystem = rootEcosystem(name);
  if (kind === 'other' || (OF_AN_ECOSYSTEM.includes(kind) && ecosystem === undefined))
    return { availability: 'Unsupported', workers: 0 };
  const canUse = ({ lists, ...server }: FleetServer): boolean => {
    if (ecosystem !== undefined && server.ecosystems?.includes(ecosystem) === false) return false;
    if (findResourceFile(resource, lists.files) === undefined) return false;
    if (kind !== 'checkpoint' || ecosystem === undefined) return true;
    const shape = {
      ...({ operation: 'textToImage', ecosystem, clipSkip: 1 } as const),
      ...{ model: resource.air, networks: [] },
    };
    const needs = needsOf(shape, resourcesOf([{ path: 'model', resource }]));
    return fit.lacks(needs, { ...server, lists }).length === 0;
  };
  const workers = fleet.filter(
    (server) => server.reachable && !server.draining && canUse(server),
  ).length;
  return { availability: workers > 0 ? 'Available' : 'Unavailable', workers };
}
