import { describe, expect, it } from 'vitest';
import type { RefusedProblem } from './refused.test-support.ts';
import { createTestApi, SD1, validJob, type TestApi } from './test-api.test-support.ts';

const LORAS = ['a/x', 'b/y'].map((repo) => `urn:air:sd1:lora:huggingface:${repo}@main`);
const SHORT = '@huggingface/main';

/** An API whose catalogue has several files that the short form fits. */
async function ambiguousApi(airs: readonly string[] = LORAS): Promise<TestApi> {
  const api = createTestApi();
  for (const air of airs) {
    const response = await api.send('POST', '/v2/resources', { air, modelName: 'x', type: 'lora' });
    expect(response.status, await response.clone().text()).toBe(201);
  }
  return api;
}

const problemOf = async (response: Response): Promise<RefusedProblem> =>
  (await response.json()) as RefusedProblem;

describe('an AIR that several entries of the catalogue fit', () => {
  it('is refused where a job names it, with the entries and what to write', async () => {
    const api = await ambiguousApi();
    const body = validJob({ model: SD1, additionalNetworks: { [SHORT]: { strength: 1 } } });
    const problem = await problemOf(await api.send('POST', '/v1/consumer/jobs', body));
    expect(problem).toMatchObject({ status: 400, code: 'ambiguous_resource' });
    expect(problem.errors).toEqual({
      [`additionalNetworks["${SHORT}"]`]: [
        `resource "${SHORT}" is ambiguous: 2 entries of the catalogue fit it; write one of them in full: ${LORAS.join(', ')}`,
      ],
    });
    expect(api.orchestrator.rows.size).toBe(0);
    for (const air of LORAS) {
      const whole = validJob({ model: SD1, additionalNetworks: { [air]: { strength: 1 } } });
      expect((await api.send('POST', '/v1/consumer/jobs', whole)).status).toBe(202);
    }
  });

  it.each(['GET', 'PATCH', 'DELETE'])('is refused by %s of the catalogue', async (method) => {
    const api = await ambiguousApi();
    const body = method === 'PATCH' ? { modelName: 'y' } : undefined;
    const answer = await api.send(method, `/v2/resources/${SHORT}`, body);
    const problem = await problemOf(answer);
    expect(problem).toMatchObject({ status: 400, code: 'ambiguous_resource' });
    expect(problem.errors?.['air']?.join()).toContain(LORAS[1]);
    expect([...api.resources.values()].map(({ air }) => air)).toEqual(
      expect.arrayContaining(LORAS),
    );
  });

  it('names a few when many fit it', async () => {
    const many = Array.from({ length: 9 }, (_, n) => `urn:air:sd1:lora:huggingface:r/${n}@main`);
    const api = await ambiguousApi(many);
    const problem = await problemOf(await api.send('GET', `/v2/resources/${SHORT}`));
    expect(problem.errors?.['air']?.join()).toMatch(/9 entries .*r\/4@main and 4 more$/);
  });
});
