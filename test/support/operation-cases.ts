/** Image-to-image, inpaint, hires fix, upscale and ControlNets, from POST to picture, on whatever draws. */
import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  createBitmap,
  type Bitmap,
  type Rgb,
} from '../../src/executors/simulator/picture/bitmap.ts';
import { decodePng } from '../../src/executors/simulator/picture/decode-png.ts';
import { encodePng } from '../../src/executors/simulator/picture/encode-png.ts';
import { postJobs } from './jobs.ts';
import { servePictures, type PictureServer } from './picture-server.ts';
import { until } from './until.ts';

export interface OperationTarget {
  /** Of the API; it must be allowed to fetch from loopback. */
  readonly url: string;
  /** AIRs of an SD1.5 checkpoint, a LoRA for it, and an upscaler. */
  readonly model: string;
  readonly lora: string;
  readonly upscaler: string;
  readonly patienceMs: number;
}

const SIDE = 128;
const PARAMS = {
  ...{ prompt: 'a red fox', negativePrompt: 'blurry', scheduler: 'Euler', steps: 4 },
  ...{ cfgScale: 7, width: SIDE, height: SIDE, seed: 42 },
};
const RED: Rgb = [255, 0, 0];
const BLUE: Rgb = [0, 0, 255];
const BLACK: Rgb = [0, 0, 0];
const WHITE: Rgb = [255, 255, 255];

/** Two colours, side by side or one above the other. */
const halves = (first: Rgb, second: Rgb, isSecond: (x: number, y: number) => boolean): Bitmap => {
  const bitmap = createBitmap(SIDE, SIDE, first);
  for (let at = 0; at < SIDE * SIDE; at++)
    if (isSecond(at % SIDE, Math.floor(at / SIDE))) bitmap.data.set(second, at * 3);
  return bitmap;
};
const isRight = (x: number): boolean => x >= SIDE / 2;
const isBelow = (_x: number, y: number): boolean => y >= SIDE / 2;

type Job = Readonly<Record<string, unknown>>;
interface Case {
  readonly job: (files: Files) => { readonly params?: Job; readonly controlNets?: readonly Job[] };
  readonly side?: number;
}
interface Files {
  readonly source: Job;
  readonly other: Job;
  readonly mask: Job;
  readonly otherMask: Job;
  /** A picture that was drawn here. */
  readonly stored: Job;
  readonly upscaler: string;
}

const canny = (file: Job, change: Job = {}): Job => ({
  ...{ preprocessor: 'Canny', weight: 1, startStep: 0, endStep: 1 },
  ...file,
  ...change,
});
const inpaint = ({ source, mask }: Files): Job => ({
  sourceImage: source,
  maskImage: mask,
  sourceImageDenoiseStrength: 0.9,
});

/** Every one must give a picture of its own. */
const CASES: Readonly<Record<string, Case>> = {
  'nothing but a prompt': { job: () => ({}) },
  'image-to-image': { job: ({ source }) => ({ params: { sourceImage: source } }) },
  'another picture to start from': { job: ({ other }) => ({ params: { sourceImage: other } }) },
  'a stored picture to start from': { job: ({ stored }) => ({ params: { sourceImage: stored } }) },
  'less drawn anew': {
    job: ({ source }) => ({ params: { sourceImage: source, sourceImageDenoiseStrength: 0.3 } }),
  },
  inpaint: { job: (files) => ({ params: inpaint(files) }) },
  'another mask': {
    job: (files) => ({ params: { ...inpaint(files), maskImage: files.otherMask } }),
  },
  'hires fix': { job: () => ({ params: { hires: { scale: 1.5 } } }), side: 192 },
  'hires fix with more drawn anew': {
    job: () => ({ params: { hires: { scale: 1.5, denoise: 0.8 } } }),
    side: 192,
  },
  'hires fix with other steps': {
    job: () => ({ params: { hires: { scale: 1.5, steps: 6 } } }),
    side: 192,
  },
  'hires fix by an upscaler': {
    job: ({ upscaler }) => ({ params: { hires: { scale: 1.5, upscaler } } }),
    side: 192,
  },
  'inpaint with hires fix': {
    job: (files) => ({ params: { ...inpaint(files), hires: { scale: 1.5 } } }),
    side: 192,
  },
  'upscale by a model': {
    job: ({ upscaler }) => ({ params: { hires: { scale: 2, denoise: 0, upscaler } } }),
    side: 256,
  },
  'upscale of the pixels': {
    job: () => ({ params: { hires: { scale: 2, denoise: 0 } } }),
    side: 256,
  },
  'upscale of a picture that is given': {
    job: ({ source, upscaler }) => ({
      params: {
        ...{ sourceImage: source, sourceImageDenoiseStrength: 0 },
        hires: { scale: 2, denoise: 0, upscaler },
      },
    }),
    side: 256,
  },
  'a ControlNet': { job: ({ source }) => ({ controlNets: [canny(source)] }) },
  'another control picture': { job: ({ otherMask }) => ({ controlNets: [canny(otherMask)] }) },
  'a weaker ControlNet': {
    job: ({ source }) => ({ controlNets: [canny(source, { weight: 0.5 })] }),
  },
  'a ControlNet that ends early': {
    job: ({ source }) => ({ controlNets: [canny(source, { endStep: 2 })] }),
  },
  'two ControlNets': {
    job: ({ source, otherMask }) => ({ controlNets: [canny(source), canny(otherMask)] }),
  },
  'a ControlNet over a picture, and hires fix': {
    job: ({ source, other }) => ({
      params: { sourceImage: other, hires: { scale: 1.5 } },
      controlNets: [canny(source)],
    }),
    side: 192,
  },
};

