/** Model files that a graph names: by AIR, or by the name a server lists. Pure. */
import type { Graph } from './graph.ts';
import { embeddingAirsIn, replaceEmbeddingAirs } from '../prompt-embeddings.ts';
import { eachText, mapTexts, type TextPlace } from './graph-texts.ts';
import { loaderFolders } from './loader-folders.ts';

/** A model that a graph names in one of its inputs. */
export interface GraphModel {
  readonly nodeId: string;
  readonly classType: string;
  /** Name of the input; members inside it follow after dots. */
  readonly input: string;
  /** Either of the two. */
  readonly air?: string;
  readonly file?: string;
  /** It stands in a prompt as `embedding:<AIR>`. */
  readonly isEmbedding?: true;
}

const LONG_AIR = /^(?:urn:)?air:\S+$/i;
const SHORT_AIR = /^@[A-Za-z0-9_-]+\/\S+$/;
/** What people write about, where `@name/word` is no model. */
const PROMPT_INPUT = /^(?:text|prompt|positive|negative|caption|string|value)/i;
const MODEL_FILE = /\.(?:safetensors|sft|ckpt|pth?|bin|gguf)$/i;

const isReference = (text: string, { input }: TextPlace): boolean =>
  LONG_AIR.test(text) || (SHORT_AIR.test(text) && !PROMPT_INPUT.test(input.at(-1) ?? ''));

/** Every model that is named, in the order of the graph; the same one in the same class and input once. */
export function modelsIn(graph: Graph): readonly GraphModel[] {
  const found = new Map<string, GraphModel>();
  const add = (place: TextPlace, model: Pick<GraphModel, 'air' | 'file' | 'isEmbedding'>): void => {
    const input = place.input.join('.');
    const key = JSON.stringify([place.classType, input, model]);
    if (!found.has(key))
      found.set(key, { nodeId: place.nodeId, classType: place.classType, input, ...model });
  };
  eachText(graph, (text, place) => {
    if (isReference(text, place)) add(place, { air: text });
    else if (MODEL_FILE.test(text) && isLoader(place)) add(place, { file: text });
    else for (const air of embeddingAirsIn(text)) add(place, { air, isEmbedding: true });
  });
  return [...found.values()];
}

const isLoader = ({ classType, input }: TextPlace): boolean =>
  loaderFolders(classType, input.join('.')) !== undefined;

export interface ModelNames {
  /** What stands in place of an AIR that is a whole input. */
  ofAir(air: string, place: TextPlace): string;
  /** What follows `embedding:` in place of an AIR. */
  ofEmbedding(air: string): string;
  ofFile(file: string, place: TextPlace): string;
}

/** The graph with other names for its models; everything else stays. */
export const renameModels = (graph: Graph, names: ModelNames): Graph =>
  mapTexts(graph, (text, place) => {
    if (isReference(text, place)) return names.ofAir(text, place);
    if (MODEL_FILE.test(text) && isLoader(place)) return names.ofFile(text, place);
    return replaceEmbeddingAirs(text, (air) => `embedding:${names.ofEmbedding(air)}`);
  });
