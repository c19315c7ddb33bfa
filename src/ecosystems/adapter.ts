import type { Ecosystem, TextToImage } from '../domain/generation.ts';
import type { Ingredients } from './ingredients.ts';
import type { ResolvedFiles } from './resolved-files.ts';

/** What is known of one family of base models: what its pictures are made of. `picture.ts` makes a graph of that. */
export interface EcosystemAdapter {
  readonly name: Ecosystem;
  /** Pure: the same arguments give the same. Throws `model_missing` for a file that a graph cannot name. */
  ingredients(generation: TextToImage, files: ResolvedFiles): Ingredients;
}
