/** The supported ecosystems; a new one is a file beside this one and a line here. */
import { rootEcosystem } from '../domain/air.ts';
import { ECOSYSTEMS, type Ecosystem, type TextToImage } from '../domain/generation.ts';
import type { Graph } from '../domain/graphs/graph.ts';
import { OrchestratorError } from '../errors.ts';
import type { EcosystemAdapter } from './adapter.ts';
import { flux1 } from './flux1.ts';
import { buildPicture } from './picture.ts';
import type { ResolvedFiles } from './resolved-files.ts';
import { sd1 } from './sd1.ts';
import { sd3 } from './sd3.ts';
import { sdxl } from './sdxl.ts';

const ADAPTERS: Readonly<Record<Ecosystem, EcosystemAdapter>> = { sd1, sdxl, sd3, flux1 };

/** Adapter of an ecosystem or of one of its children (`pony` → sdxl). Throws `invalid_request` for any other name. */
export const ecosystemFor = (name: string): EcosystemAdapter => {
  const root = rootEcosystem(name);
  if (root !== undefined) return ADAPTERS[root];
  throw new OrchestratorError(
    'invalid_request',
    `Ecosystem ${JSON.stringify(name.slice(0, 80))} is not supported. Use a model of ${ECOSYSTEMS.join(', ')} or of one of their children such as pony or illustrious.`,
  );
};

/** Graph of a generation for the server whose file names are given. Throws `model_missing`, `invalid_request`. */
export const buildGraph = (
  generation: TextToImage,
  files: ResolvedFiles,
  outputPrefix: string,
): Graph => {
  const ingredients = ecosystemFor(generation.ecosystem).ingredients(generation, files);
  return buildPicture(ingredients, generation, files, outputPrefix);
};
