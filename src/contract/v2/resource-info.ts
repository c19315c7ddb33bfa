/** A catalogue entry as Civitai's own `GET /v2/resources/{air}` answers it. */
import { z } from '@hono/zod-openapi';
import type { Resource as StoredResource } from '../../db/resources.ts';
import { parseAir } from '../../domain/air.ts';
import type { ProviderAssetAvailability } from '../v1/coverage.ts';

export const ResourceShape = z
  .enum(['Resource', 'ResourceInfo'])
  .default('Resource')
  .openapi({ description: 'ResourceInfo: the fields of Civitai’s own answer' });

const FILE_FORMATS = {
  safetensors: 'safeTensor',
  safetensor: 'safeTensor',
  sft: 'safeTensor',
  ckpt: 'pickleTensor',
  pt: 'pickleTensor',
  pth: 'pickleTensor',
  bin: 'pickleTensor',
  onnx: 'onnx',
  tar: 'tar',
} as const;
const FileFormat = z.enum([
  'unknown',
  'safeTensor',
  'pickleTensor',
  'diffusers',
  'coreML',
  'onnx',
  'tar',
]);

const Availability = z
  .union([
    z.object({ status: z.enum(['unsupported', 'unavailable']) }),
    z.object({ status: z.literal('available'), workers: z.int().min(1) }),
  ])
  .openapi('ResourceAvailability');

export const ResourceInfo = z
  .object({
    air: z.string(),
    size: z.int().min(0).openapi({ description: 'Bytes; 0 when the catalogue does not say' }),
    hashes: z.record(z.string(), z.string()),
    downloadUrls: z.array(z.string()),
    modelName: z.string(),
    resourceName: z.string(),
    versionName: z.string().optional(),
    checkPermission: z.boolean(),
    canGenerate: z.boolean(),
    fileFormat: FileFormat.openapi({ description: 'By the extension of fileName or of the AIR' }),
    hasMatureContentRestriction: z.boolean(),
    hasNSFWContentRestriction: z.boolean(),
    publishedAt: z.string().optional(),
    availability: Availability,
  })
  .openapi('ResourceInfo');
type ResourceInfo = z.infer<typeof ResourceInfo>;

/** To the wire; what the catalogue does not know is 0 or empty. */
export function toResourceInfo(
  { air, modelName, fileName, details }: StoredResource,
  { availability, workers }: ProviderAssetAvailability,
): ResourceInfo {
  const { size, hashes, downloadUrls, versionName, publishedAt } = details as Partial<ResourceInfo>;
  return {
    air,
    size: size ?? 0,
    hashes: hashes ?? {},
    downloadUrls: downloadUrls ?? [],
    modelName,
    resourceName: modelName,
    ...(versionName === undefined ? {} : { versionName }),
    checkPermission: false,
    canGenerate: availability !== 'Unsupported',
    fileFormat: fileFormat(fileName ?? formatOf(air)),
    hasMatureContentRestriction: false,
    hasNSFWContentRestriction: false,
    ...(publishedAt === undefined ? {} : { publishedAt }),
    availability:
      availability === 'Available'
        ? { status: 'available', workers }
        : { status: availability === 'Unsupported' ? 'unsupported' : 'unavailable' },
  };
}

function formatOf(text: string): string {
  const { id, version, format } = parseAir(text);
  return format ?? version ?? id ?? '';
}

function fileFormat(name: string): ResourceInfo['fileFormat'] {
  const extension = name.slice(name.lastIndexOf('.') + 1).toLowerCase();
  return Object.hasOwn(FILE_FORMATS, extension)
    ? FILE_FORMATS[extension as keyof typeof FILE_FORMATS]
    : 'unknown';
}
