/** From the AIRs of a generation to the names one server lists their files under. */
import { parseAir, resourceKind, type ResourceKind } from '../domain/air.ts';
import type { Network, TextToImage } from '../domain/generation.ts';
import { findModelFile, foldersFor } from '../domain/model-files.ts';
import { OrchestratorError } from '../errors.ts';
import { findCompanions } from './companions.ts';
import { embeddingNameProblem } from './embedding-prompts.ts';
import type { ResolvedFile, ResolvedFiles, ResolvedNetwork } from './resolved-files.ts';

/** Model folder → names as one server lists them. */
export type ListedFiles = Readonly<Record<string, readonly string[]>>;

export interface MissingFile {
  readonly air: string;
  /** Folders that were searched. */
  readonly folders: readonly string[];
  /** Which file, why it is needed and what to do, in words. */
  readonly message: string;
}

export interface FileResolution {
  /** Absent when a file is missing. */
  readonly files?: ResolvedFiles;
  readonly missing: readonly MissingFile[];
  /** Choices that were not the only possible ones, in words. */
  readonly notes: readonly string[];
}

interface Found {
  readonly file?: ResolvedFile;
  readonly missing?: MissingFile;
  readonly note?: string;
}

const look = (
  airText: string,
  kind: ResourceKind,
  fileName: string | undefined,
  listed: ListedFiles,
): Found => {
  const air = parseAir(airText);
  const found = findModelFile({
    air,
    kind,
    files: listed,
    ...(fileName === undefined ? {} : { fileName }),
  });
  if (found === undefined) {
    const folders = foldersFor(kind, air.ecosystem);
    const wanted =
      fileName ??
      `${air.ecosystem ?? ''}/${air.source}/${air.id ?? ''}/${air.version ?? ''}.safetensors`;
    const hint =
      fileName === undefined ? ' or give the resource a fileName' : ' or correct its fileName';
    return {
      missing: {
        air: airText,
        folders,
        message: `${airText} is not in the server's model folder ${folders.join(' or ')}: put it there as ${wanted}${hint}.`,
      },
    };
  }
  const { folder, name, alternatives } = found;
  const note =
    alternatives === undefined
      ? {}
      : {
          note: `${airText}: took ${name} in ${folder}; ${alternatives.join(', ')} would fit as well.`,
        };
  return { file: { folder, name }, ...note };
};

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
  const found = look(network.air, kind, fileName, listed);
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

/**
 * Files of a generation on one server. `fileNameOf` gives the catalogue's file name of an AIR, where it has one.
 * Throws `invalid_request` for a network that is no lora, embedding or vae.
 */
export const resolveFiles = (
  generation: Pick<TextToImage, 'ecosystem' | 'model' | 'networks'>,
  fileNameOf: (air: string) => string | undefined,
  listed: ListedFiles,
): FileResolution => {
  const air = generation.model;
  const model = look(air, 'checkpoint', fileNameOf(air), listed);
  const networks = generation.networks.map((network) =>
    lookUpNetwork(network, fileNameOf(network.air), listed),
  );
  const resolved = networks.flatMap((network) => network.resolved ?? []);
  const founds = [model, ...networks];
  const hasOwnVae = generation.networks.some((network) => networkKind(network) === 'vae');
  const { companions, missing: absent } =
    model.file === undefined
      ? { companions: undefined, missing: [] }
      : findCompanions(generation.ecosystem, model.file, hasOwnVae, listed);
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
      networks: resolved,
      ...(companions === undefined ? {} : { companions }),
    },
    missing,
    notes,
  };
};
