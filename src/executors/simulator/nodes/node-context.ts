import type { Bitmap } from '../picture/bitmap.ts';
import type { SavedNumbers } from './saved-numbers.ts';
import type { NodeValue } from './values.ts';
import type { ImageValue, LatentValue, MaskValue, OpaqueValue, VideoValue } from './values.ts';

/** Thrown by a node; becomes `execution_error`. `exceptionType` is the Python class clients see. */
export class NodeError extends Error {
  readonly exceptionType: string;

  constructor(exceptionType: string, message: string) {
    super(message);
    this.name = 'NodeError';
    this.exceptionType = exceptionType;
  }
}

/** Thrown where an interrupt is noticed. */
export class InterruptedError extends Error {
  constructor() {
    super('interrupted');
    this.name = 'InterruptedError';
  }
}

export type FileType = 'output' | 'input' | 'temp';

export interface NodeContext {
  readonly classType: string;
  readonly outputTypes: readonly string[];
  readonly embeddings: readonly string[];
  directory(type: FileType): string;
  readonly savedNumbers: SavedNumbers;
  /** Text chunks for a PNG: the validated graph and the client's extra_pnginfo. */
  pngText(): Record<string, string>;
  /** Takes `modelLoadMs` the first time a file is needed and it is not the one loaded last. */
  loadModel(file: string): Promise<void>;
  /** One step done: waits the step time, reports, throws `InterruptedError` when asked to stop. */
  step(value: number, max: number, preview?: () => Bitmap): Promise<void>;
}

export interface NodeResult {
  readonly outputs: readonly NodeValue[];
  readonly ui?: Record<string, unknown[]>;
}

export type NodeInputs = Readonly<Record<string, NodeValue | undefined>>;
export type NodeExecutor = (
  inputs: NodeInputs,
  context: NodeContext,
) => NodeResult | Promise<NodeResult>;

const wrong = (name: string, wanted: string): NodeError =>
  new NodeError('TypeError', `missing or unusable input '${name}': expected ${wanted}`);

/** The number of an input; throws `NodeError` when it has none and no default is given. */
export const numberIn = (inputs: NodeInputs, name: string, fallback?: number): number => {
  const value = inputs[name];
  if (typeof value === 'number') return value;
  if (typeof value === 'bigint') return Number(value);
  if (fallback !== undefined) return fallback;
  throw wrong(name, 'a number');
};

export const textIn = (inputs: NodeInputs, name: string, fallback?: string): string => {
  const value = inputs[name];
  if (typeof value === 'string') return value;
  if (fallback !== undefined) return fallback;
  throw wrong(name, 'a string');
};

/** A literal in words; '' for anything that is not one. */
export const wordsIn = (inputs: NodeInputs, name: string): string => {
  const value = inputs[name];
  return value === undefined || typeof value === 'object' ? '' : String(value);
};

const kindIn =
  <K extends 'opaque' | 'latent' | 'image' | 'mask' | 'video'>(kind: K) =>
  (inputs: NodeInputs, name: string): Extract<NodeValue, { kind: K }> => {
    const value = inputs[name];
    if (typeof value === 'object' && value.kind === kind) {
      return value as Extract<NodeValue, { kind: K }>;
    }
    throw wrong(name, kind);
  };

export const opaqueIn: (inputs: NodeInputs, name: string) => OpaqueValue = kindIn('opaque');
export const latentIn: (inputs: NodeInputs, name: string) => LatentValue = kindIn('latent');
export const imageIn: (inputs: NodeInputs, name: string) => ImageValue = kindIn('image');
export const videoIn: (inputs: NodeInputs, name: string) => VideoValue = kindIn('video');
export const maskIn: (inputs: NodeInputs, name: string) => MaskValue = kindIn('mask');
