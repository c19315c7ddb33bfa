/** From what a v1 request asks for to the domain's submissions. */
import type { JobSubmission, SubmissionNeeds } from '../../client/verbs.ts';
import type { CommonRequest } from './job-types/common-fields.ts';
import type { AskedJob, MakeContext } from './job-types/job-type.ts';
import { priorityLevel } from './priority.ts';
import { timeSpanMs } from './time-span.ts';

/** One submission per job of a request. */
export const toSubmissions = (
  asked: AskedJob,
  needs: SubmissionNeeds | undefined,
  context: MakeContext,
): JobSubmission[] =>
  Array.from({ length: asked.count }, (_, index) => {
    const { common } = asked;
    const timeoutMs = timeSpanMs(common.timeout);
    const { generation, ecosystem, cost, request, graph } = asked.make(index, context);
    return {
      type: asked.type,
      jobClass: asked.jobClass,
      ecosystem,
      priority: priorityLevel(common.priority),
      cost,
      request: {
        ...request,
        ...(typeof common.callbackUrl === 'string' ? { callbackUrl: common.callbackUrl } : {}),
        ...(typeof common.name === 'string' ? { name: common.name } : {}),
        ...(Array.isArray(common.dependencies) && common.dependencies.length > 0
          ? { dependencies: common.dependencies }
          : {}),
        ...(common.providers ? { providers: common.providers } : {}),
      },
      generation,
      ...callbackOf(common),
      ...(graph ? { graph } : {}),
      properties: common.properties ?? {},
      ...(typeof common.expireAt === 'string' ? { expireAt: new Date(common.expireAt) } : {}),
      ...(typeof common.retries === 'number' ? { maxAttempts: common.retries + 1 } : {}),
      ...(needs && needs.positions.length + needs.jobIds.length > 0 ? { needs } : {}),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    };
  });

function callbackOf({
  callbackUrl: url,
  callbackEvents,
}: CommonRequest): Pick<JobSubmission, 'callback'> {
  if (typeof url !== 'string') return {};
  return { callback: { url, ...(callbackEvents ? { events: callbackEvents } : {}) } };
}
