/** The files of a generation, by the names one server lists them under. */

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

/** Files a bare Flux diffusion model needs beside it. */
export interface FluxCompanions {
  readonly clipL: string;
  readonly t5xxl: string;
  readonly vae: string;
}

export interface ResolvedFiles {
  readonly checkpoint: ResolvedFile;
  /** In the order the client gave. */
  readonly networks: readonly ResolvedNetwork[];
  readonly companions?: FluxCompanions;
}
