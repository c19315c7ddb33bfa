import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { readRunHistory } from '../../src/client/run-history.ts';

const SD1 = 'urn:air:sd1:checkpoint:civitai:4384@128713';

describe('the main job', () => {
  let stack: TestStack;
  beforeAll(async () => {
    stack = await startTestStack();
  });
  afterAll(() => stack.stop());

  it('turns a POST into a picture with four activities, at most 31 events and small payloads', async () => {
    const response = await fetch(`${stack.url}/v1/consumer/jobs?wait=true`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        $type: 'textToImage',
        model: SD1,
        params: { prompt: 'a lighthouse', width: 256, height: 256, steps: 4, cfgScale: 7, seed: 7 },
      }),
    });
    const body = (await response.json()) as {
      jobs: { jobId: string; result: { blobUrl: string } }[];
    };
    expect(response.status, JSON.stringify(body)).toBe(200);
    const job = body.jobs[0]!;
    expect(job.result).toMatchObject({ available: true, seed: 7 });
    const picture = await fetch(job.result.blobUrl);
    expect(picture.headers.get('content-type')).toBe('image/png');
    const bytes = Buffer.from(await picture.arrayBuffer());
    expect([bytes.readUInt32BE(16), bytes.readUInt32BE(20)]).toEqual([256, 256]);
    const history = await readRunHistory(stack.client, job.jobId);
    expect(history?.events.length).toBeLessThanOrEqual(31);
    const activities = history?.events.flatMap(
      (event) => event.activityTaskScheduledEventAttributes?.activityType?.name ?? [],
    );
    expect(activities).toEqual(['claim', 'prepare', 'submit', 'collect']);
  });
});
