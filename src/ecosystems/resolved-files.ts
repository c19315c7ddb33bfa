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

export type CompanionRole = 'clipL' | 'clipG' | 't5xxl' | 'vae';

/** Files that stand beside a model which does not hold them itself. */
export type Companions = Readonly<Partial<Record<CompanionRole, string>>>;

export interface ResolvedFiles {
  readonly checkpoint: ResolvedFile;
  /** In the order the client gave. */
  readonly networks: readonly ResolvedNetwork[];
  readonly companions?: Companions;
  /** Input files by role (`image`, `mask`, `control0`, …) as LoadImage names them. */
  readonly inputs?: Readonly<Record<string, string>>;
}
