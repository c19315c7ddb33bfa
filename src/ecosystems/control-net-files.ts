/** Which ControlNet file of a server fits: v1 clients name a preprocessor and no file. */
import { normalName } from '../domain/file-index.ts';
import type { ControlNet, Ecosystem, ImageTransformer, TextToImage } from '../domain/generation.ts';
import { FOLDERS_BY_KIND } from '../domain/model-files.ts';
import { lookUp, type Found, type ListedFiles } from './look-up-file.ts';
import type { ResolvedControlNet } from './resolved-files.ts';

/** Words of file names and of their folders, better ones first, as the well-known files have them. */
const KINDS: Readonly<Record<ImageTransformer, readonly RegExp[]>> = {
  Canny: [/canny/],
  DepthZoe: [/depth.*zoe|zoe.*depth/, /depth/],
  SoftedgePidinet: [/pidi/, /soft[-_ ]?edge/, /(?<![a-z])hed(?![a-z])/, /mistoline/],
  // No ControlNet is trained on cut-outs; `tile` takes a picture as it is.
  Rembg: [/(?<![a-z])tile/],
};

const FAMILIES: Readonly<Partial<Record<Ecosystem, RegExp>>> = {
  sd1: /(?<![a-z])sd[-_ ]?v?1(?:[-_. ]?5)?(?!\d)/,
  sdxl: /sdxl|pony|illustrious|noobai|(?<![a-z0-9])xl(?![a-z0-9])/,
  flux1: /flux(?![-_. ]?2)/,
};

/** ControlNet-LLLite is loaded by custom nodes of its own; those for inpainting want a mask with the picture. */
const OTHER_USE = /lllite|inpaint/;
const UNION = /union|promax/;

type UnionTypes = Readonly<Record<ImageTransformer, string>>;

/** https://huggingface.co/xinsir/controlnet-union-sdxl-1.0, whose numbers ComfyUI's names stand for. */
const SDXL_TYPES: UnionTypes = {
  Canny: 'canny/lineart/anime_lineart/mlsd',
  DepthZoe: 'depth',
  SoftedgePidinet: 'hed/pidi/scribble/ted',
  Rembg: 'tile',
};

/**
 * ComfyUI hands a union model the number of a name in SDXL's order. Those of Flux count otherwise: 0 canny, 1 tile,
 * 2 depth, without soft edges. https://huggingface.co/InstantX/FLUX.1-dev-Controlnet-Union
 */
const FLUX_TYPES: UnionTypes = {
  Canny: 'openpose',
  DepthZoe: 'hed/pidi/scribble/ted',
  SoftedgePidinet: 'auto',
  Rembg: 'depth',
};

/** What a file of this name is told of the control image, when it is one model for all kinds of them. */
export const controlNetOf = (
  name: string,
  ecosystem: Ecosystem,
  preprocessor: ImageTransformer,
): ResolvedControlNet => {
  if (!UNION.test(normalName(name))) return { name };
  const types = ecosystem === 'flux1' ? FLUX_TYPES : SDXL_TYPES;
  return { name, unionType: types[preprocessor] };
};

/**
 * How well words about a ControlNet (its name, its title, its tags) fit control images of this kind: 0 is best, a union
 * model comes last. Undefined when they do not say that it fits.
 */
export const kindRank = (words: string, preprocessor: ImageTransformer): number | undefined => {
  const rank = [...KINDS[preprocessor], UNION].findIndex((kind) => kind.test(normalName(words)));
  return rank === -1 ? undefined : rank;
};

/**
 * The ControlNet of a server for control images of this kind: a file of that kind, else a union model; of several the
 * first in sorted order. Undefined when no file says in its name or folder that it fits.
 */
export const findControlNet = (
  ecosystem: Ecosystem,
  preprocessor: ImageTransformer,
  listed: readonly string[],
): ResolvedControlNet | undefined => {
  const family = FAMILIES[ecosystem];
  if (family === undefined) return undefined;
  const fitting = [...listed].sort().filter((name) => {
    const words = normalName(name);
    return family.test(words) && !OTHER_USE.test(words);
  });
  const ranked = fitting.flatMap((name) => {
    const rank = kindRank(name, preprocessor);
    return rank === undefined ? [] : [{ name, rank }];
  });
  const [best] = ranked.sort((a, b) => a.rank - b.rank);
  return best && controlNetOf(best.name, ecosystem, preprocessor);
};

/** Names of such files, for whoever has to put one there. */
const USUAL: Readonly<Partial<Record<Ecosystem, Readonly<Record<ImageTransformer, string>>>>> = {
  sd1: {
    Canny: 'control_v11p_sd15_canny.safetensors',
    DepthZoe: 'control_v11f1p_sd15_depth.safetensors',
    SoftedgePidinet: 'control_v11p_sd15_softedge.safetensors',
    Rembg: 'control_v11f1e_sd15_tile.safetensors',
  },
  sdxl: {
    Canny: 'diffusers_xl_canny_full.safetensors',
    DepthZoe: 'depth-zoe-xl-v1.0-controlnet.safetensors',
    SoftedgePidinet: 'controlnet-union-sdxl-1.0.safetensors',
    Rembg: 'controlnet-union-sdxl-1.0.safetensors',
  },
  flux1: {
    Canny: 'flux-canny-controlnet-v3.safetensors',
    DepthZoe: 'flux-depth-controlnet-v3.safetensors',
    SoftedgePidinet: 'flux-hed-controlnet-v3.safetensors',
    Rembg: 'FLUX.1-dev-ControlNet-Union-Pro.safetensors',
  },
};

/** The file of a ControlNet on one server: that of its AIR, else one whose name says that it fits. */
export const lookUpControlNet = (
  { preprocessor, model }: Pick<ControlNet, 'preprocessor' | 'model'>,
  {
    ecosystem,
    model: checkpoint,
    index,
  }: Pick<TextToImage, 'ecosystem' | 'model'> & { readonly index: number },
  fileNameOf: (air: string) => string | undefined,
  listed: ListedFiles,
): Found & { readonly resolved?: ResolvedControlNet } => {
  if (model !== undefined) {
    const found = lookUp(model, 'controlnet', fileNameOf(model), listed);
    if (found.file === undefined) return found;
    return { ...found, resolved: controlNetOf(found.file.name, ecosystem, preprocessor) };
  }
  const folders = FOLDERS_BY_KIND.controlnet;
  const resolved = findControlNet(ecosystem, preprocessor, listed[folders[0] ?? ''] ?? []);
  if (resolved) return { resolved };
  const example = USUAL[ecosystem]?.[preprocessor];
  const such = example === undefined ? '' : ` such as ${example}`;
  const message =
    `the preprocessor ${preprocessor} needs a ControlNet for ${ecosystem}, and no file in the server's model folder ` +
    `${folders.join(' or ')} says in its name or folder that it is one: put a file there${such}, or register yours as a resource of type controlnet.`;
  const path = ['controlNets', index, 'preprocessor'];
  return { missing: { air: checkpoint, folders, message, path } };
};
