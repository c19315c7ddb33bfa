/** Why no server that answers can run a job, in words for whoever asked for it. */
import { formatPath } from '../contract/field-errors.ts';
import { JOB_TYPES } from '../contract/v1/job-types/table.ts';
import type { Resource } from '../db/resources.ts';
import { parseAir, resourceKind } from '../domain/air.ts';
import type { FleetServer } from '../domain/fleet.ts';
import { findResourceFile, foldersFor } from '../domain/model-files.ts';
import { ECOSYSTEMS, TEXT_OPERATIONS } from '../domain/generation.ts';
import { needsOf, type GenerationShape, type JobNeeds } from '../domain/job-needs.ts';
import type { Lack, ServerFit } from '../ecosystems/server-fit.ts';
import type { FieldError } from '../errors.ts';

/** A resource and where the request names it. */
export interface NeededFile {
  readonly path: string;
  readonly resource: Resource;
}

interface NeedsOfJob {
  readonly needs: JobNeeds;
  /** Starts with the checkpoint. */
  readonly needed: readonly NeededFile[];
  /** Of the job in the body. */
  readonly path: readonly (string | number)[];
}

/** What keeps every server that answers from running this. Only for a job that none of them can run. */
export function lacksOfAll(
  { needs, needed, path: base }: NeedsOfJob,
  fleet: readonly FleetServer[],
  fit: ServerFit,
): FieldError[] {
  const servers = fleet.filter(({ reachable }) => reachable);
  if (needs.shape.operation !== 'textToImage') {
    const [best] = byLacks(needs, servers, fit);
    if (!best) return [];
    const isListed = best.lacks.some(({ path }) => path?.join() === '$type');
    const others = isListed
      ? `. Job types that can run now: ${typesThatRun(servers, fit).join(', ')}`
      : '';
    return best.lacks.map(({ path = [], message }) => ({
      path: formatPath([...base, ...path]),
      message: `on ${nameOf(best.server, fleet)}: ${message}${others}`,
    }));
  }
  const nowhere = needed
    .filter(({ resource }) => !servers.some((server) => hasFile(server, resource)))
    .map(({ path, resource }) => ({ path, message: missingFile(resource, fleet) }));
  if (nowhere.length > 0) return nowhere;
  const path = needed[0]?.path ?? '';
  // A server with every named file lacks something else: text encoders, a node class, memory, leave to serve it.
  const [nearest] = byLacks(
    needs,
    servers.filter((server) => needed.every(({ resource }) => hasFile(server, resource))),
    fit,
  );
  if (nearest)
    return nearest.lacks.map(({ air, message, path: inner }) => ({
      path: inner
        ? formatPath([...base, ...inner])
        : (needed.find(({ resource }) => resource.air === air)?.path ?? path),
      message: `on ${nameOf(nearest.server, fleet)}: ${message}`,
    }));
  const airs = needed.map(({ resource }) => resource.air).join(', ');
  return [
    {
      path,
      message: `no single server has all files of ${airs}; put them into the model folders of one of ${names(servers, fleet)}`,
    },
  ];
}

/** Jobs of the types that need nodes which not every server has. Nobody has the model of a training among them. */
const PROBES: readonly GenerationShape[] = [
  ...TEXT_OPERATIONS.map((operation) => ({ operation })),
  ...ECOSYSTEMS.map((ecosystem) => ({
    ...{ operation: 'imageResourceTraining' as const, ecosystem },
    model: `urn:air:${ecosystem}:checkpoint:civitai:0@0`,
  })),
];

/** All but those for which no server has the nodes. */
const typesThatRun = (servers: readonly FleetServer[], fit: ServerFit): readonly string[] => {
  const runs = (shape: GenerationShape): boolean =>
    servers.some((server) =>
      fit.lacks(needsOf(shape, {}), server).every(({ path }) => path?.join() === 'model'),
    );
  const able: ReadonlySet<string> = new Set(PROBES.filter(runs).map(({ operation }) => operation));
  const probed: ReadonlySet<string> = new Set(PROBES.map(({ operation }) => operation));
  return JOB_TYPES.filter((name) => !probed.has(name) || able.has(name));
};

/** What each server lacks, the one that lacks least first. */
const byLacks = (
  needs: JobNeeds,
  servers: readonly FleetServer[],
  fit: ServerFit,
): { readonly server: FleetServer; readonly lacks: readonly Lack[] }[] =>
  servers
    .map((server) => ({ server, lacks: fit.lacks(needs, server) }))
    .sort((a, b) => a.lacks.length - b.lacks.length);

const hasFile = ({ lists }: FleetServer, resource: Resource): boolean =>
  findResourceFile(resource, lists.files) !== undefined;

/** Where the file was looked for, and what to do. */
export function missingFile(resource: Resource, fleet: readonly FleetServer[]): string {
  const { ecosystem, type = '', source, id, version } = parseAir(resource.air);
  const folders = foldersFor(resourceKind(type), ecosystem).join(' or ');
  const file =
    resource.fileName === undefined
      ? `${ecosystem}/${source}/${id}/${version}.safetensors (or a name with ${version} in it)`
      : `'${resource.fileName}'`;
  const away = fleet.filter((server) => !server.reachable && hasFile(server, resource));
  const searched = fleet.filter(({ reachable }) => reachable);
  return (
    `no reachable server lists a file for ${resource.air}: looked in ${folders} of ${names(searched, fleet)} for ${file}. ` +
    (away.length > 0
      ? `It is on ${names(away, fleet)}, which does not answer: bring that back. `
      : '') +
    `Put the file there, or set fileName with PATCH /v2/resources/${resource.air}`
  );
}

const names = (servers: readonly FleetServer[], fleet: readonly FleetServer[]): string =>
  servers.map((server) => nameOf(server, fleet)).join(', ');

/** With its pool where there are several. */
const nameOf = ({ id, pool }: FleetServer, fleet: readonly FleetServer[]): string =>
  fleet.every((other) => other.pool === pool) ? `'${id}'` : `'${id}' of pool '${pool}'`;
