import { z } from 'zod';
import type { FleetReporter, ProgressReporter } from '../ports.ts';
import type { ApiChannel } from '../storage/api-channel.ts';

const Answer = z.object({ changed: z.boolean(), wantsLists: z.boolean() });

/** Sends reports to the API's `/internal` channel, for workers without a database. */
export const createApiReporter = (
  channel: Pick<ApiChannel, 'call'>,
): FleetReporter & ProgressReporter => ({
  report: ({ serverId, ...report }) =>
    channel.call('PUT', `/internal/servers/${serverId}`, report, Answer),
  reportDrawn: ({ serverId, ...drawn }) =>
    channel.call('POST', `/internal/servers/${serverId}/drawn`, drawn),
  leave: ({ serverId, workerId }) =>
    channel.call('DELETE', `/internal/servers/${serverId}/workers/${workerId}`),
  reportProgress: ({ serverId, promptId, fraction, node, preview }) =>
    channel.call('PUT', `/internal/servers/${serverId}/progress`, {
      promptId,
      fraction,
      ...(node === undefined ? {} : { node }),
      ...(preview === undefined ? {} : { preview: Buffer.from(preview.bytes).toString('base64') }),
    }),
});
