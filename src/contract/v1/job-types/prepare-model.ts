/** `prepareModel`: `Upload` says which servers have the file, `Pin` has a server load it. */
import { z } from '@hono/zod-openapi';
import { parseAir, rootEcosystem } from '../../../domain/air.ts';
import { imageCost } from '../../../domain/cost.ts';
import type { TextToImage } from '../../../domain/generation.ts';
import { GENERATION_DEFAULTS } from '../../../domain/generation-defaults.ts';
import { NO_ECOSYSTEM } from '../../../domain/task.ts';
import { AirText } from '../../air-text.ts';
import { commonFields } from './common-fields.ts';
import { defineJobType } from './job-type.ts';

const PrepareModelRequest = z
  .object({
    $type: z.string().openapi({ example: 'prepareModel' }),
    baseModel: z.string().max(100).nullish().openapi({ description: 'Ignored' }),
    model: AirText.openapi({ example: 'urn:air:sdxl:checkpoint:civitai:101055@128078' }),
    action: z.enum(['Upload', 'Pin']).nullish().openapi({
      description:
        'Upload (default): ends when a server that answers has the file. Pin, for checkpoints: a server loads it, and jobs with it then go there first, until it draws with another one',
    }),
    ...commonFields,
  })
  .openapi('PrepareModelJobRequest');

const SIDE = 64;

/** The least that makes a server load the model: one step, 64×64. */
function smallestPicture(model: string): TextToImage {
  const ecosystem = rootEcosystem(parseAir(model).ecosystem ?? '');
  if (ecosystem === undefined) throw new Error(`model ${model} passed its check unsupported`);
  const { scheduler, cfgScale } = GENERATION_DEFAULTS[ecosystem];
  return {
    ...{ operation: 'textToImage', ecosystem, model, prompt: '', negativePrompt: '', networks: [] },
    ...{ scheduler, steps: 1, cfgScale, width: SIDE, height: SIDE, seed: 0, clipSkip: 1 },
  };
}

export const prepareModel = defineJobType(
  'prepareModel',
  PrepareModelRequest,
  ({ model, action }) => ({
    jobClass: action === 'Pin' ? 'image' : 'task',
    count: 1,
    uses: [{ air: model, path: ['model'], role: action === 'Pin' ? 'model' : 'file' }],
    make(_index, { airOf }) {
      const air = airOf(model);
      const request = { $type: 'prepareModel', model: air, action: action ?? 'Upload' };
      if (action !== 'Pin')
        return {
          generation: { operation: 'prepareModel', model: air },
          ...{ ecosystem: NO_ECOSYSTEM, cost: 0, request },
        };
      const generation = smallestPicture(air);
      const { ecosystem } = generation;
      return { generation, ecosystem, cost: imageCost(generation), request };
    },
  }),
);
