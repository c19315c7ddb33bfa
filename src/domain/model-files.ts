/**
 * Finds a resource's file among the lists a ComfyUI server gives of its own model folders. Pure.
 *
 * With a `fileName`: exactly that name; else the same path in another casing or with Windows' backslashes; else the one
 * listed file of that base name. Without it, by convention: `<ecosystem>/<source>/<modelId>/<versionId>.<extension>`;
 * else a file whose base name holds the version id as a word (`dreamshaper_128713.safetensors`); else, for sources whose
 * version is a path (huggingface), the one file of that base name. When several fit, the first in sorted order is taken.
 */
import { parseAir, resourceKind, rootEcosystem, type Air, type ResourceKind } from './air.ts';
import { basenameOf, fileIndexOf, normalName, stemOf, type FileIndex } from './file-index.ts';
import type { Ecosystem } from './generation.ts';

/** Folders in which ComfyUI keeps files of a kind, in the order they are searched. */
export const FOLDERS_BY_KIND: Readonly<Record<ResourceKind, readonly string[]>> = {
  checkpoint: ['checkpoints'],
  lora: ['loras'],
  embedding: ['embeddings'],
  vae: ['vae'],
  controlnet: ['controlnet'],
  upscaler: ['upscale_models'],
  other: [],
};

/** Folders of files that hold only the diffusion model; `unet` is the older name. */
export const DIFFUSION_MODEL_FOLDERS: readonly string[] = ['diffusion_models', 'unet'];

/** Shorter ids are too common in file names (`v15`, `xl_2`) and count only as the whole name. */
const SHORTEST_ID_IN_A_NAME = 4;

/** Families that are also published as a bare diffusion model, with text encoders and VAE beside it. */
const PUBLISHED_IN_PARTS: readonly (Ecosystem | undefined)[] = ['sd3', 'flux1'];

/** Folders searched for a resource. */
export const foldersFor = (kind: ResourceKind, ecosystem = ''): readonly string[] =>
  kind === 'checkpoint' && PUBLISHED_IN_PARTS.includes(rootEcosystem(ecosystem))
    ? [...FOLDERS_BY_KIND.checkpoint, ...DIFFUSION_MODEL_FOLDERS]
    : FOLDERS_BY_KIND[kind];

export interface ModelFileQuery {
  readonly air: Air;
  readonly kind: ResourceKind;
  /** The name as the servers list it, when the catalogue knows it. */
  readonly fileName?: string;
  /** Model folder → names as the server lists them. */
  readonly files: Readonly<Record<string, readonly string[]>>;
  /** (Default: those of the kind) */
  readonly folders?: readonly string[];
}

export interface ModelFile {
  readonly folder: string;
  /** Exactly as listed, which is what the graph must say. */
  readonly name: string;
  /** Names that fit as well, when the choice was not the only one. */
  readonly alternatives?: readonly string[];
}

type Rule = (index: FileIndex) => readonly string[];

const onlyOne = (names: readonly string[]): readonly string[] => (names.length === 1 ? names : []);

const byName = (fileName: string, kind: ResourceKind): readonly Rule[] => {
  const wanted = kind === 'embedding' ? stemOf(fileName) : fileName;
  const path = normalName(wanted);
  const read = (index: FileIndex, key: string): readonly string[] =>
    kind === 'embedding' ? index.byStem(key) : index.byPath(key);
  return [
    (index) => (index.has(fileName) ? [fileName] : index.has(wanted) ? [wanted] : []),
    (index) => read(index, path),
    (index) => {
      const base = basenameOf(path);
      return onlyOne(kind === 'embedding' ? index.byBaseStem(base) : index.byBase(base));
    },
  ];
};

const byConvention = ({ ecosystem, source, id, version }: Air): readonly Rule[] => {
  if (version === undefined) return [];
  const rules: Rule[] = [];
  if (ecosystem !== undefined && id !== undefined) {
    const path = normalName(`${ecosystem}/${source}/${id}/${version}`);
    rules.push((index) => index.byPath(path));
    rules.push((index) => index.byStem(path));
  }
  if (/^\d+$/.test(version)) {
    rules.push((index) => index.byBaseStem(version));
    if (version.length >= SHORTEST_ID_IN_A_NAME) rules.push((index) => index.byNumber(version));
  } else {
    const base = basenameOf(normalName(version));
    rules.push((index) => onlyOne(index.byBase(base)));
    rules.push((index) => onlyOne(base === stemOf(base) ? [] : index.byBaseStem(stemOf(base))));
  }
  return rules;
};

/** The listed file of a resource, or undefined when the server lists none that fits. */
export const findModelFile = ({
  air,
  kind,
  fileName,
  files,
  folders = foldersFor(kind, air.ecosystem),
}: ModelFileQuery): ModelFile | undefined =>
  firstFit(fileName === undefined ? byConvention(air) : byName(fileName, kind), folders, files);

/** The listed file that a client calls by this name, in whatever casing and with either kind of slash. */
export const findNamedFile = (
  fileName: string,
  folders: readonly string[],
  files: ModelFileQuery['files'],
): ModelFile | undefined => firstFit(byName(fileName, 'other'), folders, files);

const firstFit = (
  rules: readonly Rule[],
  folders: readonly string[],
  files: ModelFileQuery['files'],
): ModelFile | undefined => {
  // A better rule in a later folder wins over a weaker one in an earlier folder.
  for (const rule of rules) {
    for (const folder of folders) {
      const list = files[folder];
      const [name, ...alternatives] = list === undefined ? [] : rule(fileIndexOf(list));
      if (name === undefined) continue;
      return { folder, name, ...(alternatives.length === 0 ? {} : { alternatives }) };
    }
  }
  return undefined;
};

/** The same for a resource as the catalogue has it. Throws for what is no AIR. */
export const findResourceFile = (
  { air: text, fileName }: { readonly air: string; readonly fileName?: string | null | undefined },
  files: ModelFileQuery['files'],
): ModelFile | undefined => {
  const air = parseAir(text);
  const kind = resourceKind(air.type ?? '');
  return findModelFile({ air, kind, files, ...(fileName == null ? {} : { fileName }) });
};
