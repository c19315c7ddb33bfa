import type { Config } from '../config.ts';
import type { Logger } from '../ports.ts';
import type { ProgressEvent } from './progress.ts';
import type { RoleProcessOptions } from './stack-part.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface StackOptions {
  readonly config: Config;
  /** The launcher's environment; children get it with the addresses of this stack on top. */
  readonly env: Environment;
  readonly program: RoleProcessOptions['program'];
  readonly cacheDir: string;
  readonly logger: Logger;
  readonly report: (event: ProgressEvent) => void;
  readonly onLine?: (part: string, line: string) => void;
  readonly signal: AbortSignal;
}

/** One row of the table that `npm start` prints. */
export interface StackPart {
  readonly name: string;
  readonly address: string;
  readonly state: string;
}

/** The arguments of a role as a child of this launcher. */
export const roleOptions = (
  options: StackOptions,
  name: string,
  env: Environment,
): RoleProcessOptions => ({
  name,
  args: [name],
  env,
  dataDir: options.config.DATA_DIR,
  program: options.program,
  logger: options.logger,
  signal: options.signal,
  ...(options.onLine ? { onLine: (line: string) => options.onLine?.(name, line) } : {}),
});
