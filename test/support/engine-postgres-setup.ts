import type { TestProject } from 'vitest/node';
import { startTemporalOnPostgres } from '../../src/dev/temporal-on-postgres.ts';
import { provideTemporalPrograms } from '../../src/dev/temporal-programs.ts';
import { provision, setUpEngines } from './engines.ts';

/** What `npm run test:engine-postgres` runs on: the Temporal server of docker-compose.yml, without containers. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const programs = await provideTemporalPrograms({
    ...provision(),
    serverDir: process.env['TEMPORAL_SERVER_DIR'],
  });
  return setUpEngines(project, {
    programs,
    // As in docker-compose.yml.
    postgresConnections: 300,
    startTemporal: (place) => startTemporalOnPostgres({ ...place, programs }),
  });
}
