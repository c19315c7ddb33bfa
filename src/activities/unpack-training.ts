import { posix } from 'node:path';
import { Readable } from 'node:stream';
import type { BlobRef } from '../domain/job.ts';
import { messageOf, OrchestratorError } from '../errors.ts';
import { inputIdFor, inputKeyFor } from '../storage/keys.ts';
import { listZip, readZip, type ZipEntry } from '../storage/zip-archive.ts';
import type { FetchInputsDeps, InputOwner, StoredInput } from './fetch-inputs.ts';
import { inspectFile } from './output-inspector.ts';

/** A server holds all of them in memory. */
const MOST_PICTURES = 100;
const MOST_ENTRIES = 2_000;
const MOST_CAPTION_BYTES = 64 * 1024;
/** Of all pictures, unpacked. */
const MOST_BYTES = 512 * 1024 * 1024;

/** A picture in the blob store, and what it shows. */
export interface TrainingPicture extends StoredInput {
  readonly caption: string;
}

/**
 * Brings the pictures of a stored archive into the blob store, in the order of their names; a repetition replaces them.
 * Throws `input_invalid` for what is no archive of pictures, and what the store throws.
 */
export async function unpackTraining(
  { storage, blobs, maxInputBytes, blobRetentionDays }: FetchInputsDeps,
  owner: InputOwner,
  archive: BlobRef,
): Promise<readonly TrainingPicture[]> {
  const stream = await storage.open(archive.ref);
  if (!stream) throw new OrchestratorError('internal', `${archive.ref} is not in the blob store.`);
  const zip = await wholeOf(stream);
  const pictures: TrainingPicture[] = [];
  let left = MOST_BYTES;
  for (const { picture, caption } of pairsIn(zip)) {
    const role = `data-${pictures.length}`;
    const bytes = unpacked(zip, picture, Math.min(left, maxInputBytes));
    left -= bytes.length;
    const { contentType, width, height } = checked(picture.name, bytes);
    const ref = inputKeyFor(owner.jobId, role);
    const { sha256 } = await storage.put(ref, Readable.from([bytes]));
    await blobs.putBlobs([
      {
        ...{ id: inputIdFor(owner.jobId, role), tenant: owner.tenant, jobId: owner.jobId },
        ...{ storageKey: ref, contentType, bytes: bytes.length, sha256 },
        ...{ width: width ?? null, height: height ?? null },
        expiresAt: new Date(Date.now() + blobRetentionDays * 86_400_000),
      },
    ]);
    pictures.push({
      role,
      blob: { ref, sha256, bytes: bytes.length },
      extension: contentType === 'image/jpeg' ? 'jpg' : (contentType.split('/')[1] ?? 'png'),
      caption: caption ? unpacked(zip, caption, MOST_CAPTION_BYTES).toString('utf8').trim() : '',
    });
  }
  return pictures;
}

async function wholeOf(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

interface Pair {
  readonly picture: ZipEntry;
  readonly caption: ZipEntry | undefined;
}

/** Pictures with the text file that has their name. Files of macOS and of Windows beside them are no pictures. */
function pairsIn(zip: Buffer): readonly Pair[] {
  const entries = attempt(() => listZip(zip), 'is no zip archive that can be read').filter(
    ({ name }) => !/(^|\/)(__MACOSX\/|\.)/.test(name),
  );
  const captions = new Map(
    entries.flatMap((entry) => (/\.txt$/i.test(entry.name) ? [[stem(entry.name), entry]] : [])),
  );
  const pictures = entries
    .filter(({ name }) => /\.(png|jpe?g|webp)$/i.test(name))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  if (entries.length > MOST_ENTRIES || pictures.length > MOST_PICTURES || pictures.length === 0)
    throw invalid(
      `has ${entries.length} files and ${pictures.length} pictures (PNG, JPEG or WebP); 1 to ${MOST_PICTURES} pictures are taken`,
    );
  return pictures.map((picture) => ({ picture, caption: captions.get(stem(picture.name)) }));
}

const stem = (name: string): string =>
  name.slice(0, name.length - posix.extname(name).length).toLowerCase();

const unpacked = (zip: Buffer, entry: ZipEntry, maxBytes: number): Buffer =>
  attempt(
    () => readZip(zip, entry, maxBytes),
    `has ${shownName(entry.name)}, which cannot be unpacked`,
  );

const checked = (name: string, bytes: Buffer) => {
  const seen = attempt(
    () => inspectFile(name, bytes),
    `has ${shownName(name)}, which is no picture`,
  );
  if (!seen.contentType.startsWith('image/'))
    throw invalid(`has ${shownName(name)}, which is ${seen.contentType}`);
  return seen;
};

const shownName = (name: string): string => JSON.stringify(name.slice(0, 100));

function attempt<T>(run: () => T, what: string): T {
  try {
    return run();
  } catch (error) {
    throw invalid(`${what}: ${messageOf(error)}`);
  }
}

const invalid = (why: string): OrchestratorError =>
  new OrchestratorError('input_invalid', `The training data ${why}.`);
