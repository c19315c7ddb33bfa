import { defineConfig } from 'vitest/config';

/** `npm run test:conformance`: the suites that `npm test` runs against the simulator, against a real ComfyUI. */
export default defineConfig({
  test: {
    include: ['test/simulator/*-conformance.test.ts', 'test/simulator/wrong-graphs.test.ts'],
    globalSetup: ['test/support/conformance-setup.ts'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    fileParallelism: false,
  },
});
