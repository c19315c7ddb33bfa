import type { Ecosystem, Graph, TextToImage } from '../domain/generation.ts';
import type { ResolvedFiles } from './resolved-files.ts';

/** What is known of one family of base models: how its parameters become a graph. */
export interface EcosystemAdapter {
  readonly name: Ecosystem;
  /** Pure: the same arguments give the same graph. Throws `model_missing` for a file that a graph cannot name. */
  buildGraph(generation: TextToImage, files: ResolvedFiles, outputPrefix: string): Graph;
}
