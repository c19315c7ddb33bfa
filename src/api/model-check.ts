/** Checks every AIR of a request against the catalogue before anything is accepted. */
import type { ParsedJob } from '../contract/v1/parse-jobs.ts';
import type { ModelRole, ModelUse } from '../contract/v1/job-types/job-type.ts';
import { faultsError } from '../contract/v1/parse-jobs.ts';
import { formatPath, shown } from '../contract/field-errors.ts';
import type { Resource, ResourceStore } from '../db/resources.ts';
import { parseAir, resourceKind, rootEcosystem, type ResourceKind } from '../domain/air.ts';
import { ECOSYSTEMS, type Ecosystem } from '../domain/generation.ts';
import { unambiguous } from '../domain/resource-match.ts';
import type { ErrorCode, FieldError } from '../errors.ts';
import { ambiguousAir } from './ambiguous-air.ts';
import type { NeededFile } from './file-check.ts';

/** The models of one request. */
export interface CheckedModels {
  /** Their entries, the checkpoint's first. */
  readonly needed: readonly NeededFile[];
  /** Canonical AIR of one that the request names. */
  airOf(asked: string): string;
}

export type ModelCheck = (
  tenant: string,
  jobs: readonly ParsedJob[],
) => Promise<readonly CheckedModels[]>;

type Fault = FieldError & { readonly code: ErrorCode };

interface Use extends Omit<ModelUse, 'path'> {
  readonly path: string;
}

const NETWORK_KINDS: readonly ResourceKind[] = ['lora', 'embedding', 'vae'];

/** What may stand where a request names a resource. */
const KINDS_BY_ROLE: Readonly<Record<Exclude<ModelRole, 'graph'>, readonly ResourceKind[]>> = {
  model: ['checkpoint'],
  network: NETWORK_KINDS,
  embedding: ['embedding'],
  controlNet: ['controlnet'],
  upscaler: ['upscaler'],
  refiner: ['checkpoint'],
  file: ['checkpoint', ...NETWORK_KINDS, 'controlnet', 'upscaler'],
};

/** Throws `unknown_resource`, `ambiguous_resource`, `ecosystem_mismatch` or `invalid_request` naming every AIR at fault. */
export function createModelCheck(resources: Pick<ResourceStore, 'listMatches'>): ModelCheck {
  return async (tenant, jobs) => {
    const uses = jobs.map(usesOf);
    const airs = [...new Set(uses.flat().map((use) => use.air))];
    const matches = await resources.listMatches(tenant, airs, 'lenient');
    const found = unambiguous(matches);
    const sound = new Set<string>();
    const faults = uses.flatMap((ofJob) => {
      // Most jobs of a request name what another one names.
      const key = JSON.stringify(ofJob.map(({ role, air }) => [role, air]));
      if (sound.has(key)) return [];
      const faultsOfJob = jobFaults(ofJob, found, matches);
      if (faultsOfJob.length === 0) sound.add(key);
      return faultsOfJob;
    });
    if (faults.length > 0) throw faultsError(faults);
    return uses.map((ofJob) => ({
      needed: neededFiles(ofJob, found),
      airOf: (asked) => found.get(asked)?.air ?? asked,
    }));
  };
}

const usesOf = ({ path, asked }: ParsedJob): Use[] =>
  asked.uses.map((use) => ({ ...use, path: formatPath([...path, ...use.path]) }));

function neededFiles(uses: readonly Use[], found: ReadonlyMap<string, Resource>): NeededFile[] {
  return uses.flatMap(({ air, path }) => {
    const resource = found.get(air);
    return resource ? [{ path, resource }] : [];
  });
}

function jobFaults(
  uses: readonly Use[],
  found: ReadonlyMap<string, Resource>,
  matches: ReadonlyMap<string, readonly Resource[]>,
): Fault[] {
  const faults = uses.flatMap((use) => {
    const resource = found.get(use.air);
    const fault = resource
      ? useFault(use, resource, found.get(uses[0]?.air ?? ''))
      : missingFault(use, matches.get(use.air) ?? []);
    return fault ? [{ ...fault, path: use.path }] : [];
  });
  const networks = uses.filter(({ role }) => role === 'network');
  // A prompt may call an embedding as often as it likes.
  const called = new Map(
    uses.flatMap((use) =>
      use.role === 'embedding' ? [[found.get(use.air)?.air ?? use.air, use] as const] : [],
    ),
  );
  const needed = neededFiles([...networks, ...called.values()], found);
  return [...faults, ...repeatedFaults(needed)];
}

/** A network named twice, in whatever spellings, and a second VAE: one of the two would be lost without a word. */
function repeatedFaults(needed: readonly NeededFile[]): Fault[] {
  const seen = new Map<string, string>();
  return needed.flatMap(({ path, resource: { air } }) => {
    const kind = resourceKind(parseAir(air).type ?? '');
    const key = kind === 'vae' ? kind : air;
    const earlier = seen.get(key);
    seen.set(key, earlier ?? path);
    if (earlier === undefined) return [];
    const message =
      kind === 'vae'
        ? `is a second VAE beside ${earlier}; a picture is decoded by one, leave the other out`
        : `is ${air} again, as ${earlier} is; name it once, with the strength you want`;
    return [{ code: 'invalid_request' as const, path, message }];
  });
}

const missingFault = ({ air }: Use, matches: readonly Resource[]): Omit<Fault, 'path'> =>
  matches.length > 0
    ? { code: 'ambiguous_resource', message: ambiguousAir(air, matches) }
    : {
        code: 'unknown_resource',
        message: `resource ${shown(air)} is not in the catalogue; add it with POST /v2/resources`,
      };

function useFault(
  use: Use,
  resource: Resource,
  model: Resource | undefined,
): Omit<Fault, 'path'> | undefined {
  const { type = '', ecosystem = '' } = parseAir(resource.air);
  const kind = resourceKind(type);
  // What a graph does with a model is the client's affair.
  if (use.role === 'graph') return undefined;
  const expected = KINDS_BY_ROLE[use.role];
  if (!expected.includes(kind)) {
    const elsewhere =
      use.role === 'model' && NETWORK_KINDS.includes(kind)
        ? ', which belongs in additionalNetworks'
        : '';
    return {
      code: 'invalid_request',
      message: `expected ${anyOf(expected)}; ${resource.air} is of type ${type}${elsewhere}`,
    };
  }
  // Upscalers know pixels only and fit every model; a file is asked for by itself.
  if (use.role === 'upscaler' || use.role === 'file') return undefined;
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

const anyOf = (names: readonly string[]): string => {
  const article = /^[aeiou]/.test(names[0] ?? '') ? 'an' : 'a';
  const last = names.at(-1) ?? '';
  return `${article} ${names.length < 2 ? last : `${names.slice(0, -1).join(', ')} or ${last}`}`;
};

const ecosystemOf = (resource: Resource): Ecosystem | undefined =>
  rootEcosystem(parseAir(resource.air).ecosystem ?? '');
