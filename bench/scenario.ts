import type { BenchStack } from './bench-stack.ts';
import type { Figure } from './table.ts';

/** What every scenario is given. */
export interface BenchContext {
  /** Few and short rounds, to see that everything runs; the figures mean little. */
  readonly quick: boolean;
  /** A folder of this run, removed at its end. */
  readonly dir: string;
  /** Width and height of the pictures. */
  readonly size: number;
  /** The stack all scenarios share; started by the first that asks. */
  stack(): Promise<BenchStack>;
  say(text: string): void;
}

export interface Scenario {
  readonly name: string;
  readonly about: string;
  run(context: BenchContext): Promise<readonly Omit<Figure, 'scenario'>[]>;
}
