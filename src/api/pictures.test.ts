/** Image-to-image, inpaint, hires fix, upscale and refiner as requests ask for them. */
import { describe, expect, it } from 'vitest';
import { JOBS } from './job-calls.test-support.ts';
import {
  acceptedPicture as accepted,
  CANNY as POSE,
  faultsOf,
  PICTURE_FILE as SOURCE,
  pictureJob as jobWith,
  postPicture as post,
  REFINER,
  UPSCALER,
} from './picture-calls.test-support.ts';
import { createTestApi, SD1, validJob } from './test-api.test-support.ts';

const SD3 = 'urn:air:sd3:checkpoint:civitai:878387@983309';
const MASK = { imageUrl: 'https://example.org/m.png' };

type Change = Readonly<Record<string, unknown>>;

describe('fields of a picture', () => {
  it('reach the job, with canonical AIRs and what stands where nothing is said', async () => {
    const api = createTestApi();
    const response = await post(api, {
      sourceImage: SOURCE,
      maskImage: MASK,
      hires: { upscaler: '@civitai/164821' },
    });
    expect(response.status, await response.clone().text()).toBe(202);
    expect(accepted(api)).toMatchObject({
      source: {
        image: { url: SOURCE.imageUrl },
        mask: { url: MASK.imageUrl },
        denoise: 0.75,
      },
      hires: { scale: 2, denoise: 0.5, upscaler: UPSCALER },
    });
    const other = createTestApi();
    await post(other, {
      sourceImage: SOURCE,
      sourceImageDenoiseStrength: 0.3,
      hires: { scale: 1.5, denoise: 0.2, steps: 7 },
      refiner: { model: REFINER },
    });
    expect(accepted(other)).toMatchObject({
      source: { image: { url: SOURCE.imageUrl }, denoise: 0.3 },
      hires: { scale: 1.5, denoise: 0.2, steps: 7 },
      refiner: { model: REFINER, switchAt: 0.8 },
    });
  });

  it('are shown with the job', async () => {
    const api = createTestApi();
    const response = await post(
      api,
      { sourceImage: SOURCE, refiner: { model: REFINER, switchAt: 0.6 } },
      { controlNets: [POSE] },
      `${JOBS}?detailed=true`,
    );
    const { jobs } = (await response.json()) as { jobs: { job: Record<string, unknown> }[] };
    expect(jobs[0]?.job).toMatchObject({
      params: {
        sourceImage: SOURCE,
        sourceImageDenoiseStrength: 0.75,
        refiner: { model: REFINER, switchAt: 0.6 },
      },
      controlNets: [POSE],
    });
    expect(jobs[0]?.job['resources']).toContain('@civitai/126613');
  });

  it('are absent from jobs that do not ask for them', async () => {
    const api = createTestApi();
    await post(api, { sourceImage: null, hires: null, refiner: null });
    for (const field of ['source', 'hires', 'refiner', 'controlNets'])
      expect(accepted(api)).not.toHaveProperty(field);
  });

  it.each<[string, Change, Change, string, RegExp]>([
    ['a mask alone', { maskImage: MASK }, {}, 'params.maskImage', /needs a sourceImage/],
    [
      'a strength alone',
      { sourceImageDenoiseStrength: 0.5 },
      {},
      'params.sourceImageDenoiseStrength',
      /needs a sourceImage/,
    ],
    [
      'a source without a file',
      { sourceImage: {} },
      {},
      'params.sourceImage',
      /imageUrl or blobKey/,
    ],
    [
      'a private source',
      { sourceImage: { imageUrl: 'http://127.0.0.1/a.png' } },
      {},
      'params.sourceImage.imageUrl',
      /loopback/,
    ],
    [
      'an unknown stored mask',
      { sourceImage: SOURCE, maskImage: { blobKey: 'NOBODY.png' } },
      {},
      'params.maskImage.blobKey',
      /no stored file of yours/,
    ],
    ['a scale of 5', { hires: { scale: 5 } }, {}, 'params.hires.scale', /at most 4/],
    [
      'a picture that gets too large',
      { width: 2048, hires: { scale: 4 } },
      {},
      'params.hires.scale',
      /8192×3072 pixels; at most 4096/,
    ],
    [
      'an upscaler that is a checkpoint',
      { hires: { upscaler: SD1 } },
      {},
      'params.hires.upscaler',
      /expected an upscaler/,
    ],
    [
      'a refiner that is an upscaler',
      { refiner: { model: UPSCALER } },
      {},
      'params.refiner.model',
      /expected a checkpoint/,
    ],
    [
      'a refiner of another family',
      { refiner: { model: SD1 } },
      {},
      'params.refiner.model',
      /does not fit the sdxl model/,
    ],
    [
      'a refiner nobody knows',
      { refiner: { model: '@civitai/999999999' } },
      {},
      'params.refiner.model',
      /not in the catalogue/,
    ],
    [
      'a refiner with a mask',
      { sourceImage: SOURCE, maskImage: MASK, refiner: { model: REFINER } },
      {},
      'params.refiner',
      /cannot be used with maskImage/,
    ],
    [
      'a refiner for one step',
      { steps: 1, refiner: { model: REFINER } },
      {},
      'params.refiner',
      /at least 2 steps/,
    ],
    [
      'a switch at the end',
      { refiner: { model: REFINER, switchAt: 1 } },
      {},
      'params.refiner.switchAt',
      /at most 0.99/,
    ],
    [
      'nothing to draw',
      { sourceImage: SOURCE, sourceImageDenoiseStrength: 0 },
      {},
      'params.sourceImageDenoiseStrength',
      /draws nothing at 0/,
    ],
    [
      'a denoise that means millions of steps',
      { hires: { denoise: 0.000001 } },
      {},
      'params.hires.denoise',
      /expected 0, or 0.01 to 1/,
    ],
    [
      'a mask and nothing to draw',
      { sourceImage: SOURCE, sourceImageDenoiseStrength: 0, maskImage: MASK, hires: {} },
      {},
      'params.sourceImageDenoiseStrength',
      /maskImage would be ignored/,
    ],
    [
      'ControlNets and nothing to draw',
      { sourceImage: SOURCE, sourceImageDenoiseStrength: 0, hires: { denoise: 0 } },
      { controlNets: [POSE] },
      'params.sourceImageDenoiseStrength',
      /controlNets would be ignored/,
    ],
    [
      'ControlNets for SD3',
      {},
      { model: SD3, controlNets: [POSE] },
      'controlNets',
      /sd1, sdxl, flux1/,
    ],
    [
      'a ControlNet that starts after the last step',
      {},
      { controlNets: [{ ...POSE, startStep: 30, endStep: 40 }] },
      'controlNets[0].startStep',
      /before the last of the 20/,
    ],
    [
      'a ControlNet that is a checkpoint',
      {},
      { controlNets: [{ ...POSE, model: REFINER }] },
      'controlNets[0].model',
      /expected a controlnet/,
    ],
  ])('with %s are refused, naming the field', async (_what, params, change, path, message) => {
    const api = createTestApi();
    const errors = await faultsOf(await post(api, params, change));
    expect(errors[path]?.join(), JSON.stringify(errors)).toMatch(message);
    expect(accepted(api)).toBeUndefined();
  });

  it('of one bad job keep a batch from being accepted, and its index is named', async () => {
    const api = createTestApi();
    const bad = jobWith({ refiner: { model: REFINER }, steps: 1 });
    const errors = await faultsOf(await api.send('POST', JOBS, { jobs: [validJob(), bad] }));
    expect(Object.keys(errors)).toEqual(['jobs[1].params.refiner']);
    expect(accepted(api)).toBeUndefined();
  });
});
