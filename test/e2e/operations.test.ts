/** Pictures that start from pictures, are drawn twice or guided by others: from POST to file, on the simulator. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createBitmap } from '../../src/executors/simulator/picture/bitmap.ts';
import { encodePng } from '../../src/executors/simulator/picture/encode-png.ts';
import { postJobs, SD1, untilState } from '../support/jobs.ts';
import { operationCases } from '../support/operation-cases.ts';
import { servePictures } from '../support/picture-server.ts';
import { startTestStack, type TestStack } from '../support/stack.ts';
import { until } from '../support/until.ts';

const SDXL = 'urn:air:sdxl:checkpoint:civitai:101055@128078';
const FLUX = 'urn:air:flux1:checkpoint:civitai:618692@691639';
const REFINED = {
  refiner: { model: 'urn:air:sdxl:checkpoint:civitai:101055@126613' },
  hires: { scale: 1.5 },
};

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

  it.each([
    ['SDXL with ControlNet, refiner and hires fix', SDXL, [96, 96], REFINED],
    ['Flux with a ControlNet', FLUX, [64, 64], {}],
  ] as const)('%s are drawn too', async (_what, model, size, params) => {
    const file = await encodePng(createBitmap(64, 64, [200, 30, 30]));
    const pictures = await servePictures({ 'a.png': file });
    const posted = await postJobs(stack.url, {
      ...{ $type: 'textToImage', model },
      params: { prompt: 'a fox', width: 64, height: 64, steps: 4, ...params },
      controlNets: [{ preprocessor: 'Canny', imageUrl: pictures.urlOf('a.png') }],
    });
    expect(posted.status, posted.text).toBe(202);
    const row = await untilState(stack, posted.jobIds[0] ?? '', 'succeeded');
    await pictures.close();
    expect(row.outputs).toMatchObject([{ width: size[0], height: size[1] }]);
  });
});
