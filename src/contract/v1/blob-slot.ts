/** One output of a job, as it is shown. */
import { z } from '@hono/zod-openapi';

const Epoch = z
  .object({
    epochNumber: z.int(),
    blobName: z.string(),
    blobSize: z.int(),
    blobUrl: z.string(),
    sampleImages: z.array(z.string()).openapi({ description: 'Empty: none are drawn' }),
  })
  .openapi('TrainingEpoch');

export const BlobSlot = z
  .object({
    blobKey: z.string().openapi({ example: '37V4ZT4W3C4SX6P5G7M9K2RQDA.png' }),
    available: z.boolean(),
    blobUrl: z.string().optional().openapi({ description: 'Signed link to the picture' }),
    blobUrlExpirationDate: z.string().optional(),
    seed: z.number().optional(),
    name: z.string().optional().openapi({ description: 'Of a file of a comfy job: its name' }),
    nodeId: z
      .string()
      .optional()
      .openapi({ description: 'Of a file of a comfy job: the node that saved it' }),
    width: z.int().optional(),
    height: z.int().optional(),
    tags: z
      .record(z.string(), z.number())
      .optional()
      .openapi({
        description: 'Of wdTagging and mediaTagging: names, each with the least confidence it has',
        example: { '1girl': 0.35, long_hair: 0.35 },
      }),
    caption: z.string().optional().openapi({ description: 'Of mediaCaptioning' }),
    embedding: z
      .array(z.number())
      .readonly()
      .optional()
      .openapi({ description: 'Of imageEmbedding' }),
    embeddingModel: z
      .string()
      .optional()
      .openapi({ description: 'Of imageEmbedding: file of the image encoder on its server' }),
    epochs: z
      .array(Epoch)
      .readonly()
      .optional()
      .openapi({ description: 'Of imageResourceTraining: one, the LoRA at the end' }),
    blobUploadUrl: z.string().optional().openapi({
      description: 'Of `blobUpload`: signed link that takes the file by PUT, until it ends',
    }),
    blobUploadUrlExpirationDate: z.string().optional(),
  })
  .openapi('BlobSlot');
export type BlobSlot = z.infer<typeof BlobSlot>;
