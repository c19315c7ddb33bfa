/** `/v1/consumer/jobs` and the calls beside it, one file per operation. */
import { cancelEndpoints } from './cancel-jobs.ts';
import { consumptionEndpoint } from './consumption.ts';
import type { ApiDeps } from './deps.ts';
import type { Endpoint } from './endpoint.ts';
import { createJobAnswers } from './job-answers.ts';
import { queryEndpoint } from './query-jobs.ts';
import { readEndpoints } from './read-jobs.ts';
import { requestsEndpoint } from './requests.ts';
import { submitEndpoint } from './submit-jobs.ts';
import { taintEndpoints } from './taint-jobs.ts';

/** Endpoints of jobs. */
export function jobEndpoints(deps: ApiDeps): readonly Endpoint[] {
  const answers = createJobAnswers(deps);
  return [
    submitEndpoint(deps, answers),
    ...readEndpoints(deps, answers),
    queryEndpoint(deps, answers),
    ...taintEndpoints(deps, answers),
    ...cancelEndpoints(deps, answers),
    consumptionEndpoint(deps),
    requestsEndpoint(deps, answers),
  ];
}
