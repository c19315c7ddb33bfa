/** `npm run test:engine-postgres`: the end-to-end suite on the Temporal server of docker-compose.yml; docs/docker.md. */
import { defineConfig } from 'vitest/config';
import { workflowsOnce } from './test/support/workflows-once.ts';

/** Files that start a dev server of their own and would say nothing about this engine. */
const ABOUT_THE_DEV_SERVER = [
  'test/e2e/launcher.test.ts', // `npm start`: its dev server, ports, orphans
  'test/e2e/demo.test.ts', // `npm run demo` brings everything itself
  'test/e2e/dev.test.ts', // `npm run dev` keeps its dev server over a change
  'test/e2e/chaos.test.ts', // kills and restarts a dev server of its own
  'test/e2e/restored.test.ts', // puts an older file back under a dev server of its own
];

export default defineConfig({
  resolve: { alias: workflowsOnce },
  test: {
    name: 'engine-postgres',
    include: ['test/e2e/**/*.test.ts', 'test/docs/compose-scripts.test.ts'],
    exclude: ABOUT_THE_DEV_SERVER,
    globalSetup: ['test/support/built-program.ts', 'test/support/engine-postgres-setup.ts'],
    // Not a measure of anything: each wait within a test has a limit of its own.
    testTimeout: 600_000,
    hookTimeout: 600_000,
    fileParallelism: false,
  },
});
