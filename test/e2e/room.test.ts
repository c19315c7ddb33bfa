import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  executionsOf,
  leasesOf,
  postPicture,
  promptsOn,
  rowOf,
  untilState,
} from '../support/jobs.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { until } from '../support/until.ts';

describe.each(['in one process', 'with a gpu worker that has no database'])(
  'a server with room for one job, %s',
  (where) => {
    let stack: TestStack;
    let url: string;
    beforeEach(async () => {
      stack = await startTestStack({
        role: 'none',
        env: { COMFY_ROOM: '1' },
      });
      if (where === 'in one process') {
        url = (await stack.serve('monolith')).url ?? '';
        return;
      }
      const key = { WORKER_KEY: 'a-worker-key-of-tests' };
      url = (await stack.serve('api', key)).url ?? '';
      await stack.serve('worker-cpu');
      await stack.serve('worker-gpu', { ...key, API_URL: url, DATABASE_URL: '' });
    });
    afterEach(() => stack.stop());

    it('draws the next picture while the one before is still on its way into the store', async () => {
      // The first download of a picture hangs.
      stack.simulator.fault({ kind: 'hang', path: '/view', query: 'type=output' });
      const storing = await postPicture({ url });
      await until('the picture is drawn', () =>
        executionsOf(stack.simulator, storing).some(({ endedAt }) => endedAt !== undefined),
      );
      const next = await postPicture({ url });
      await untilState(stack, next, 'succeeded');
      expect((await rowOf(stack, storing)).state).toBe('running');
      expect(await leasesOf(stack, storing)).toHaveLength(1);

      await fetch(`${url}/v1/consumer/jobs/${storing}`, { method: 'DELETE' });
      await untilState(stack, storing, 'canceled');
      expect(await leasesOf(stack, storing)).toEqual([]);
      expect(await promptsOn(stack.simulator.url)).toEqual({ running: [], pending: [] });
    });
  },
);
