/** `imageResourceTraining`: a LoRA made of pictures, for a checkpoint. */
import { z } from '@hono/zod-openapi';
import { parseAir, rootEcosystem } from '../../../domain/air.ts';
import { FLAT_COSTS } from '../../../domain/cost.ts';
import type { ResourceTraining } from '../../../domain/generation.ts';
import { AirText } from '../../air-text.ts';
import { commonFields } from './common-fields.ts';
import { defineJobType } from './job-type.ts';

/** The defaults of the original service (openapi v2, KohyaImageResourceTrainingInput). */
const DEFAULTS = { maxTrainEpochs: 5, numRepeats: 8, trainBatchSize: 1, resolution: 512 } as const;
const DEFAULT_RATE = 5e-5;
const DEFAULT_DIM = 32;

const whole = (least: number, most: number, about: string) =>
  z.int().min(least).max(most).nullish().openapi({ description: about });

const TrainingRequest = z
  .object({
    $type: z.string().nullish().openapi({ example: 'imageResourceTraining' }),
    model: AirText.openapi({ description: 'A checkpoint of sd1 or sdxl' }),
    trainingData: z
      .url({ protocol: /^https?$/, error: () => 'expected an http or https URL' })
      .max(2_048)
      .openapi({
        description:
          'A zip archive of 1 to 100 pictures (PNG, JPEG, WebP), each with a text file of its name that says what it shows; fetched once, at most MAX_INPUT_BYTES. A link to a stored file of yours works too',
      }),
    params: z
      .looseObject({
        maxTrainEpochs: whole(1, 20, `(default ${DEFAULTS.maxTrainEpochs})`),
        numRepeats: whole(
          1,
          5_000,
          `Of every picture in an epoch (default ${DEFAULTS.numRepeats})`,
        ),
        trainBatchSize: whole(1, 9, `Pictures at a time (default ${DEFAULTS.trainBatchSize})`),
        resolution: z
          .int()
          .min(64)
          .max(1_024)
          .multipleOf(8)
          .nullish()
          .openapi({
            description: `Side of the square in pixels (default ${DEFAULTS.resolution})`,
          }),
        unetLR: z
          .number()
          .min(1e-7)
          .max(1)
          .nullish()
          .openapi({ description: `Learning rate (default ${DEFAULT_RATE})` }),
        networkDim: whole(1, 128, `Rank of the LoRA (default ${DEFAULT_DIM})`),
      })
      .nullish(),
    ...commonFields,
  })
  .openapi('ImageResourceTrainingJobRequest');

export const imageResourceTraining = defineJobType(
  'imageResourceTraining',
  TrainingRequest,
  ({ model, trainingData, params }) => {
    const data = { url: trainingData };
    return {
      jobClass: 'training',
      count: 1,
      uses: [{ air: model, path: ['model'], role: 'model' }],
      media: [{ source: data, path: ['trainingData'] }],
      make(_index, { airOf, randomSeed }) {
        const air = airOf(model);
        const ecosystem = rootEcosystem(parseAir(air).ecosystem ?? '');
        if (ecosystem === undefined) throw new Error(`model ${air} passed its check unsupported`);
        const epochs = params?.maxTrainEpochs ?? DEFAULTS.maxTrainEpochs;
        const generation: ResourceTraining = {
          ...{ operation: 'imageResourceTraining', ecosystem, model: air, data },
          rounds: epochs * (params?.numRepeats ?? DEFAULTS.numRepeats),
          batchSize: params?.trainBatchSize ?? DEFAULTS.trainBatchSize,
          learningRate: params?.unetLR ?? DEFAULT_RATE,
          rank: params?.networkDim ?? DEFAULT_DIM,
          resolution: params?.resolution ?? DEFAULTS.resolution,
          seed: randomSeed(),
        };
        const asked = { model: air, trainingData, params: params ?? {} };
        return {
          ...{ generation, ecosystem, cost: FLAT_COSTS.training },
          request: { $type: 'imageResourceTraining', asked },
        };
      },
    };
  },
);
