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
};

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
  const { modelName, type, fileName, ...further } = body;
  const { description, nsfw, allowCommercialUse, tags, vramBytes } = further;
  const details = { description, nsfw, allowCommercialUse, tags, vramBytes };
  return {
    air: formatAir(parseAir(air)),
    modelName,
    type,
    ...(fileName === undefined ? {} : { fileName }),
    details: Object.fromEntries(Object.entries(details).filter(([, value]) => value !== undefined)),
  };
}

/** A stored entry with a merge patch applied (RFC 7396). */
export function mergeResource(current: StoredResource, patch: MergeResourceBody): NewResource {
  const { modelName, type, fileName, ...further } = patch;
  const { description, nsfw, allowCommercialUse, tags, vramBytes } = further;
  const merged = {
    ...current.details,
    ...dropUndefined({ description, nsfw, allowCommercialUse, tags, vramBytes }),
  };
  const name = fileName === undefined ? current.fileName : (fileName ?? undefined);
  return {
    air: current.air,
    modelName: modelName ?? current.modelName,
    type: type ?? current.type,
    ...(name === undefined ? {} : { fileName: name }),
    details: Object.fromEntries(Object.entries(merged).filter(([, value]) => value !== null)),
  };
}

const dropUndefined = (fieldsOf: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fieldsOf).filter(([, value]) => value !== undefined));

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
