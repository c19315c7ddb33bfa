import type { BlobRecord } from '../db/blobs.ts';
import type { ApiDeps } from './deps.ts';

/** Records of files in memory; nothing is uploaded here. */
export const memoryBlobs = (
  all: ReadonlyMap<string, BlobRecord>,
): Pick<ApiDeps, 'blobs' | 'uploads'> => ({
  blobs: {
    findBlob: async (id) => {
      const blob = all.get(id);
      return blob && { isTainted: false, ...blob };
    },
    listBlobs: async (tenant, ids) =>
      new Map([...all].filter(([id, blob]) => ids.includes(id) && blob.tenant === tenant)),
  },
  uploads: { findUpload: async () => undefined, keepFile: async () => [] },
});
