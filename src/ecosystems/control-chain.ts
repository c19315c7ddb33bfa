import type { ControlNet, TextToImage } from '../domain/generation.ts';
import type { Graph } from '../domain/graphs/graph.ts';
import { controlRole } from '../domain/generation-inputs.ts';
import { transformerResolution, transformImage } from './image-transformers.ts';
import { required, type ResolvedControlNet, type ResolvedFiles } from './resolved-files.ts';
import { fillSkeleton, prefixIds, type Link } from './skeleton.ts';
import controlNet from './skeletons/picture/control-net.json' with { type: 'json' };
import controlNetType from './skeletons/picture/control-net-type.json' with { type: 'json' };
import withoutAlpha from './skeletons/picture/without-alpha.json' with { type: 'json' };

export interface Conditioning {
  readonly positive: Link;
  readonly negative: Link;
}

type Sized = Pick<TextToImage, 'width' | 'height'>;

/** The control image as the ControlNet takes it: three channels. */
const hintOf = (
  { preprocessor }: ControlNet,
  { width, height }: Sized,
): { readonly nodes: Graph; readonly hint: string } => {
  const resolution = transformerResolution(width, height);
  const { nodes, image } = transformImage(preprocessor, ['image', 0], resolution);
  return preprocessor === 'Rembg'
    ? { nodes: { ...nodes, ...fillSkeleton(withoutAlpha, { image }) }, hint: 'opaque' }
    : { nodes, hint: image[0] };
};

const applyOne = (
  control: ControlNet,
  { name, unionType }: ResolvedControlNet,
  file: string,
  size: Sized,
  before: Conditioning & { readonly vae: Link },
): Graph => {
  const { nodes, hint } = hintOf(control, size);
  const typed =
    unionType === undefined
      ? {}
      : fillSkeleton(controlNetType, { controlNet: ['model', 0], type: unionType });
  return {
    ...nodes,
    ...typed,
    ...fillSkeleton(controlNet, {
      ...before,
      file,
      controlNet: name,
      loaded: [unionType === undefined ? 'model' : 'type', 0],
      hint: [hint, 0],
      weight: control.weight,
      start: control.start,
      end: control.end,
    }),
  };
};

/** ControlNets one after another in the given order, each on both prompts. Throws `internal` for a file not resolved. */
export const chainControlNets = (
  start: Conditioning & { readonly vae: Link },
  generation: Sized & Pick<TextToImage, 'controlNets'>,
  files: Pick<ResolvedFiles, 'controlNets' | 'inputs'>,
): Conditioning & { readonly nodes: Graph } => {
  let nodes: Graph = {};
  let { positive, negative } = start;
  (generation.controlNets ?? []).forEach((control, index) => {
    const prefix = `control-${index + 1}`;
    const resolved = files.controlNets?.[index];
    const file = required(files.inputs?.[controlRole(index)], `the image of ControlNet ${index}`);
    const model = {
      ...resolved,
      name: required(resolved?.name, `the file of ControlNet ${index}`),
    };
    const before = { positive, negative, vae: start.vae };
    nodes = { ...nodes, ...prefixIds(applyOne(control, model, file, generation, before), prefix) };
    [positive, negative] = [
      [`${prefix}-apply`, 0],
      [`${prefix}-apply`, 1],
    ];
  });
  return { nodes, positive, negative };
};
