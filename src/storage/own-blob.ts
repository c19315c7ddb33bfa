import type { BlobRecord, BlobRecords } from '../db/blobs.ts';
import { blobIdsOf } from './upload-keys.ts';

/** A tenant's file by its public id or by a name of the tenant's own; another tenant's is as unknown. */
export async function findOwnBlob(
  blobs: Pick<BlobRecords, 'listBlobs'>,
  tenant: string,
  key: string,
): Promise<BlobRecord | undefined> {
  const ids = blobIdsOf(tenant, key);
  const found = await blobs.listBlobs(tenant, ids);
  return ids.map((id) => found.get(id)).find((blob) => blob !== undefined);
}
