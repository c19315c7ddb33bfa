import { defineConfig } from 'vitest/config';
import { workflowsOnce } from './test/support/workflows-once.ts';

export default defineConfig({
  test: {
    // No test keeps state in a module, so files share them (`isolate: false`): loading the modules once per file took
    // three times as much processor time for the unit tests and as long as all their own work for some others. What is
    // set up once in a process, as the SDK's metrics are, is tested in a process that the test starts.
    projects: [
      {
        test: {
          name: 'unit',
          include: ['src/**/*.test.ts'],
          testTimeout: 10_000,
          isolate: false,
          // The projects run one after the other.
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/{postgres,temporal,simulator,tools,docs}/**/*.test.ts'],
          globalSetup: ['test/support/global-setup.ts'],
          isolate: false,
          testTimeout: 60_000,
          hookTimeout: 120_000,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        resolve: { alias: workflowsOnce },
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          globalSetup: ['test/support/built-program.ts', 'test/support/global-setup.ts'],
          isolate: false,
          testTimeout: 120_000,
          hookTimeout: 180_000,
          // Most of them wait for timers of Temporal; more at a time would only starve each other.
          maxWorkers: 2,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
