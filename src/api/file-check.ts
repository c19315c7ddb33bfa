/** Whether the files that a job needs are on a server, by the servers' own lists. */
import type { Resource } from '../db/resources.ts';
import type { ServerRecord } from '../db/servers.ts';
import { parseAir, resourceKind } from '../domain/air.ts';
import type { TextToImage } from '../domain/generation.ts';
import { findResourceFile, foldersFor } from '../domain/model-files.ts';
import { resolveFiles } from '../ecosystems/resolve-files.ts';
import type { FieldError } from '../errors.ts';

/** A resource and where the request names it. */
export interface NeededFile {
  readonly path: string;
  readonly resource: Resource;
}

/**
 * What keeps every reachable server from drawing this, or nothing when one has all files. `needed` starts with the
 * checkpoint. While no server answers nothing is known, and nothing is reported.
 */
export function missingFiles(
  models: Pick<TextToImage, 'ecosystem' | 'model' | 'networks'>,
  needed: readonly NeededFile[],
  servers: readonly ServerRecord[],
): FieldError[] {
  if (servers.length === 0) return [];
  const nowhere = needed
    .filter(({ resource }) => !servers.some((server) => hasFile(server, resource)))
    .map(({ path, resource }) => ({ path, message: missingFile(resource, servers) }));
  if (nowhere.length > 0) return nowhere;
  const fileNames = new Map(needed.map(({ resource: { air, fileName } }) => [air, fileName]));
  const lacks = servers.map((server) => ({
    server,
    missing: resolveFiles(models, (air) => fileNames.get(air), server.files).missing,
  }));
  if (lacks.some(({ missing }) => missing.length === 0)) return [];
  // A server with every named file lacks something else: text encoders, or a name that a prompt can say.
  const nearest = lacks.find(({ server }) =>
    needed.every(({ resource }) => hasFile(server, resource)),
  );
  const path = needed[0]?.path ?? '';
  if (nearest !== undefined)
    return nearest.missing.map(({ air, message }) => ({
      path: needed.find(({ resource }) => resource.air === air)?.path ?? path,
      message: `on '${nearest.server.id}': ${message}`,
    }));
  const airs = needed.map(({ resource }) => resource.air).join(', ');
  return [
    {
      path,
      message: `no single server has all files of ${airs}; put them into the model folders of one of ${names(servers)}`,
    },
  ];
}

const hasFile = (server: ServerRecord, resource: Resource): boolean =>
  findResourceFile(resource, server.files) !== undefined;

function missingFile(resource: Resource, servers: readonly ServerRecord[]): string {
  const { ecosystem, type = '', source, id, version } = parseAir(resource.air);
  const folders = foldersFor(resourceKind(type), ecosystem).join(' or ');
  const file =
    resource.fileName === undefined
      ? `${ecosystem}/${source}/${id}/${version}.safetensors (or a name with ${version} in it)`
      : `'${resource.fileName}'`;
  return (
    `no reachable server lists a file for ${resource.air}: looked in ${folders} of ${names(servers)} for ${file}. ` +
    `Put the file there, or set fileName with PATCH /v2/resources/${resource.air}`
  );
}

const names = (servers: readonly ServerRecord[]): string =>
  servers.map((server) => `'${server.id}'`).join(', ');
