/** The API fuzzed by its own OpenAPI document; `npm run test:fuzz` sends at least 5,000 requests. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { gatherAnswers } from '../clients/wire-answers.ts';
import { createTenantStore } from '../../src/db/tenants.ts';
import { startClientStack, type ClientStack } from '../support/client-stack.ts';
import { runFuzzer } from '../support/fuzz.ts';
import { providePythonPackages } from '../support/python-packages.ts';

const WORKER_KEY = 'a-worker-key-of-the-fuzzer';
const IS_LONG = process.env['FUZZ_LONG'] === 'true';
const LONG_MS = 40 * 60_000;

const python = await providePythonPackages('schemathesis');

describe.skipIf(python === undefined)('fuzzing by the API’s own document', () => {
  let stack: ClientStack;
  beforeAll(async () => {
    stack = await startClientStack({ WORKER_KEY, WAIT_LIMIT_MS: '300' });
    // A request may be for 1,000 jobs; some are enough.
    await createTenantStore(stack.sql).updateTenant('sdk', { maxQueued: 200 });
  });
  afterAll(() => stack.stop());

  it(
    'finds no 5xx, no hang, and no answer that the document does not describe',
    async () => {
      if (!python) return;
      // Jobs in every state are there to be found; those that the fuzzer makes wait.
      await gatherAnswers(stack, 'keys');
      stack.simulator.pauseDrawing(true);
      const { code, requests, output } = await runFuzzer(python, {
        ...stack.access.keys,
        workerKey: WORKER_KEY,
        examples: IS_LONG ? 60 : 3,
        edges: IS_LONG,
        seed: IS_LONG ? Number(process.env['FUZZ_SEED'] ?? Date.now() % 1_000_000) : 1,
      });
      if (IS_LONG) process.stdout.write(`${output}\n`);
      expect(code, output).toBe(0);
      expect(requests, output).toBeGreaterThanOrEqual(IS_LONG ? 5_000 : 100);
    },
    LONG_MS,
  );
});
