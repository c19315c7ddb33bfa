/** From the AIRs of a generation to the names one server lists their files under. */
import { parseAir, resourceKind, type ResourceKind } from '../domain/air.ts';
import type { Network, TextToImage } from '../domain/generation.ts';
import { basenameOf, normalName } from '../domain/file-index.ts';
import { DIFFUSION_MODEL_FOLDERS, findModelFile, foldersFor } from '../domain/model-files.ts';
import { OrchestratorError } from '../errors.ts';
import { USUAL_COMPANIONS } from './flux-loaders.ts';
import type { FluxCompanions, ResolvedFiles, ResolvedNetwork } from './resolved-files.ts';

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
  readonly file?: { readonly folder: string; readonly name: string };
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

const findCompanion = (
  listed: ListedFiles,
  folders: readonly string[],
  fits: RegExp,
): string | undefined =>
  folders
    .flatMap((folder) => [...(listed[folder] ?? [])].sort())
    .find((name) => fits.test(basenameOf(normalName(name))));

const findCompanions = (
  model: string,
  listed: ListedFiles,
): { companions?: FluxCompanions; missing: MissingFile[] } => {
  const encoders = ['text_encoders', 'clip'];
  const wanted = [
    { usual: USUAL_COMPANIONS.clipL, folders: encoders, fits: /^clip_l\b/ },
    { usual: USUAL_COMPANIONS.t5xxl, folders: encoders, fits: /^t5xxl/ },
    {
      usual: USUAL_COMPANIONS.vae,
      folders: ['vae'],
      fits: /^(?:ae|flux.*(?:ae|vae).*)\.(?:safetensors|sft)$/,
    },
  ];
  const [clipL, t5xxl, vae] = wanted.map(({ folders, fits }) =>
    findCompanion(listed, folders, fits),
  );
  if (clipL !== undefined && t5xxl !== undefined && vae !== undefined) {
    return { companions: { clipL, t5xxl, vae }, missing: [] };
  }
  return {
    missing: wanted
      .filter((_, index) => [clipL, t5xxl, vae][index] === undefined)
      .map(({ usual, folders }) => ({
        air: model,
        folders,
        message: `${model} is a bare diffusion model and needs ${usual}: put it into the server's model folder ${folders.join(' or ')}.`,
      })),
  };
};

/**
 * Files of a generation on one server. `fileNameOf` gives the catalogue's file name of an AIR, where it has one.
 * Throws `invalid_request` for a network that is no lora, embedding or vae.
 */
export const resolveFiles = (
  generation: TextToImage,
  fileNameOf: (air: string) => string | undefined,
  listed: ListedFiles,
): FileResolution => {
  const model = look(generation.model, 'checkpoint', fileNameOf(generation.model), listed);
  const networks = generation.networks.map((network) => {
    const kind = networkKind(network);
    return { network, kind, found: look(network.air, kind, fileNameOf(network.air), listed) };
  });
  const founds = [model, ...networks.map(({ found }) => found)];
  const bare = model.file !== undefined && DIFFUSION_MODEL_FOLDERS.includes(model.file.folder);
  const { companions, missing: absent } = bare
    ? findCompanions(generation.model, listed)
    : { companions: undefined, missing: [] };
  const missing = [
    ...founds.flatMap(({ missing: one }) => (one === undefined ? [] : [one])),
    ...absent,
  ];
  const notes = founds.flatMap(({ note }) => (note === undefined ? [] : [note]));
  if (model.file === undefined || missing.length > 0) return { missing, notes };
  return {
    files: {
      checkpoint: model.file,
      networks: networks.flatMap(({ network, kind, found }) =>
        found.file === undefined
          ? []
          : [
              {
                kind,
                name: found.file.name,
                strength: network.strength,
                ...(network.triggerWord === undefined ? {} : { triggerWord: network.triggerWord }),
              },
            ],
      ),
      ...(companions === undefined ? {} : { companions }),
    },
    missing,
    notes,
  };
};
