/** `/v2/resources` on the wire. */
import { z } from '@hono/zod-openapi';
import type { NewResource, Resource as StoredResource } from '../../db/resources.ts';
import { formatAir, parseAir, resourceKind } from '../../domain/air.ts';
import { FullAirText } from '../air-text.ts';
import { shown } from '../field-errors.ts';

const LICENCES = ['None', 'Image', 'RentCivit', 'Rent', 'Sell'] as const;

/** A name inside a ComfyUI model folder: relative, no way out of it. Servers on Windows list backslashes. */
const FileName = z
  .string()
  .min(1)
  .max(500)
  .refine((name) => !/^([A-Za-z]:|[/\\])/.test(name), { error: () => 'expected a relative name' })
  .refine((name) => name.split(/[/\\]/).every((part) => !['', '.', '..'].includes(part)), {
    error: () => 'expected a name without empty parts, "." and ".."',
  })
  .openapi({
    description:
      'Name of the file as the ComfyUI servers list it; without it a naming convention finds the file',
    example: 'sdxl/sd_xl_base_1.0.safetensors',
  });

const fields = {
  modelName: z.string().min(1).max(200).openapi({ example: 'SD XL' }),
  type: z.string().min(1).max(40).openapi({
    description: 'As the AIR says: checkpoint, lora, embedding (TextualInversion), vae …',
    example: 'checkpoint',
  }),
  description: z.string().max(10_000).optional(),
  nsfw: z.boolean().optional(),
  allowCommercialUse: z
    .union([z.enum(LICENCES), z.array(z.enum(LICENCES)).max(LICENCES.length)], {
      error: () => `expected one of ${LICENCES.join(', ')}, or a list of them`,
    })
    .optional()
    .openapi({ example: 'Sell' }),
  tags: z
    .array(z.string().min(1).max(100))
    .max(100)
    .optional()
    .openapi({ example: ['base'] }),
  fileName: FileName.optional(),
  vramBytes: z.int().min(1).max(1e15).optional().openapi({
    description:
      'Video memory that a server must have to draw with it; jobs that use it go to no server with less',
    example: 8_000_000_000,
  }),
  versionName: z.string().min(1).max(200).optional().openapi({ example: 'v1.0 VAE fix' }),
  size: z
    .int()
    .min(0)
    .max(Number.MAX_SAFE_INTEGER)
    .optional()
    .openapi({ description: 'Bytes of the file', example: 6_938_040_682 }),
  hashes: z
    .record(
      z.string().regex(/^[A-Za-z0-9_-]{1,20}$/),
      z.string().regex(/^[A-Za-z0-9+/=_-]{1,128}$/),
    )
    .refine((hashes) => Object.keys(hashes).length <= 20, { error: () => 'expected at most 20' })
    .optional()
    .openapi({ description: 'By algorithm', example: { SHA256: 'E6BB9EA85BBF7BF6' } }),
  downloadUrls: z
    .array(z.url({ protocol: /^https?$/ }).max(2_000))
    .max(20)
    .optional()
    .openapi({ description: 'Where the file can be fetched; nothing here fetches it' }),
  publishedAt: z.iso
    .datetime({ offset: true })
    .optional()
    .openapi({ example: '2023-07-29T20:50:47.173Z' }),
};

/** What is kept beside name, type and file name, as it was sent. */
const DETAILS = [
  ...['description', 'nsfw', 'allowCommercialUse', 'tags', 'vramBytes'],
  ...['versionName', 'size', 'hashes', 'downloadUrls', 'publishedAt'],
] as const;

/** Sent back by clients that read, change and replace; not for them to set. */
const readOnly = {
  createdAt: z.unknown().optional().openapi({ readOnly: true, description: 'Ignored when sent' }),
  updatedAt: z.unknown().optional().openapi({ readOnly: true, description: 'Ignored when sent' }),
};

export const NewResourceBody = z
  .strictObject({ air: FullAirText, ...fields, ...readOnly })
  .openapi('NewResource');
export type NewResourceBody = z.infer<typeof NewResourceBody>;

/** PUT: the AIR is in the path; in the body it may be repeated. */
export const ReplaceResourceBody = z
  .strictObject({ air: FullAirText.optional(), ...fields, ...readOnly })
  .openapi('ReplaceResource');
export type ReplaceResourceBody = z.infer<typeof ReplaceResourceBody>;

/** PATCH: a JSON merge patch; null removes an optional field. */
export const MergeResourceBody = z
  .strictObject({
    air: FullAirText.optional(),
    modelName: fields.modelName.optional(),
    type: fields.type.optional(),
    description: fields.description.nullable(),
    nsfw: fields.nsfw.nullable(),
    allowCommercialUse: fields.allowCommercialUse.nullable(),
    tags: fields.tags.nullable(),
    fileName: fields.fileName.nullable(),
    vramBytes: fields.vramBytes.nullable(),
    versionName: fields.versionName.nullable(),
    size: fields.size.nullable(),
    hashes: fields.hashes.nullable(),
    downloadUrls: fields.downloadUrls.nullable(),
    publishedAt: fields.publishedAt.nullable(),
    ...readOnly,
  })
  .openapi('MergeResource');
export type MergeResourceBody = z.infer<typeof MergeResourceBody>;

export const Resource = z
  .object({ air: z.string(), ...fields, createdAt: z.string(), updatedAt: z.string() })
  .openapi('Resource');
export type Resource = z.infer<typeof Resource>;

export const ResourcePage = z
  .object({ page: z.int(), limit: z.int(), total: z.int(), items: z.array(Resource) })
  .openapi('ResourcePage');

/** Why `type` does not fit the AIR, or undefined. */
export function typeProblem(air: string, type: string): string | undefined {
  const named = parseAir(air).type ?? '';
  if (named.toLowerCase() === type.toLowerCase()) return undefined;
  const kind = resourceKind(named);
  if (kind !== 'other' && kind === resourceKind(type)) return undefined;
  return `expected ${shown(named)}, the type in the AIR; seen ${shown(type)}`;
}

/** To the catalogue's form, with the AIR in its canonical spelling. */
export function toNewResource(
  air: string,
  body: ReplaceResourceBody | NewResourceBody,
): NewResource {
  const { modelName, type, fileName } = body;
  return {
    air: formatAir(parseAir(air)),
    modelName,
    type,
    ...(fileName === undefined ? {} : { fileName }),
    details: detailsOf(body),
  };
}

/** A stored entry with a merge patch applied (RFC 7396). */
export function mergeResource(current: StoredResource, patch: MergeResourceBody): NewResource {
  const { modelName, type, fileName } = patch;
  const merged = { ...current.details, ...detailsOf(patch) };
  const name = fileName === undefined ? current.fileName : (fileName ?? undefined);
  return {
    air: current.air,
    modelName: modelName ?? current.modelName,
    type: type ?? current.type,
    ...(name === undefined ? {} : { fileName: name }),
    details: Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== null)),
  };
}

const detailsOf = (
  body: ReplaceResourceBody | NewResourceBody | MergeResourceBody,
): Record<string, unknown> =>
  Object.fromEntries(
    DETAILS.flatMap((name) => (body[name] === undefined ? [] : [[name, body[name]]])),
  );

/** To the wire. */
export function fromResource(resource: StoredResource): Resource {
  return {
    air: resource.air,
    modelName: resource.modelName,
    type: resource.type,
    ...(resource.details as Partial<Resource>),
    ...(resource.fileName === undefined ? {} : { fileName: resource.fileName }),
    createdAt: resource.createdAt.toISOString(),
    updatedAt: resource.updatedAt.toISOString(),
  };
}
