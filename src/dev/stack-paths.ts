import { join } from 'node:path';

/** Where the embedded stack keeps things below DATA_DIR. */
export const stackPaths = (dataDir: string) => ({
  run: join(dataDir, 'run'),
  logs: join(dataDir, 'logs'),
  log: (part: string) => join(dataDir, 'logs', `${part}.log`),
  postgres: join(dataDir, 'postgres'),
  temporal: join(dataDir, 'temporal', 'temporal.db'),
  simulator: join(dataDir, 'simulator'),
  /** What is running where, for `doctor` and for people. */
  state: join(dataDir, 'stack.json'),
});
