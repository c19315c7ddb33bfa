/** From a v1 request to the domain's submissions. */
import type { JobSubmission } from '../../client/verbs.ts';
import { imageCost } from '../../domain/cost.ts';
import type { Ecosystem, Network, TextToImage } from '../../domain/generation.ts';
import { GENERATION_DEFAULTS } from '../../domain/generation-defaults.ts';
import { canonicalScheduler } from '../../domain/schedulers.ts';
import type { TextToImageRequest } from './job-request.ts';
import { priorityLevel } from './priority.ts';

/** The models of one request, as the catalogue knows them. */
export interface ResolvedModels {
  readonly ecosystem: Ecosystem;
  /** Canonical AIR of the checkpoint. */
  readonly model: string;
  readonly networks: readonly Network[];
}

const SEEDS = 2 ** 32;

/** Names v1 knows base models by; informative, clients' own guess is wrong for most models. */
const BASE_MODELS: Readonly<Record<Ecosystem, string>> = {
  sd1: 'SD_1_5',
  sdxl: 'SDXL',
  sd3: 'sd3',
  flux1: 'flux1',
};

/**
 * One submission per image. The seed is fixed here, once: with an explicit seed the n-th image has seed + n (modulo
 * 2³²), so a request can be repeated exactly; otherwise each image draws its own.
 */
export function toSubmissions(
  request: TextToImageRequest,
  count: number,
  models: ResolvedModels,
  randomSeed: () => number,
): JobSubmission[] {
  const { params } = request;
  const asked = params.seed ?? -1;
  const defaults = GENERATION_DEFAULTS[models.ecosystem];
  return Array.from({ length: count }, (_, index) => {
    const generation: TextToImage = {
      operation: 'textToImage',
      ecosystem: models.ecosystem,
      model: models.model,
      prompt: params.prompt,
      negativePrompt: params.negativePrompt ?? '',
      scheduler: canonicalScheduler(params.scheduler ?? '') ?? defaults.scheduler,
      steps: params.steps ?? defaults.steps,
      cfgScale: params.cfgScale ?? defaults.cfgScale,
      width: params.width,
      height: params.height,
      seed: asked === -1 ? randomSeed() : (asked + index) % SEEDS,
      clipSkip: params.clipSkip ?? 1,
      networks: models.networks,
    };
    return {
      type: 'textToImage',
      jobClass: 'image',
      ecosystem: models.ecosystem,
      priority: priorityLevel(request.priority),
      cost: imageCost(generation),
      request: acceptedRequest(request, generation),
      generation,
      properties: request.properties ?? {},
      ...(typeof request.expireAt === 'string' ? { expireAt: new Date(request.expireAt) } : {}),
      ...(typeof request.retries === 'number' ? { maxAttempts: request.retries + 1 } : {}),
    };
  });
}

function acceptedRequest(
  request: TextToImageRequest,
  generation: TextToImage,
): Record<string, unknown> {
  const { prompt, negativePrompt, scheduler, steps, cfgScale, width, height, seed, clipSkip } =
    generation;
  return {
    $type: 'textToImage',
    baseModel: BASE_MODELS[generation.ecosystem],
    model: generation.model,
    params: { prompt, negativePrompt, scheduler, steps, cfgScale, width, height, seed, clipSkip },
    additionalNetworks: Object.fromEntries(
      generation.networks.map(({ air, strength, triggerWord }) => [
        air,
        { strength, ...(triggerWord === undefined ? {} : { triggerWord }) },
      ]),
    ),
    ...(typeof request.callbackUrl === 'string' ? { callbackUrl: request.callbackUrl } : {}),
    ...(typeof request.name === 'string' ? { name: request.name } : {}),
  };
}
