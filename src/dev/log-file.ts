import {
  copyFileSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  statSync,
  truncateSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** A log above this size moves aside, at every start and while it is written, so at most two of about this size exist. */
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

export interface LogLimit {
  /** Looks at every log now. */
  sweep(): void;
  close(): void;
}

/**
 * Keeps the logs of a folder small while they are written: once a minute one above the limit is copied to `<name>.1`
 * and emptied in place. Writers append, so they go on at its new end; lines of that very moment may be lost.
 */
export const limitLogs = (folder: string, limitBytes: number = ROTATE_BYTES): LogLimit => {
  const sweep = (): void => {
    const logs = readdirSync(folder).filter((name) => name.endsWith('.log'));
    for (const path of logs.map((name) => join(folder, name))) {
      if (sizeOf(path) <= limitBytes) continue;
      try {
        copyFileSync(path, `${path}.1`);
      } finally {
        // On a full disk the copy fails, and the room is needed all the more.
        truncateSync(path);
      }
    }
  };
  const timer = setInterval(sweep, 60_000).unref();
  return { sweep, close: () => clearInterval(timer) };
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
