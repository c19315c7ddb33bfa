import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rm, stat, unlink, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { identityOf, isSameProcess } from './process-identity.ts';
import type { ProcessIdentity } from './process-identity.ts';

/** A take-over lasts milliseconds; a guard this old belongs to a process that died in the middle of one. */
const GUARD_STALE_MS = 10_000;

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;

interface LockContent extends ProcessIdentity {
  readonly token: string;
}

export interface HeldLock {
  release(): Promise<void>;
}

export type LockAttempt =
  | { readonly held: true; readonly lock: HeldLock }
  | { readonly held: false; readonly holder: ProcessIdentity };

const readLock = async (path: string): Promise<LockContent | undefined> => {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as LockContent;
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
};

/** Creates the lock with its content in one step, so that nobody ever reads half of it. */
const createLock = async (path: string): Promise<HeldLock | undefined> => {
  const token = randomUUID();
  const draft = `${path}.${token}`;
  await writeFile(draft, JSON.stringify({ ...identityOf(process.pid), token }), { mode: 0o644 });
  try {
    await link(draft, path);
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return undefined;
    throw error;
  } finally {
    await unlink(draft);
  }
  const release = async (): Promise<void> => {
    // Somebody who wrongly took us for dead may hold it now; theirs stays.
    if ((await readLock(path))?.token === token) await rm(path, { force: true });
  };
  return { release };
};

/** Removes a dead process's lock. A directory is the guard: only one taker looks and removes at a time. */
const removeStale = async (path: string): Promise<void> => {
  const guard = `${path}.takeover`;
  try {
    await mkdir(guard);
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    const age = await stat(guard).then(
      (info) => Date.now() - info.mtimeMs,
      () => 0,
    );
    if (age > GUARD_STALE_MS) await rm(guard, { recursive: true, force: true });
    else await delay(20);
    return;
  }
  try {
    const content = await readLock(path);
    if (content === undefined || !isSameProcess(content)) await rm(path, { force: true });
  } finally {
    await rm(guard, { recursive: true, force: true });
  }
};

/** Takes the lock or says who holds it; the lock of a process that no longer runs is taken over. */
export const tryLock = async (path: string): Promise<LockAttempt> => {
  await mkdir(dirname(path), { recursive: true });
  for (;;) {
    const lock = await createLock(path);
    if (lock !== undefined) return { held: true, lock };
    const content = await readLock(path);
    if (content !== undefined && isSameProcess(content)) return { held: false, holder: content };
    await removeStale(path);
  }
};

export interface WaitForLockOptions {
  readonly signal: AbortSignal;
  /** Called at every look while another process holds the lock. */
  readonly onWait: (holder: ProcessIdentity) => void;
}

/** Waits until the lock is ours, looking four times a second. Throws the signal's reason when aborted. */
export const waitForLock = async (path: string, options: WaitForLockOptions): Promise<HeldLock> => {
  for (;;) {
    options.signal.throwIfAborted();
    const attempt = await tryLock(path);
    if (attempt.held) return attempt.lock;
    options.onWait(attempt.holder);
    await delay(250, undefined, { signal: options.signal });
  }
};
