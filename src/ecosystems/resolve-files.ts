/** From the AIRs of a generation to the names one server lists their files under. */
import { parseAir, resourceKind } from '../domain/air.ts';
import type { Network, TextToImage } from '../domain/generation.ts';
import { OrchestratorError } from '../errors.ts';
import { findCompanions } from './companions.ts';
import { lookUpControlNet } from './control-net-files.ts';
import { embeddingNameProblem } from './embedding-prompts.ts';
import { lookUp, type Found, type ListedFiles, type MissingFile } from './look-up-file.ts';
import type { ResolvedFiles, ResolvedNetwork } from './resolved-files.ts';

export interface FileResolution {
  /** Absent when a file is missing. */
  readonly files?: ResolvedFiles;
  readonly missing: readonly MissingFile[];
  /** Choices that were not the only possible ones, in words. */
  readonly notes: readonly string[];
}

const networkKind = (network: Network): ResolvedNetwork['kind'] => {
  const type = parseAir(network.air).type ?? '';
  const kind = resourceKind(type);
  if (kind === 'lora' || kind === 'vae' || kind === 'embedding') return kind;
  throw new OrchestratorError(
    'invalid_request',
    `${network.air} is of type ${type === '' ? 'unknown' : type} and cannot be an additional network. Use a lora, embedding or vae.`,
  );
};

const lookUpNetwork = (
  network: Network,
  fileName: string | undefined,
  listed: ListedFiles,
): Found & { readonly resolved?: ResolvedNetwork } => {
  const kind = networkKind(network);
  const found = lookUp(network.air, kind, fileName, listed);
  if (found.file === undefined) return found;
  const { folder, name } = found.file;
  const problem = kind === 'embedding' ? embeddingNameProblem(name) : undefined;
  if (problem !== undefined)
    return { missing: { air: network.air, folders: [folder], message: problem } };
  const { strength, triggerWord } = network;
  return {
    ...found,
    resolved: { kind, name, strength, ...(triggerWord === undefined ? {} : { triggerWord }) },
  };
};

type Named = Pick<
  TextToImage,
  'ecosystem' | 'model' | 'networks' | 'controlNets' | 'hires' | 'refiner'
>;

/**
 * Files of a generation on one server. `fileNameOf` gives the catalogue's file name of an AIR, where it has one.
 * Throws `invalid_request` for a network that is no lora, embedding or vae.
 */
export const resolveFiles = (
  generation: Named,
  fileNameOf: (air: string) => string | undefined,
  listed: ListedFiles,
): FileResolution => {
  const { ecosystem, model: air, hires, refiner } = generation;
  const find = (one: string | undefined, kind: 'checkpoint' | 'upscaler'): Found =>
    one === undefined ? {} : lookUp(one, kind, fileNameOf(one), listed);
  const model = find(air, 'checkpoint');
  const networks = generation.networks.map((network) =>
    lookUpNetwork(network, fileNameOf(network.air), listed),
  );
  const controlNets = (generation.controlNets ?? []).map((control, index) =>
    lookUpControlNet(control, { ...generation, index }, fileNameOf, listed),
  );
  const upscaler = find(hires?.upscaler, 'upscaler');
  const second = find(refiner?.model, 'checkpoint');
  const founds = [model, ...networks, ...controlNets, upscaler, second];
  const hasOwnVae = generation.networks.some((network) => networkKind(network) === 'vae');
  const { companions, missing: absent } =
    model.file === undefined
      ? { companions: undefined, missing: [] }
      : findCompanions(ecosystem, model.file, hasOwnVae, listed);
  const missing = [
    ...founds.flatMap(({ missing: one }) => one ?? []),
    ...absent.map(({ usual, folders }) => ({
      air,
      folders,
      message: `${air} is a bare diffusion model and needs ${usual}: put it into the server's model folder ${folders.join(' or ')}.`,
    })),
  ];
  const notes = founds.flatMap(({ note }) => note ?? []);
  if (model.file === undefined || missing.length > 0) return { missing, notes };
  return {
    files: {
      checkpoint: model.file,
      networks: networks.flatMap((network) => network.resolved ?? []),
      ...(companions === undefined ? {} : { companions }),
      ...(controlNets.length === 0
        ? {}
        : { controlNets: controlNets.flatMap((control) => control.resolved ?? []) }),
      ...(upscaler.file === undefined ? {} : { upscaler: upscaler.file.name }),
      ...(second.file === undefined ? {} : { refiner: second.file.name }),
    },
    missing,
    notes,
  };
};
