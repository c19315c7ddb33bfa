/** Checks the addresses that a request wants to be called back at before anything is accepted. */
import { formatPath } from '../contract/field-errors.ts';
import { faultsError, type ParsedJob } from '../contract/v1/parse-jobs.ts';
import type { Outgoing } from '../net/outgoing.ts';
import { createUrlCheck, type NamedUrl, type UrlFault } from './url-check.ts';

/** Addresses must be ones that connections may go to. Throws `url_refused` or `invalid_request` naming all that are not. */
export function createCallbackCheck(outgoing: Pick<Outgoing, 'check' | 'checkAddresses'>) {
  const urlFaults = createUrlCheck(outgoing);
  return async (jobs: readonly ParsedJob[]): Promise<void> => {
    const urls: NamedUrl[] = [];
    const faults: UrlFault[] = [];
    for (const { path, asked } of jobs) {
      const { callbackUrl: url, callbackEvents } = asked.common;
      if (typeof url === 'string') urls.push({ path: formatPath([...path, 'callbackUrl']), url });
      else if (callbackEvents)
        faults.push({
          code: 'invalid_request',
          path: formatPath([...path, 'callbackEvents']),
          message: 'names events, but callbackUrl, which they are sent to, is missing',
        });
    }
    faults.push(...(await urlFaults(urls)));
    if (faults.length > 0) throw faultsError(faults);
  };
}
