import { mkdirSync, openSync, renameSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';

/** At every start a log above this size moves aside, so at most two of about this size exist. */
const ROTATE_BYTES = 16 * 1024 * 1024;
const TAIL_BYTES = 8 * 1024;

export interface OpenLog {
  readonly fd: number;
  /** Bytes that were in the file before. */
  readonly offset: number;
}

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

/** Opens a log for appending; the caller closes it. A log above 16 MB becomes `<path>.1` first. */
export const openLogFile = (path: string): OpenLog => {
  mkdirSync(dirname(path), { recursive: true });
  if (sizeOf(path) > ROTATE_BYTES) renameSync(path, `${path}.1`);
  return { offset: sizeOf(path), fd: openSync(path, 'a', 0o600) };
};

/** The last lines that were written after `offset`, or an empty string. */
export const readLogTail = async (path: string, offset: number, lines = 12): Promise<string> => {
  const file = await open(path, 'r').catch(() => undefined);
  if (file === undefined) return '';
  try {
    const { size } = await file.stat();
    const start = Math.max(offset, size - TAIL_BYTES);
    if (size <= start) return '';
    const { buffer, bytesRead } = await file.read(
      Buffer.alloc(size - start),
      0,
      size - start,
      start,
    );
    return buffer.toString('utf8', 0, bytesRead).trim().split('\n').slice(-lines).join('\n');
  } finally {
    await file.close();
  }
};
