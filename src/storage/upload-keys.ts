/** Names of files that clients bring along, or name themselves. */
import { derivedId } from './keys.ts';

/** Public id of a file that its tenant named: the same name is another file for another tenant. */
export const namedBlobId = (tenant: string, name: string): string =>
  derivedId('named', tenant, name);

/** Public id of what is uploaded through a job that names no key. */
export const uploadedBlobId = (jobId: string): string => derivedId('upload', jobId.toLowerCase());

/** Ids that a file of this tenant may have under this key: its public id, or that of a name of its own. */
export const blobIdsOf = (tenant: string, key: string): readonly string[] => [
  key,
  namedBlobId(tenant, key),
];

/** Where such a file lies; `unique` tells it from every other, also from one that it replaces. */
export const uploadStorageKey = (unique: string): string => {
  const id = derivedId('upload bytes', unique);
  return `uploads/${id.slice(0, 2)}/${id}`;
};
