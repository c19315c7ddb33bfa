/**
 * AIRs: addresses of model files. Pure; imported by workflows.
 * Grammar: `[urn:][air:][ecosystem:][type:]source:id[@version][+fileId][.format]`, or the short `@source/version`.
 * https://developer.civitai.com/docs/air
 */
import { OrchestratorError } from '../errors.ts';
import { ECOSYSTEMS, type Ecosystem } from './generation.ts';

/** Parts of an AIR; ecosystem, type and source are lower-case. The short form has neither ecosystem, type nor id. */
export interface Air {
  readonly ecosystem?: string;
  readonly type?: string;
  readonly source: string;
  readonly id?: string;
  readonly version?: string;
  /** One of several files of a version. */
  readonly fileId?: string;
  readonly format?: string;
}

/** An AIR that names everything a catalogue entry needs. */
export type FullAir = Air & Required<Pick<Air, 'ecosystem' | 'type' | 'id' | 'version'>>;

export const MAX_AIR_LENGTH = 512;
const EXAMPLE = 'urn:air:sdxl:checkpoint:civitai:101055@128078';

const NAME = /^[A-Za-z0-9_\-/]+$/;
const ID = /^[A-Za-z0-9_\-/.]+$/;
const VERSION = /^[A-Za-z0-9_\-/.=,%+:]+$/;
const SHORT = /^@([A-Za-z0-9_-]+)\/(.+)$/s;
/** The layer of older AIRs; other sources have colons in a version (`sha256:…`). */
const LAYER = /^\d+:/;
const FILE_ID = /^(.+)\+(\d+)(?:\.([A-Za-z0-9_-]+))?$/;

const shown = (text: string): string =>
  JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);

const invalid = (text: string, why: string): OrchestratorError =>
  new OrchestratorError(
    'invalid_air',
    `AIR ${shown(text)} is not valid: ${why}. Write it like ${EXAMPLE} or @civitai/128078.`,
  );

const unescape = (part: string): string =>
  part.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));

// Parts reach file names, so a part that could leave its folder is refused, also when it is escaped.
const leavesFolder = (part: string): boolean => {
  const plain = unescape(part);
  return (
    /[\\\u0000-\u001f\u007f]/.test(plain) ||
    plain.split(/[/:]/).some((segment) => segment === '' || segment === '.' || segment === '..')
  );
};

const requirePart = (text: string, part: string, pattern: RegExp, name: string): string => {
  if (part === '') throw invalid(text, `its ${name} is empty`);
  if (!pattern.test(part))
    throw invalid(text, `its ${name} ${shown(part)} has characters not allowed there`);
  if (leavesFolder(part))
    throw invalid(text, `its ${name} ${shown(part)} has an empty or relative path segment`);
  return part;
};

const parseVersion = (text: string, tail: string): Pick<Air, 'version' | 'fileId' | 'format'> => {
  requirePart(text, tail, VERSION, 'version');
  if (LAYER.test(tail))
    throw invalid(
      text,
      `it names a layer (${shown(tail)}), which AIRs have no more; leave out what follows the version`,
    );
  const [, version, fileId, format] = FILE_ID.exec(tail) ?? [];
  if (version === undefined || fileId === undefined) return { version: tail };
  return { version, fileId, ...(format === undefined ? {} : { format }) };
};

const PARSED = new Map<string, Air>();
/** A request names the same few AIRs again and again. */
const KEPT = 1_000;

/** Parts of an AIR in any accepted spelling. Throws `invalid_air` naming the seen value and an example. */
export const parseAir = (text: string): Air => {
  const known = PARSED.get(text);
  if (known) return known;
  const air = partsOf(text);
  if (PARSED.size >= KEPT) PARSED.clear();
  PARSED.set(text, air);
  return air;
};

const partsOf = (text: string): Air => {
  if (text.length > MAX_AIR_LENGTH) {
    throw invalid(
      text,
      `it has ${text.length} characters and at most ${MAX_AIR_LENGTH} are allowed`,
    );
  }
  const short = SHORT.exec(text);
  if (short?.[1] !== undefined && short[2] !== undefined) {
    return { source: short[1].toLowerCase(), ...parseVersion(text, short[2]) };
  }
  const body = text.replace(/^urn:/i, '').replace(/^air:/i, '');
  const at = body.indexOf('@');
  const segments = (at === -1 ? body : body.slice(0, at)).split(':');
  if (segments.length < 2 || segments.length > 4) {
    throw invalid(
      text,
      'it needs at least a source and an id, and at most ecosystem:type:source:id',
    );
  }
  const id = requirePart(text, segments.at(-1) ?? '', ID, 'id');
  const source = requirePart(text, segments.at(-2) ?? '', NAME, 'source').toLowerCase();
  // With one segment before the source, clients read it as the ecosystem.
  const ecosystem = segments.length > 2 ? segments[0] : undefined;
  const type = segments.length > 3 ? segments[1] : undefined;
  return {
    ...(ecosystem === undefined
      ? {}
      : { ecosystem: requirePart(text, ecosystem, NAME, 'ecosystem').toLowerCase() }),
    ...(type === undefined ? {} : { type: requirePart(text, type, NAME, 'type').toLowerCase() }),
    source,
    id,
    ...(at === -1 ? {} : parseVersion(text, body.slice(at + 1))),
  };
};

