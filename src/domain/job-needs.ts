/** What a job needs of a server. */
import type { TextToImage } from './generation.ts';

/** Everything of a generation that decides which files and node classes its graph needs. */
export type GenerationShape = Pick<TextToImage, 'ecosystem' | 'model' | 'networks' | 'clipSkip'>;

/** What the catalogue says of the resources a job names, by AIR. */
export type NeededResources = Readonly<
  Record<string, { readonly fileName?: string | null; readonly vramBytes?: number | null }>
>;

export interface JobNeeds {
  readonly shape: GenerationShape;
  readonly resources: NeededResources;
  /** Jobs with the same key need the same files and node classes. */
  readonly key: string;
}

/** What a job of this shape needs. */
export function needsOf(shape: GenerationShape, resources: NeededResources): JobNeeds {
  const { ecosystem, model, networks, clipSkip } = shape;
  const airs = [model, ...networks.map(({ air }) => air)];
  const names = airs.map((air) => resources[air]?.fileName ?? null);
  return { shape, resources, key: JSON.stringify([ecosystem, clipSkip, airs, names]) };
}
