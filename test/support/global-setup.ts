import type { TestProject } from 'vitest/node';
import { startTemporalDevServer } from '../../src/dev/temporal-server.ts';
import { setUpEngines } from './engines.ts';

/** What most tests run on: the Temporal dev server, as `npm start` runs it. */
export default (project: TestProject): Promise<() => Promise<void>> =>
  setUpEngines(project, {
    startTemporal: ({ dir, temporalBinary, ...options }) =>
      startTemporalDevServer({
        ...options,
        binary: temporalBinary,
        dataFile: `${dir}/temporal.db`,
      }),
  });
