/** What a job needs of a server. */
import type { Generation, TextToImage } from './generation.ts';

type TextToImageShape = Pick<
  TextToImage,
  | 'operation'
  | 'ecosystem'
  | 'model'
  | 'networks'
  | 'clipSkip'
  | 'source'
  | 'controlNets'
  | 'hires'
  | 'refiner'
>;

/** Everything of a generation that decides which files and node classes its graph needs; a generation is one. */
export type GenerationShape = TextToImageShape;

/** What the catalogue says of the resources a job names, by AIR. */
export type NeededResources = Readonly<
  Record<string, { readonly fileName?: string | null; readonly vramBytes?: number | null }>
>;

export interface JobNeeds {
  readonly shape: GenerationShape;
  readonly resources: NeededResources;
  /** AIR of the checkpoint, which a server keeps warm. */
  readonly model: string;
  /** Jobs with the same key need the same files and node classes. */
  readonly key: string;
}

/** AIRs of the resources that a job names, the checkpoint first. `db/generation-airs.ts` says the same in SQL. */
export const airsOf = ({
  model,
  networks,
  controlNets = [],
  refiner,
  hires,
}: Pick<
  GenerationShape,
  'model' | 'networks' | 'controlNets' | 'refiner' | 'hires'
>): readonly string[] => [
  model,
  ...networks.map(({ air }) => air),
  ...controlNets.flatMap((control) => control.model ?? []),
  ...(refiner ? [refiner.model] : []),
  ...(hires?.upscaler === undefined ? [] : [hires.upscaler]),
];

/** What a job of this shape needs. */
export function needsOf(shape: GenerationShape, resources: NeededResources): JobNeeds {
  const names = airsOf(shape).map((air) => resources[air]?.fileName ?? null);
  return { shape, resources, model: shape.model, key: JSON.stringify([shapeKey(shape), names]) };
}

/** The same for all generations whose graphs have the same files and node classes. */
export function shapeKey(shape: GenerationShape): string {
  const { ecosystem, clipSkip, source, controlNets, hires, refiner } = shape;
  const parts = [
    source && [source.mask ? 'masked' : 'source', source.denoise > 0],
    controlNets?.map(({ preprocessor, model }) => [preprocessor, model]),
    hires && ['hires', hires.upscaler, hires.denoise > 0],
    refiner && 'refiner',
  ];
  return JSON.stringify([ecosystem, clipSkip, airsOf(shape), parts]);
}

/** In one line, for whoever lists runs. */
export const titleOf = ({ width, height, seed }: Generation): string =>
  `${width}×${height} · seed ${seed}`;
