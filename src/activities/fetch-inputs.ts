import { pipeline } from 'node:stream/promises';
import { PassThrough, type Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { BlobRecords } from '../db/blobs.ts';
import type { InputFile } from '../domain/job.ts';
import { blobKeyOfLink, type MediaInput } from '../domain/generation-inputs.ts';
import type { MediaKind, MediaSource } from '../domain/media-source.ts';
import { isOrchestratorError, messageOf, OrchestratorError } from '../errors.ts';
import type { BlobStore } from '../ports.ts';
import type { Outgoing } from '../net/outgoing.ts';
import { inputIdFor, inputKeyFor } from '../storage/keys.ts';
import { findOwnBlob } from '../storage/own-blob.ts';
import { createOutputInspector } from './output-inspector.ts';

export interface FetchInputsDeps {
  readonly outgoing: Pick<Outgoing, 'get'>;
  readonly storage: Pick<BlobStore, 'put' | 'open' | 'stat'>;
  readonly blobs: Pick<BlobRecords, 'findBlob' | 'listBlobs' | 'putBlobs'>;
  /** A larger file is refused. */
  readonly maxInputBytes: number;
  readonly blobRetentionDays: number;
  /** (Default: LIMITS) */
  readonly inputLimits?: InputLimits;
}

/** Milliseconds. */
export interface InputLimits {
  /** For one file: a slow sender must not hold a server for long. */
  readonly total: number;
  /** Without a byte. */
  readonly idle: number;
  /** For all files of a job. */
  readonly all: number;
}

export interface InputOwner {
  readonly jobId: string;
  readonly tenant: string;
}

/** An input file in the blob store. */
export interface StoredInput extends Pick<InputFile, 'blob'> {
  readonly role: string;
  /** Without a dot, as its bytes say. */
  readonly extension: string;
}

/** The job holds a place on its server meanwhile. */
const LIMITS: InputLimits = { total: 30_000, idle: 10_000, all: 90_000 };
const TRIES = 3;
const PAUSE_MS = 500;
const AT_ONCE = 4;

/**
 * Brings the input files of a job into the blob store, each once: a repetition finds what an earlier one stored, so all
 * attempts draw from the same bytes. Throws `input_unavailable` and `input_invalid`, which are final, and what the store
 * throws.
 */
export function createFetchInputs(deps: FetchInputsDeps) {
  const { blobs, storage, inputLimits: limits = LIMITS } = deps;

  const known = async (owner: InputOwner, role: string): Promise<StoredInput | undefined> => {
    const record = await blobs.findBlob(inputIdFor(owner.jobId, role));
    if (!record || record.tenant !== owner.tenant) return undefined;
    const { storageKey: ref, contentType, sha256 } = record;
    const bytes = Number(record.bytes);
    if ((await storage.stat(ref))?.bytes !== bytes) return undefined;
    return { role, blob: { ref, sha256, bytes }, extension: extensionOf(contentType) };
  };

  const bring = async (
    owner: InputOwner,
    { role, kind, source }: MediaInput,
    signal: AbortSignal,
  ): Promise<StoredInput> => {
    const ref = inputKeyFor(owner.jobId, role);
    const body = await open(deps, owner, source, signal);
    const inspector = createOutputInspector(role, deps.maxInputBytes);
    // Only what was inspected to its end is stored.
    const checked = new PassThrough();
    const passing = pipeline(body, inspector.stream, checked).catch((error: unknown) => {
      checked.destroy(error as Error);
    });
    const { bytes, sha256 } = await storage.put(ref, checked).finally(() => body.destroy());
    await passing;
    const { contentType, width, height } = inspector.inspection();
    if (!fits(kind, contentType))
      throw new OrchestratorError(
        'input_invalid',
        `The file of ${nameOf(source)} is ${contentType} and ${kind} is needed.`,
      );
    await blobs.putBlobs([
      {
        ...{ id: inputIdFor(owner.jobId, role), tenant: owner.tenant, jobId: owner.jobId },
        ...{ storageKey: ref, contentType, bytes, sha256 },
        ...(width === undefined ? {} : { width, height: height ?? null }),
        expiresAt: new Date(Date.now() + deps.blobRetentionDays * 86_400_000),
      },
    ]);
    return { role, blob: { ref, sha256, bytes }, extension: extensionOf(contentType) };
  };

  const patiently = async (
    owner: InputOwner,
    input: MediaInput,
    signal: AbortSignal,
  ): Promise<StoredInput> => {
    for (let tries = 1; ; tries += 1) {
      try {
        return (await known(owner, input.role)) ?? (await bring(owner, input, signal));
      } catch (error) {
        if (signal.aborted) throw error;
        const fault = inputFault(error, input.source);
        if (!fault) throw error;
        if (tries >= TRIES || !isMomentary(error)) throw fault;
        await delay(PAUSE_MS * tries, undefined, { signal });
      }
    }
  };

  return async (
    owner: InputOwner,
    inputs: readonly MediaInput[],
    stopped: AbortSignal,
  ): Promise<readonly StoredInput[]> => {
    const late = AbortSignal.timeout(limits.all);
    const failed = new AbortController();
    const signal = AbortSignal.any([stopped, late, failed.signal]);
    const queue = [...inputs];
    const stored: StoredInput[] = [];
    const lane = async (): Promise<void> => {
      for (let input = queue.shift(); input; input = queue.shift())
        stored.push(await patiently(owner, input, signal));
    };
    try {
      await Promise.all(
        Array.from({ length: Math.min(AT_ONCE, inputs.length) }, () =>
          lane().catch((error: unknown) => {
            failed.abort(error);
            throw error;
          }),
        ),
      );
      return stored;
    } catch (error) {
      if (!late.aborted || stopped.aborted) throw error;
      throw new OrchestratorError(
        'input_unavailable',
        `The ${inputs.length} input files were not there after ${limits.all / 1_000} s. Put them where they come faster.`,
      );
    }
  };
}

/** Worth another try; who was too slow once is not asked again while a server waits. */
const isMomentary = (error: unknown): boolean =>
  isOrchestratorError(error) && error.retryable && error.code !== 'fetch_timed_out';

async function open(
  { outgoing, storage, blobs, maxInputBytes, inputLimits = LIMITS }: FetchInputsDeps,
  { tenant }: InputOwner,
  source: MediaSource,
  signal: AbortSignal,
): Promise<Readable> {
  const key = 'url' in source ? blobKeyOfLink(source.url) : source.blobKey;
  const record = key === undefined ? undefined : await findOwnBlob(blobs, tenant, key);
  const stream = record && (await storage.open(record.storageKey));
  if (stream) return stream;
  if ('url' in source) {
    const { total: totalMs, idle: idleMs } = inputLimits;
    const bounds = { totalMs, idleMs, maxBytes: maxInputBytes, signal };
    return (await outgoing.get(source.url, bounds)).body;
  }
  throw new OrchestratorError(
    'input_unavailable',
    `There is no stored file ${source.blobKey}; its retention may have ended.`,
  );
}

/** What the job is told; undefined for what is no fault of the file, such as a full disk. */
function inputFault(error: unknown, source: MediaSource): OrchestratorError | undefined {
  if (!isOrchestratorError(error)) return undefined;
  switch (error.code) {
    case 'input_unavailable':
    case 'input_invalid':
      return error;
    case 'output_invalid':
    case 'fetch_too_large':
      return new OrchestratorError(
        'input_invalid',
        `${nameOf(source)} cannot be used: ${messageOf(error)}`,
      );
    case 'fetch_failed':
    case 'fetch_timed_out':
    case 'url_refused':
      return new OrchestratorError(
        'input_unavailable',
        `${nameOf(source)} could not be fetched: ${messageOf(error)}`,
      );
    default:
      return undefined;
  }
}

/** Without path and query, which may hold a secret. */
const nameOf = (source: MediaSource): string =>
  'url' in source
    ? `The input file of ${URL.canParse(source.url) ? new URL(source.url).origin : 'its URL'}`
    : `The stored file ${source.blobKey}`;

const fits = (kind: MediaKind, contentType: string): boolean =>
  kind === 'any' ||
  contentType.startsWith(`${kind}/`) ||
  (kind === 'archive' && contentType === 'application/zip') ||
  // An animation is a picture to some loaders and a video to others.
  (kind === 'video' && ['image/gif', 'image/webp'].includes(contentType)) ||
  // Loaders of sounds take the track of a video.
  (kind === 'audio' && contentType.startsWith('video/'));

const EXTENSIONS: Readonly<Record<string, string>> = {
  ...{ 'image/jpeg': 'jpg', 'image/svg+xml': 'svg', 'video/quicktime': 'mov' },
  ...{ 'video/x-matroska': 'mkv', 'video/x-msvideo': 'avi', 'audio/mpeg': 'mp3' },
  ...{ 'audio/mp4': 'm4a', 'model/gltf-binary': 'glb' },
};

const extensionOf = (contentType: string): string =>
  EXTENSIONS[contentType] ?? contentType.split('/')[1] ?? 'bin';
