/** `textToImage`: one picture per job. */
import { parseAir, rootEcosystem } from '../../../domain/air.ts';
import { imageCost } from '../../../domain/cost.ts';
import type { Ecosystem, Network, TextToImage } from '../../../domain/generation.ts';
import { GENERATION_DEFAULTS } from '../../../domain/generation-defaults.ts';
import { embeddingAirsIn, replaceEmbeddingAirs } from '../../../domain/prompt-embeddings.ts';
import { canonicalScheduler } from '../../../domain/schedulers.ts';
import { controlNetMedia, controlNetsOf, controlNetUses } from './control-nets.ts';
import { defineJobType, type MakeContext, type ModelUse } from './job-type.ts';
import { acceptedPicture, pictureMedia, pictureOf, pictureUses } from './picture-fields.ts';
import { TextToImageRequest } from './text-to-image-request.ts';

const SEEDS = 2 ** 32;

/** Names v1 knows base models by; informative, clients' own guess is wrong for most models. */
const BASE_MODELS: Readonly<Record<Ecosystem, string>> = {
  sd1: 'SD_1_5',
  sdxl: 'SDXL',
  sd3: 'sd3',
  flux1: 'flux1',
};

export const textToImage = defineJobType('textToImage', TextToImageRequest, (request) => ({
  jobClass: 'image',
  count: (request.quantity ?? 1) * (request.batchSize ?? 1),
  uses: usesOf(request),
  media: [...controlNetMedia(request.controlNets), ...pictureMedia(request.params)],
  make(index, context) {
    const generation = generationOf(request, index, context);
    const { ecosystem } = generation;
    return {
      generation,
      ecosystem,
      cost: imageCost(generation),
      request: acceptedRequest(generation, request),
    };
  },
}));

const usesOf = ({ model, additionalNetworks, ...request }: TextToImageRequest): ModelUse[] => [
  { air: model, path: ['model'], role: 'model' },
  ...Object.keys(additionalNetworks ?? {}).map((air) => ({
    air,
    path: ['additionalNetworks', air],
    role: 'network' as const,
  })),
  ...embeddingsIn(request.params),
  ...controlNetUses(request.controlNets),
  ...pictureUses(request.params),
];

/** Embeddings that a prompt calls by their AIR, each once. */
function embeddingsIn({ prompt, negativePrompt }: TextToImageRequest['params']): ModelUse[] {
  const uses = Object.entries({ prompt, negativePrompt }).flatMap(([field, text]) =>
    embeddingAirsIn(text ?? '').map((air): [string, ModelUse] => [
      air,
      { air, path: ['params', field], role: 'embedding' },
    ]),
  );
  return [...new Map(uses).values()];
}

/**
 * The seed is fixed here, once: with an explicit seed the n-th image has seed + n (modulo 2³²), so a request can be
 * repeated exactly; otherwise each image draws its own.
 */
function generationOf(
  { params, ...request }: TextToImageRequest,
  index: number,
  { airOf, randomSeed }: MakeContext,
): TextToImage {
  const model = airOf(request.model);
  const ecosystem = rootEcosystem(parseAir(model).ecosystem ?? '');
  if (ecosystem === undefined) throw new Error(`model ${model} passed its check unsupported`);
  const networks = Object.entries(request.additionalNetworks ?? {}).map(
    ([air, { strength, triggerWord }]): Network => ({
      air: airOf(air),
      strength: strength ?? 1,
      ...(typeof triggerWord === 'string' ? { triggerWord } : {}),
    }),
  );
  // The AIR becomes the trigger word, which is told to ComfyUI as `embedding:<file>`.
  const called = embeddingsIn(params).map(({ air }) => airOf(air));
  networks.push(...[...new Set(called)].map((air) => ({ air, strength: 1, triggerWord: air })));
  const asked = params.seed ?? -1;
  const defaults = GENERATION_DEFAULTS[ecosystem];
  const steps = params.steps ?? defaults.steps;
  const controlNets = controlNetsOf(request.controlNets, steps, airOf);
  return {
    operation: 'textToImage',
    ecosystem,
    model,
    prompt: replaceEmbeddingAirs(params.prompt, airOf),
    negativePrompt: replaceEmbeddingAirs(params.negativePrompt ?? '', airOf),
    scheduler: canonicalScheduler(params.scheduler ?? '') ?? defaults.scheduler,
    steps,
    cfgScale: params.cfgScale ?? defaults.cfgScale,
    width: params.width,
    height: params.height,
    seed: asked === -1 ? randomSeed() : (asked + index) % SEEDS,
    clipSkip: params.clipSkip ?? 1,
    networks,
    ...(controlNets.length > 0 ? { controlNets } : {}),
    ...pictureOf(params, airOf),
  };
}

function acceptedRequest(
  generation: TextToImage,
  asked: TextToImageRequest,
): Record<string, unknown> {
  const { prompt, negativePrompt, scheduler, steps, cfgScale, width, height, seed, clipSkip } =
    generation;
  const controlNets = asked.controlNets ?? [];
  return {
    $type: 'textToImage',
    baseModel: BASE_MODELS[generation.ecosystem],
    model: generation.model,
    params: {
      ...{ prompt, negativePrompt, scheduler, steps, cfgScale, width, height, seed, clipSkip },
      ...acceptedPicture(asked.params, generation),
    },
    additionalNetworks: Object.fromEntries(
      generation.networks.map(({ air, strength, triggerWord }) => [
        air,
        { strength, ...(triggerWord === undefined ? {} : { triggerWord }) },
      ]),
    ),
    ...(controlNets.length > 0 ? { controlNets } : {}),
  };
}
