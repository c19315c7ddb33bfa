import { defineConfig } from 'vitest/config';

/** `npm run test:fuzz`: the fuzzing of `npm test`, with at least 5,000 requests and another seed each time. */
export default defineConfig({
  test: {
    include: ['test/e2e/fuzz.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    env: { FUZZ_LONG: 'true', CI: 'true' },
    hookTimeout: 180_000,
  },
});
