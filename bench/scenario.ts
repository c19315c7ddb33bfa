import type { BenchStack, EngineName } from './bench-stack.ts';
import type { Figure } from './table.ts';

/** A real ComfyUI to measure with. */
export interface RealComfy {
  readonly url: string;
  /** An SD1 checkpoint, as the server lists it. */
  readonly checkpoint: string;
}

/** What every scenario is given. */
export interface BenchContext {
  /** Few and short rounds, to see that everything runs; the figures mean little. */
  readonly quick: boolean;
  /** A folder of this run, removed at its end. */
  readonly dir: string;
  /** Width and height of the pictures. */
  readonly size: number;
  readonly engine: EngineName;
  /** COMFY_ROOM of the stacks. */
  readonly room: number | undefined;
  /** PRIORITY_AGE_SECONDS of the stacks of `deep`; undefined for the default. */
  readonly priorityAge: number | undefined;
  /** Absent when nobody named one. */
  readonly realComfy?: RealComfy;
  /** The stack all scenarios share; started by the first that asks. */
  stack(): Promise<BenchStack>;
  say(text: string): void;
}

export interface Scenario {
  readonly name: string;
  readonly about: string;
  run(context: BenchContext): Promise<readonly Omit<Figure, 'scenario'>[]>;
}