interface Drawn {
  readonly blobKey: string;
  readonly picture: Bitmap;
}

/** Registers the tests; `targetOf` is asked once everything of the file has started. */
export function operationCases(targetOf: () => OperationTarget): void {
  let server: PictureServer;
  let target: OperationTarget;
  let files: Files;
  const drawn = new Map<string, Drawn>();

  const jobOf = (name: string, more: Job = {}): Job => {
    const { params = {}, controlNets } = CASES[name]?.job(files) ?? {};
    return {
      ...{ $type: 'textToImage', model: target.model, params: { ...PARAMS, ...params } },
      ...(controlNets ? { controlNets } : {}),
      ...more,
    };
  };
  const draw = async (jobs: readonly Job[]): Promise<Drawn[]> => {
    const posted = await postJobs(target.url, { jobs });
    expect(posted.status, posted.text).toBe(202);
    const results = await until(
      'all pictures are drawn',
      async () => {
        const token = encodeURIComponent(posted.token);
        const answer = await fetch(`${target.url}/v1/consumer/jobs?token=${token}`);
        const { jobs: states } = (await answer.json()) as { jobs: JobState[] };
        return states.every(({ scheduled }) => !scheduled) && states;
      },
      target.patienceMs,
    );
    return Promise.all(
      results.map(async ({ result, lastEvent }) => {
        if (!result?.blobUrl) throw new Error(`it ended: ${JSON.stringify(lastEvent)}`);
        const bytes = Buffer.from(await (await fetch(result.blobUrl)).arrayBuffer());
        return { blobKey: result.blobKey, picture: decodePng(bytes) };
      }),
    );
  };

  beforeAll(async () => {
    target = targetOf();
    const pictures = {
      'source.png': halves(RED, BLUE, isRight),
      'other.png': createBitmap(SIDE, SIDE, BLUE),
      'mask.png': halves(BLACK, WHITE, isRight),
      'other-mask.png': halves(BLACK, WHITE, isBelow),
    };
    const encoded = Object.entries(pictures).map(
      async ([name, bitmap]) => [name, await encodePng(bitmap)] as const,
    );
    server = await servePictures(Object.fromEntries(await Promise.all(encoded)));
    const at = (name: string): Job => ({ imageUrl: server.urlOf(name) });
    files = {
      ...{ source: at('source.png'), other: at('other.png'), mask: at('mask.png') },
      ...{ otherMask: at('other-mask.png'), stored: {}, upscaler: target.upscaler },
    };
    const [plain] = await draw([jobOf('nothing but a prompt')]);
    files = { ...files, stored: { blobKey: plain?.blobKey ?? '' } };
    const names = Object.keys(CASES);
    const all = await draw(names.map((name) => jobOf(name)));
    names.forEach((name, index) => {
      const one = all[index];
      if (one) drawn.set(name, one);
    });
  }, 600_000);
  afterAll(() => server.close());

  it.each(Object.keys(CASES))('%s gives a picture of its own, in its size', (name) => {
    const pictures = [...drawn].map(([other, { picture }]) => [other, digestOf(picture)] as const);
    const own = drawn.get(name)?.picture;
    expect(own).toMatchObject({
      width: CASES[name]?.side ?? SIDE,
      height: CASES[name]?.side ?? SIDE,
    });
    const same = pictures.filter(([, digest]) => own && digest === digestOf(own));
    expect(same.map(([other]) => other)).toEqual([name]);
  });

  it.each(['inpaint', 'inpaint with hires fix'])('%s keeps what the mask leaves black', (name) => {
    const picture = drawn.get(name)?.picture ?? createBitmap(1, 1);
    // Away from the seam, where a resampled mask or picture is a mixture.
    for (let y = 0; y < picture.height; y += 7)
      for (let x = 0; x < picture.width * 0.35; x += 7)
        expect(distance(pixelAt(picture, x, y), RED), `${x},${y}`).toBeLessThanOrEqual(2);
    const right = pixelAt(
      picture,
      Math.round(picture.width * 0.8),
      Math.round(picture.height * 0.3),
    );
    expect(distance(right, BLUE)).toBeGreaterThan(2);
  });

  it('equal requests give equal pixels, and a LoRA and clip skip count in every operation', async () => {
    const names = ['image-to-image', 'hires fix', 'two ControlNets'];
    const again = await draw(names.map((name) => jobOf(name)));
    expect(again.map(({ picture }) => digestOf(picture))).toEqual(
      names.map((name) => drawn.get(name)).map((one) => one && digestOf(one.picture)),
    );
    const networks = { additionalNetworks: { [target.lora]: { strength: 1 } } };
    const changed = await draw([
      ...names.map((name) => jobOf(name, networks)),
      ...names.map((name) => {
        const job = jobOf(name);
        return { ...job, params: { ...(job['params'] as Job), clipSkip: 2 } };
      }),
    ]);
    const digests = [...drawn.values(), ...changed].map(({ picture }) => digestOf(picture));
    expect(new Set(digests).size).toBe(digests.length);
  });
}

interface JobState {
  readonly scheduled: boolean;
  readonly result?: { readonly blobKey: string; readonly blobUrl?: string } | null;
  readonly lastEvent?: unknown;
}

const digestOf = ({ data }: Bitmap): string => createHash('sha256').update(data).digest('hex');

const pixelAt = ({ width, channels, data }: Bitmap, x: number, y: number): number[] => [
  ...data.subarray((y * width + x) * channels, (y * width + x) * channels + 3),
];

const distance = (seen: readonly number[], wanted: Rgb): number =>
  Math.max(...wanted.map((value, at) => Math.abs(value - (seen[at] ?? 0))));
