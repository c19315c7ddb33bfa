/** Work that needs no server: a cpu worker does it. Pure; imported by workflows. */
import type { Generation } from './generation.ts';

/** Where a copy goes: an address that takes a PUT, or a file of the tenant under that key. */
export type CopyDestination = { readonly url: string } | { readonly key: string };

export type Task =
  | {
      readonly operation: 'blobGet';
      readonly key: string;
      /** How long the link lives, from the moment it is made; absent: links are made anew with every read. */
      readonly linkMs?: number;
    }
  | {
      readonly operation: 'blobUpload';
      /** Absent: a new one. */
      readonly key?: string;
      readonly replace: boolean;
      readonly linkMs?: number;
    }
  | { readonly operation: 'blobPin' | 'blobUnpin' | 'blobDelete'; readonly key: string }
  | {
      readonly operation: 'copyAsset';
      readonly ofJob: string;
      /** `blobKey` or number of one of its outputs; absent: the only one. */
      readonly asset?: string;
      readonly destination: CopyDestination;
    }
  | { readonly operation: 'clearAssets'; readonly ofJob: string }
  /** Says which servers have the file of a model (AIR). */
  | { readonly operation: 'prepareModel'; readonly model: string };

/** What a job does: a server draws it, or it is a task. */
export type JobWork = Generation | Task;

const OPERATIONS: Readonly<Record<Task['operation'], true>> = {
  ...{ blobGet: true, blobUpload: true, blobPin: true, blobUnpin: true, blobDelete: true },
  ...{ copyAsset: true, clearAssets: true, prepareModel: true },
};

export const isTask = (work: JobWork): work is Task => work.operation in OPERATIONS;

/** Whether files come of it, which count for what the tenant stores. */
export const storesFiles = (work: JobWork): boolean =>
  !isTask(work) ||
  work.operation === 'blobUpload' ||
  (work.operation === 'copyAsset' && 'key' in work.destination);

/** A file as its tenant calls it, and its public id. */
export interface NamedBlob {
  readonly key: string;
  readonly id: string;
}

/** What a task has done; the same for every try of it. Links are not in it: they are made when it is read. */
export interface TaskResult {
  readonly blobs: readonly NamedBlob[];
  /** ISO time at which the link that was asked for ends. */
  readonly linkEndsAt?: string;
  /** Servers that have the model. */
  readonly servers?: readonly string[];
}

/** In the row of a job that needs no server, where others name their pool; no pool can be called that. */
export const NO_POOL = '-';
/** The same for its ecosystem. */
export const NO_ECOSYSTEM = 'none';
