/** Checks every AIR of a request against the catalogue and the servers' own lists before anything is accepted. */
import type { ParsedJob } from '../contract/v1/parse-jobs.ts';
import type { ResolvedModels } from '../contract/v1/submissions.ts';
import { faultsError } from '../contract/v1/parse-jobs.ts';
import { formatPath, shown } from '../contract/field-errors.ts';
import type { Resource, ResourceStore } from '../db/resources.ts';
import type { ServerRecord } from '../db/servers.ts';
import { parseAir, resourceKind, rootEcosystem, type ResourceKind } from '../domain/air.ts';
import { ECOSYSTEMS, type Ecosystem } from '../domain/generation.ts';
import { findModelFile, foldersFor } from '../domain/model-files.ts';
import type { ErrorCode, FieldError } from '../errors.ts';
import type { FleetView } from './fleet-view.ts';

export type ModelCheck = (
  tenant: string,
  jobs: readonly ParsedJob[],
) => Promise<readonly ResolvedModels[]>;

type Fault = FieldError & { readonly code: ErrorCode };

interface Use {
  readonly air: string;
  readonly path: string;
  readonly role: 'model' | 'network';
}

const NETWORK_KINDS: readonly ResourceKind[] = ['lora', 'embedding', 'vae'];

/**
 * Throws `unknown_resource`, `ecosystem_mismatch`, `resource_unavailable` or `invalid_request` naming every AIR at
 * fault. While no server answers nothing is known about files, and the request passes.
 */
export function createModelCheck(
  resources: Pick<ResourceStore, 'findResources'>,
  fleet: FleetView,
): ModelCheck {
  return async (tenant, jobs) => {
    const uses = jobs.map(usesOf);
    const airs = [...new Set(uses.flat().map((use) => use.air))];
    const [found, servers] = await Promise.all([resources.findResources(tenant, airs), fleet()]);
    const faults = uses.flatMap((ofJob) => jobFaults(ofJob, found, servers));
    if (faults.length > 0) throw faultsError(faults);
    return jobs.map((job) => resolve(job, found));
  };
}

function usesOf(job: ParsedJob): Use[] {
  return [
    { air: job.request.model, path: formatPath([...job.path, 'model']), role: 'model' },
    ...Object.keys(job.request.additionalNetworks ?? {}).map((air) => ({
      air,
      path: formatPath([...job.path, 'additionalNetworks', air]),
      role: 'network' as const,
    })),
  ];
}

function jobFaults(
  uses: readonly Use[],
  found: ReadonlyMap<string, Resource>,
  servers: readonly ServerRecord[],
): Fault[] {
  const faults = uses.flatMap((use) => {
    const fault = useFault(use, found.get(use.air), found.get(uses[0]?.air ?? ''));
    return fault ? [{ ...fault, path: use.path }] : [];
  });
  return faults.length > 0 ? faults : fileFaults(uses, found, servers);
}

function useFault(
  use: Use,
  resource: Resource | undefined,
  model: Resource | undefined,
): Omit<Fault, 'path'> | undefined {
  if (!resource)
    return {
      code: 'unknown_resource',
      message: `resource ${shown(use.air)} is not in the catalogue; add it with POST /v2/resources`,
    };
  const { type = '', ecosystem = '' } = parseAir(resource.air);
  const kind = resourceKind(type);
  if (use.role === 'model' && kind !== 'checkpoint')
    return {
      code: 'invalid_request',
      message: `expected a checkpoint; ${resource.air} is of type ${type}${NETWORK_KINDS.includes(kind) ? ', which belongs in additionalNetworks' : ''}`,
    };
  if (use.role === 'network' && !NETWORK_KINDS.includes(kind))
    return {
      code: 'invalid_request',
      message: `expected a lora, embedding or vae; ${resource.air} is of type ${type}`,
    };
  const root = rootEcosystem(ecosystem);
  if (use.role === 'model')
    return root === undefined
      ? {
          code: 'invalid_request',
          message: `ecosystem ${shown(ecosystem)} of ${resource.air} is not supported; use a model of ${ECOSYSTEMS.join(', ')}`,
        }
      : undefined;
  const modelRoot = model && ecosystemOf(model);
  if (modelRoot === undefined || root === modelRoot) return undefined;
  return {
    code: 'ecosystem_mismatch',
    message: `${resource.air} is for ${ecosystem} and does not fit the ${modelRoot} model ${model?.air ?? ''}; use one made for ${modelRoot}`,
  };
}

const ecosystemOf = (resource: Resource): Ecosystem | undefined =>
  rootEcosystem(parseAir(resource.air).ecosystem ?? '');

function fileFaults(
  uses: readonly Use[],
  found: ReadonlyMap<string, Resource>,
  servers: readonly ServerRecord[],
): Fault[] {
  if (servers.length === 0) return [];
  const needed = uses.flatMap((use) => {
    const resource = found.get(use.air);
    return resource ? [{ use, resource }] : [];
  });
  const faults = needed
    .filter(({ resource }) => !servers.some((server) => hasFile(server, resource)))
    .map(({ use, resource }) => ({
      code: 'resource_unavailable' as const,
      path: use.path,
      message: missingFile(resource, servers),
    }));
  const isTogether = servers.some((server) =>
    needed.every(({ resource }) => hasFile(server, resource)),
  );
  if (faults.length > 0 || isTogether) return faults;
  const airs = needed.map(({ resource }) => resource.air).join(', ');
  return [
    {
      code: 'resource_unavailable',
      path: uses[0]?.path ?? '',
      message: `no single server has all files of ${airs}; put them into the model folders of one of ${names(servers)}`,
    },
  ];
}

function hasFile(server: ServerRecord, resource: Resource): boolean {
  const air = parseAir(resource.air);
  const { fileName } = resource;
  return (
    findModelFile({
      air,
      kind: resourceKind(air.type ?? ''),
      files: server.files,
      ...(fileName === undefined ? {} : { fileName }),
    }) !== undefined
  );
}

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

function resolve(job: ParsedJob, found: ReadonlyMap<string, Resource>): ResolvedModels {
  const model = found.get(job.request.model);
  const ecosystem = model && ecosystemOf(model);
  if (!model || !ecosystem)
    throw new Error(`model ${job.request.model} passed its check unresolved`);
  const networks = Object.entries(job.request.additionalNetworks ?? {}).map(([air, params]) => ({
    air: found.get(air)?.air ?? air,
    strength: params.strength ?? 1,
    ...(typeof params.triggerWord === 'string' ? { triggerWord: params.triggerWord } : {}),
  }));
  return { ecosystem, model: model.air, networks };
}
