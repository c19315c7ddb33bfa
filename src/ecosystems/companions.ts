/** Text encoders and VAE of models that are published in parts, found by the names they are published under. */
import { basenameOf, normalName } from '../domain/file-index.ts';
import type { Ecosystem } from '../domain/generation.ts';
import { DIFFUSION_MODEL_FOLDERS } from '../domain/model-files.ts';
import type { CompanionRole, Companions, ResolvedFile } from './resolved-files.ts';

interface Companion {
  readonly role: CompanionRole;
  readonly usual: string;
  /** Folders of the server, in the order they are searched; `clip` is the older name. */
  readonly folders: readonly string[];
  readonly fits: RegExp;
}

interface Parts {
  readonly encoders: readonly Companion[];
  readonly vae: Companion;
  /** A file in `checkpoints` may lack its text encoders: those of the server are taken when it has all of them. */
  readonly mayLackEncoders: boolean;
}

const encoder = (role: CompanionRole, usual: string, fits: RegExp): Companion => ({
  role,
  usual,
  folders: ['text_encoders', 'clip'],
  fits,
});

const vae = (usual: string, fits: RegExp): Companion => ({
  role: 'vae',
  usual,
  folders: ['vae'],
  fits,
});

const CLIP_L = encoder('clipL', 'clip_l.safetensors', /^clip_l(?![a-z0-9])/);
const CLIP_G = encoder('clipG', 'clip_g.safetensors', /^clip_g(?![a-z0-9])/);
const T5XXL = encoder('t5xxl', 't5xxl_fp16.safetensors', /^t5xxl/);

/**
 * https://docs.comfy.org/tutorials/flux/flux-1-text-to-image and
 * https://comfyanonymous.github.io/ComfyUI_examples/sd3 (3.5 Large holds no text encoders, its fp8 version does).
 */
const PARTS: Readonly<Partial<Record<Ecosystem, Parts>>> = {
  flux1: {
    encoders: [CLIP_L, T5XXL],
    vae: vae('ae.safetensors', /^(?:ae|flux.*(?:ae|vae).*)\.(?:safetensors|sft)$/),
    mayLackEncoders: false,
  },
  sd3: {
    encoders: [CLIP_L, CLIP_G, T5XXL],
    vae: vae('sd3_vae.safetensors', /^sd[-_ ]?3.*vae.*\.(?:safetensors|sft)$/),
    mayLackEncoders: true,
  },
};

/** True for a file that holds only the diffusion model. */
export const isBareModel = ({ folder }: ResolvedFile): boolean =>
  DIFFUSION_MODEL_FOLDERS.includes(folder);

/** Text encoders of an ecosystem that comes in parts, in the order its loader names them. */
export const encoderRoles = (ecosystem: Ecosystem): readonly CompanionRole[] =>
  PARTS[ecosystem]?.encoders.map(({ role }) => role) ?? [];

/** The usual name of each companion, for a server whose lists are not known. */
export const usualCompanions = (ecosystem: Ecosystem): Companions => {
  const parts = PARTS[ecosystem];
  const all = parts === undefined ? [] : [...parts.encoders, parts.vae];
  return Object.fromEntries(all.map(({ role, usual }) => [role, usual]));
};

const find = (
  listed: Readonly<Record<string, readonly string[]>>,
  { folders, fits }: Companion,
): string | undefined =>
  folders
    .flatMap((folder) => [...(listed[folder] ?? [])].sort())
    .find((name) => fits.test(basenameOf(normalName(name))));

/** Companions of a model file on one server, and those it cannot do without but which are not there. */
export const findCompanions = (
  ecosystem: Ecosystem,
  model: ResolvedFile,
  hasOwnVae: boolean,
  listed: Readonly<Record<string, readonly string[]>>,
): {
  readonly companions?: Companions;
  readonly missing: readonly Pick<Companion, 'usual' | 'folders'>[];
} => {
  const parts = PARTS[ecosystem];
  const isBare = isBareModel(model);
  if (parts === undefined || (!isBare && !parts.mayLackEncoders)) return { missing: [] };
  const wanted = isBare && !hasOwnVae ? [...parts.encoders, parts.vae] : parts.encoders;
  const found = wanted.map((companion) => ({ companion, name: find(listed, companion) }));
  const absent = found.filter(({ name }) => name === undefined).map(({ companion }) => companion);
  if (absent.length > 0) return { missing: isBare ? absent : [] };
  return {
    companions: Object.fromEntries(found.map(({ companion, name }) => [companion.role, name])),
    missing: [],
  };
};
