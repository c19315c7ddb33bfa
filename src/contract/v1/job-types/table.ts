/** The job types that can be submitted; a new one is a file beside this one and a line here. */
import { shown } from '../../field-errors.ts';
import { comfy } from './comfy.ts';
import { imageTransform } from './image-transform.ts';
import { clearAssets, copyAsset } from './asset-tasks.ts';
import { blobDelete, blobGet, blobPin, blobUnpin, blobUpload } from './blob-tasks.ts';
import { imageEmbedding } from './image-embedding.ts';
import { imageResourceTraining } from './image-resource-training.ts';
import type { JobType } from './job-type.ts';
import { mediaCaptioning } from './media-captioning.ts';
import { prepareModel } from './prepare-model.ts';
import { mediaTagging, wdTagging } from './tagging.ts';
import { textToImage } from './text-to-image.ts';

const TABLE = [
  textToImage,
  comfy,
  imageTransform,
  wdTagging,
  mediaTagging,
  mediaCaptioning,
  imageEmbedding,
  imageResourceTraining,
  prepareModel,
  copyAsset,
  clearAssets,
  blobGet,
  blobUpload,
  blobPin,
  blobUnpin,
  blobDelete,
] as const satisfies readonly JobType[];

/** Job types that can be submitted, as `$type` names them. */
export const JOB_TYPES: readonly string[] = TABLE.map(({ name }) => name);

/** Schemas of their requests, for the documentation. */
export const JOB_REQUESTS = TABLE.map(({ schema }) => schema);

/** The type that a request without `$type` may have. */
export const DEFAULT_JOB_TYPE: JobType = textToImage;

const plainName = (type: string): string =>
  type.toLowerCase().replace(/(job)?(v2)?(job)?(request|template)?$/, '');

const TYPES_BY_NAME: ReadonlyMap<string, JobType> = new Map(
  TABLE.flatMap((type: JobType) =>
    [plainName(type.name), ...(type.aliases ?? [])].map((name) => [name, type] as const),
  ),
);

/** The type of this `$type` in any casing, with or without `Job` or `V2` at its end; undefined when it is not supported. */
export const findJobType = (type: string): JobType | undefined =>
  TYPES_BY_NAME.get(plainName(type));

export const unsupportedTypeMessage = (type: unknown): string =>
  `job type ${shown(type)} is not supported; use ${JOB_TYPES.map((name) => `"${name}"`).join(' or ')}`;
