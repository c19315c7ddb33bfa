/** `result` of jobs that need no server. */
import type { JobRow } from '../../db/job-row.ts';
import type { NamedBlob, Task } from '../../domain/task.ts';
import type { BlobSlot } from './blob-slot.ts';
import type { StatusOptions } from './status-options.ts';
import { wireDate } from './wire-time.ts';

/** The files that a task is about, as they are now: one that was deleted since is not available. */
export function taskSlots(row: JobRow, task: Task, options: StatusOptions): BlobSlot[] {
  const { taskResult: result, state } = row;
  if (!result || state !== 'succeeded')
    return 'key' in task && task.key !== undefined ? [{ blobKey: task.key, available: false }] : [];
  const isGone = task.operation === 'blobDelete' || task.operation === 'clearAssets';
  const ends = result.linkEndsAt === undefined ? undefined : new Date(result.linkEndsAt);
  const isUpload = task.operation === 'blobUpload';
  return result.blobs.map((blob) => ({
    blobKey: blob.key,
    ...(isGone ? { available: false } : stored(blob, isUpload ? undefined : ends, options)),
    ...(isUpload && ends && ends > options.now
      ? {
          blobUploadUrl: options.uploadUrl(row.id, ends),
          blobUploadUrlExpirationDate: wireDate(ends),
        }
      : {}),
  }));
}

function stored(
  { id }: NamedBlob,
  ends: Date | undefined,
  { taskBlobs, blobUrl, now }: StatusOptions,
): Omit<BlobSlot, 'blobKey'> {
  const blob = taskBlobs.get(id);
  if (!blob) return { available: false };
  const size = {
    ...(blob.width === null ? {} : { width: blob.width }),
    ...(blob.height === null ? {} : { height: blob.height }),
  };
  if (ends && ends <= now) return { available: true, ...size };
  const link = blobUrl(id, ends);
  return {
    available: true,
    blobUrl: link.url,
    blobUrlExpirationDate: wireDate(link.expiresAt),
    ...size,
  };
}