/** True when ecosystem, type, source, id and version are all known. */
export const isFullAir = (air: Air): air is FullAir =>
  air.ecosystem !== undefined &&
  air.type !== undefined &&
  air.id !== undefined &&
  air.version !== undefined;

/** Like `parseAir`, for places that need every part. Throws `invalid_air` naming the parts that are absent. */
export const parseFullAir = (text: string): FullAir => {
  const air = parseAir(text);
  if (isFullAir(air)) return air;
  const absent = (['ecosystem', 'type', 'id', 'version'] as const).filter(
    (part) => air[part] === undefined,
  );
  throw invalid(text, `it has no ${absent.join(', ')}`);
};

/**
 * Canonical spelling: `urn:air:{ecosystem}:{type}:{source}:{id}@{version}`, with `+{fileId}` and `.{format}` when given.
 * Parts that are not known are left out; an AIR known only by its short form stays short.
 */
export const formatAir = (air: Air): string => {
  const file =
    air.fileId === undefined
      ? ''
      : `+${air.fileId}${air.format === undefined ? '' : `.${air.format}`}`;
  const version = air.version === undefined ? '' : `${air.version}${file}`;
  if (air.id === undefined) return `@${air.source}/${version}`;
  const names = [air.ecosystem, air.type, air.source].filter((name) => name !== undefined);
  return `urn:air:${names.join(':').toLowerCase()}:${air.id}${version === '' ? '' : `@${version}`}`;
};

/** Short form `@civitai/128713`. Throws `invalid_air` when there is no version. */
export const compressAir = (air: Air): string => {
  if (air.version === undefined)
    throw invalid(formatAir(air), 'without a version it has no short form');
  return `@${air.source.toLowerCase()}/${air.version}`;
};

/** True for the short spelling `@source/version`. */
export const isCompressed = (text: string): boolean => SHORT.test(text);

/** An AIR as it stands in a URL path, raw or percent-encoded. Throws `invalid_air` when the escapes are no UTF-8. */
export const decodeAirPath = (raw: string): string => {
  // A version may hold a plain `%`; then the text was not encoded.
  if (/%(?![0-9a-f]{2})/i.test(raw)) return raw;
  try {
    return decodeURIComponent(raw);
  } catch {
    throw invalid(raw, 'its percent-escapes are not UTF-8');
  }
};

/** Names that base models of one family go by; all of them are served by the family's graph. */
const ECOSYSTEM_NAMES: Readonly<Record<Ecosystem, readonly string[]>> = {
  sd1: ['sd1', 'sd14', 'sd15', 'sd1_4', 'sd1_5', 'sd_1_5', 'sd15lcm', 'sd15hyper', 'sd1lcm'],
  sdxl: [
    ...['sdxl', 'sdxl09', 'sdxl10', 'sdxldistilled', 'sdxllcm', 'sdxllightning', 'sdxlhyper'],
    ...['sdxlturbo', 'pony', 'ponyv6', 'illustrious', 'noobai'],
  ],
  // Stable Diffusion 3 and 3.5 share one structure; Civitai names 3.5 Large `sd3` and 3.5 Medium either `sd3` or `sd3_5m`.
  sd3: ['sd3', 'sd3_5', 'sd3_5m', 'sd35', 'sd35m', 'sd35medium', 'sd35large', 'sd35largeturbo'],
  // Kontext edits images and is not here: its graph needs an input image.
  flux1: ['flux1', 'flux1d', 'flux1dev', 'flux1s', 'flux1schnell', 'fluxkrea'],
};
const ROOTS = new Map(
  ECOSYSTEMS.flatMap((root) => ECOSYSTEM_NAMES[root].map((name) => [name, root] as const)),
);

/** The supported family a base model belongs to (`pony` → `sdxl`), or undefined when it is not supported. */
export const rootEcosystem = (name: string): Ecosystem | undefined => ROOTS.get(name.toLowerCase());

export const RESOURCE_KINDS = [
  'checkpoint',
  'lora',
  'embedding',
  'vae',
  'controlnet',
  'upscaler',
  'other',
] as const;
export type ResourceKind = (typeof RESOURCE_KINDS)[number];

const KINDS = new Map<string, ResourceKind>([
  ['checkpoint', 'checkpoint'],
  ['model', 'checkpoint'],
  // Files that hold only the diffusion model; they stand where a checkpoint stands.
  ['unet', 'checkpoint'],
  ['diffusionmodel', 'checkpoint'],
  ['diffusion_model', 'checkpoint'],
  ['lora', 'lora'],
  ['locon', 'lora'],
  ['lycoris', 'lora'],
  ['dora', 'lora'],
  ['embedding', 'embedding'],
  ['textualinversion', 'embedding'],
  ['vae', 'vae'],
  ['controlnet', 'controlnet'],
  ['upscaler', 'upscaler'],
]);

/** What a resource is used as, from the type segment of its AIR; types no graph uses are `other`. */
export const resourceKind = (type: string): ResourceKind =>
  KINDS.get(type.toLowerCase()) ?? 'other';
