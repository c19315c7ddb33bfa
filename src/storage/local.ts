/** Blobs in a folder of this machine. */
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, type Dirent } from 'node:fs';
import { mkdir, open, opendir, readdir, rename, rm, stat, statfs } from 'node:fs/promises';
import { dirname, join, posix, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { OrchestratorError } from '../errors.ts';
import type { BlobStat, BlobStore, StoredBytes } from '../ports.ts';

/** Unfinished files; on the same file system as the rest, so that a rename is atomic. */
const UNFINISHED = '.unfinished';
/** No write takes this long, so its process is gone. */
const UNFINISHED_AGE_MS = 24 * 3_600_000;
const SEGMENT = /^[A-Za-z0-9._-]{1,200}$/;
const FULL = new Set(['ENOSPC', 'EDQUOT']);

/** Throws `invalid_request` unless every segment is a plain name. */
function checkKey(key: string): string {
  const segments = key.split('/');
  const isPlain = segments.every((part) => SEGMENT.test(part) && part !== '.' && part !== '..');
  if (isPlain && key.length <= 1000 && segments[0] !== UNFINISHED) return key;
  throw new OrchestratorError(
    'invalid_request',
    `Storage key ${JSON.stringify(key.slice(0, 80))} is not usable. Keys are relative paths of letters, digits, '.', '_' and '-'.`,
  );
}

const codeOf = (error: unknown): unknown => (error as { code?: unknown } | undefined)?.code;

/** Blob store in the folder at `path`, which is made when it is first written to. */
export function createLocalStore(path: string): BlobStore {
  const folder = resolve(path);
  let isTidied = false;
  const pathOf = (key: string): string => join(folder, ...checkKey(key).split('/'));

  return {
    async put(key, source) {
      const path = pathOf(key);
      const temporary = join(folder, UNFINISHED, randomUUID());
      // A source that fails before it is read would end the process; the reading reports it all the same.
      if (source instanceof Readable) source.on('error', () => undefined);
      try {
        if (!isTidied) {
          isTidied = true;
          await removeUnfinished(folder);
        }
        const stored = await writeDurably(temporary, source);
        await moveDurably(folder, temporary, path);
        return stored;
      } catch (error) {
        if (source instanceof Readable) source.destroy();
        await rm(temporary, { force: true });
        throw FULL.has(String(codeOf(error))) ? fullError(folder, error) : error;
      }
    },

    async open(key, range) {
      const path = pathOf(key);
      try {
        const file = await open(path, 'r');
        return createReadStream(path, {
          fd: file,
          ...(range ? { start: range.start, end: range.end } : {}),
        });
      } catch (error) {
        if (isAbsent(error)) return undefined;
        throw error;
      }
    },

    stat: (key) => statFile(pathOf(key), key),

    async delete(key) {
      await rm(pathOf(key), { force: true });
    },

    list: () => listFiles(folder, ''),

    async freeBytes() {
      try {
        const { bavail, bsize } = await statfs(folder);
        return bavail * bsize;
      } catch (error) {
        if (!isAbsent(error)) throw error;
        await mkdir(folder, { recursive: true });
        const { bavail, bsize } = await statfs(folder);
        return bavail * bsize;
      }
    },
  };
}

/** What `work` gives, with the first folder that had to be made for it: most are there, and looking costs as much. */
async function inFolder<T>(
  folder: string,
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly made: string | undefined }> {
  try {
    return { result: await work(), made: undefined };
  } catch (error) {
    if (!isAbsent(error)) throw error;
    const made = await mkdir(folder, { recursive: true });
    return { result: await work(), made };
  }
}

async function writeDurably(path: string, source: Readable | Uint8Array): Promise<StoredBytes> {
  const hash = createHash('sha256');
  let bytes = 0;
  const { result: file } = await inFolder(dirname(path), () => open(path, 'wx'));
  try {
    const chunks = source instanceof Uint8Array ? [source] : source;
    for await (const chunk of chunks as AsyncIterable<Uint8Array> | Iterable<Uint8Array>) {
      hash.update(chunk);
      bytes += chunk.length;
      await file.writeFile(chunk);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  return { bytes, sha256: hash.digest('hex') };
}

async function moveDurably(folder: string, from: string, to: string): Promise<void> {
  const parent = dirname(to);
  const { made } = await inFolder(parent, () => rename(from, to));
  await syncFolder(parent);
  if (made === undefined) return;
  // Each new folder is an entry of the one above it.
  for (let above = parent; above !== folder; await syncFolder(above)) above = dirname(above);
}

async function syncFolder(path: string): Promise<void> {
  // Windows cannot open a folder for this and needs no such call.
  if (process.platform === 'win32') return;
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function statFile(path: string, key: string): Promise<BlobStat | undefined> {
  try {
    const found = await stat(path);
    return found.isFile() ? { key, bytes: found.size, modifiedAt: found.mtime } : undefined;
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

/** Lists one folder at a time, so a store of any size is walked in little memory. */
async function* listFiles(folder: string, below: string): AsyncIterable<BlobStat> {
  const folders: string[] = [];
  for await (const entry of entriesOf(join(folder, below))) {
    const key = posix.join(below, entry.name);
    if (key === UNFINISHED) continue;
    if (entry.isDirectory()) folders.push(key);
    else if (entry.isFile()) {
      const found = await statFile(join(folder, key), key);
      if (found) yield found;
    }
  }
  for (const key of folders) yield* listFiles(folder, key);
}

async function* entriesOf(path: string): AsyncIterable<Dirent> {
  try {
    for await (const entry of await opendir(path)) yield entry;
  } catch (error) {
    if (!isAbsent(error)) throw error;
  }
}

const isAbsent = (error: unknown): boolean =>
  codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR';

const fullError = (folder: string, cause: unknown): OrchestratorError =>
  new OrchestratorError(
    'storage_full',
    `The disk of the blob folder '${folder}' is full. Free space there, shorten BLOB_RETENTION_DAYS, or set BLOB_DIR to another disk.`,
    { retryable: true, retryAfterSeconds: 60, cause },
  );

/** Removes files that a killed process left half-written. */
async function removeUnfinished(folder: string): Promise<void> {
  const path = join(folder, UNFINISHED);
  const names = await readdir(path).catch((error: unknown) => {
    if (isAbsent(error)) return [];
    throw error;
  });
  for (const name of names) {
    const found = await statFile(join(path, name), name);
    if (found && Date.now() - found.modifiedAt.getTime() > UNFINISHED_AGE_MS)
      await rm(join(path, name), { force: true });
  }
}
