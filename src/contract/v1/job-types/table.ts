/** The job types that can be submitted; a new one is a file beside this one and a line here. */
import { shown } from '../../field-errors.ts';
import { comfy } from './comfy.ts';
import { imageTransform } from './image-transform.ts';
import type { JobType } from './job-type.ts';
import { textToImage } from './text-to-image.ts';

const TABLE = [textToImage, comfy, imageTransform] as const satisfies readonly JobType[];

/** Job types that can be submitted, as `$type` names them. */
export const JOB_TYPES: readonly string[] = TABLE.map(({ name }) => name);

/** Schemas of their requests, for the documentation. */
export const JOB_REQUESTS = TABLE.map(({ schema }) => schema);

/** The type that a request without `$type` may have. */
export const DEFAULT_JOB_TYPE: JobType = textToImage;

const plainName = (type: string): string =>
  type.toLowerCase().replace(/(job)?(v2)?(job)?(request)?$/, '');

/** The type of this `$type` in any casing, with or without `Job` or `V2` at its end; undefined when it is not supported. */
export const findJobType = (type: string): JobType | undefined =>
  TABLE.find(({ name }) => plainName(name) === plainName(type));

export const unsupportedTypeMessage = (type: unknown): string =>
  `job type ${shown(type)} is not supported; use ${JOB_TYPES.map((name) => `"${name}"`).join(' or ')}`;
