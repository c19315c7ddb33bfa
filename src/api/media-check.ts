/** Checks the input files of a request before anything is accepted. */
import { formatPath, shown } from '../contract/field-errors.ts';
import { blobKeyOfLink } from '../domain/generation-inputs.ts';
import { faultsError, type ParsedJob } from '../contract/v1/parse-jobs.ts';
import type { BlobRecords } from '../db/blobs.ts';
import type { Outgoing } from '../net/outgoing.ts';
import { findOwnBlob } from '../storage/own-blob.ts';
import { createUrlCheck, type NamedUrl, type UrlFault } from './url-check.ts';

export interface MediaCheckDeps {
  readonly outgoing: Pick<Outgoing, 'check' | 'checkAddresses'>;
  readonly blobs: Pick<BlobRecords, 'listBlobs'>;
}

interface NamedBlob {
  readonly path: string;
  readonly blobKey: string;
}

/** URLs must lead to where connections may go, stored files must be the tenant's. Throws naming all that are not. */
export function createMediaCheck({ outgoing, blobs }: MediaCheckDeps) {
  const urlFaults = createUrlCheck(outgoing);

  const blobFaults = async (tenant: string, uses: readonly NamedBlob[]): Promise<UrlFault[]> => {
    const owned = new Map<string, boolean>();
    for (const { blobKey } of uses) {
      if (owned.has(blobKey)) continue;
      owned.set(blobKey, (await findOwnBlob(blobs, tenant, blobKey)) !== undefined);
    }
    return uses
      .filter(({ blobKey }) => owned.get(blobKey) === false)
      .map(({ path, blobKey }) => ({
        code: 'invalid_request',
        path,
        message: `${shown(blobKey)} is no stored file of yours, or its retention has ended`,
      }));
  };

  return async (tenant: string, jobs: readonly ParsedJob[]): Promise<void> => {
    const urls: NamedUrl[] = [];
    const keys: NamedBlob[] = [];
    for (const { path, asked, needs } of jobs) {
      const waits = needs.entries.length + needs.jobs.length > 0;
      for (const { source, path: inner } of asked.media ?? []) {
        const place = formatPath([...path, ...inner]);
        if ('url' in source) {
          const own = blobKeyOfLink(source.url);
          if (own === undefined || !(await findOwnBlob(blobs, tenant, own)))
            urls.push({ path: place, url: source.url });
        }
        // What another job makes, or what is uploaded meanwhile, need not be there yet.
        else if (!waits) keys.push({ path: place, blobKey: source.blobKey });
      }
    }
    const faults = [...(await urlFaults(urls)), ...(await blobFaults(tenant, keys))];
    if (faults.length > 0) throw faultsError(faults);
  };
}
