/** Pictures that start from pictures, are drawn twice or guided by others: from POST to file, on the simulator. */
import { afterAll, beforeAll, describe } from 'vitest';
import { SD1 } from '../support/jobs.ts';
import { operationCases } from '../support/operation-cases.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { until } from '../support/until.ts';

describe('operations of the simulator', () => {
  let stack: TestStack;
  beforeAll(async () => {
    stack = await startTestStack({ env: { OUTGOING_ALLOW: '127.0.0.1' } });
    await until('the product knows the server', async () => {
      const rows = await stack.sql`select from servers where reachable`;
      return rows.count > 0;
    });
  });
  afterAll(() => stack.stop());

  operationCases(() => ({
    url: stack.url,
    model: SD1,
    lora: 'urn:air:sd1:lora:civitai:58390@62833',
    upscaler: 'urn:air:other:upscaler:civitai:147759@164821',
    patienceMs: 60_000,
  }));
});
