/** The files of a generation, by the names one server lists them under. */
import { OrchestratorError } from '../errors.ts';

export interface ResolvedFile {
  /** Model folder of the server: `checkpoints`, `diffusion_models`, … */
  readonly folder: string;
  readonly name: string;
}

export interface ResolvedNetwork {
  readonly kind: 'lora' | 'vae' | 'embedding';
  readonly name: string;
  readonly strength: number;
  readonly triggerWord?: string;
}

export type CompanionRole = 'clipL' | 'clipG' | 't5xxl' | 'vae';

/** Files that stand beside a model which does not hold them itself. */
export type Companions = Readonly<Partial<Record<CompanionRole, string>>>;

export interface ResolvedControlNet {
  readonly name: string;
  /** What a model for all kinds of control images is told of this one, in ComfyUI's words. */
  readonly unionType?: string;
}

export interface ResolvedFiles {
  readonly checkpoint: ResolvedFile;
  /** In the order the client gave. */
  readonly networks: readonly ResolvedNetwork[];
  readonly companions?: Companions;
  /** One for each ControlNet of the generation, in its order. */
  readonly controlNets?: readonly ResolvedControlNet[];
  readonly upscaler?: string;
  readonly refiner?: string;
  /** Input files by role (`image`, `mask`, `control0`, …) as LoadImage names them. */
  readonly inputs?: Readonly<Record<string, string>>;
}

/** A file that a graph names. Throws `internal` when it was not resolved. */
export const required = (name: string | undefined, what: string): string => {
  if (name !== undefined) return name;
  throw new OrchestratorError(
    'internal',
    `The graph needs ${what}, which was not resolved. This is a fault of the service.`,
  );
};
