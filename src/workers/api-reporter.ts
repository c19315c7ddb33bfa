import type { Config } from '../config.ts';
import { OrchestratorError } from '../errors.ts';
import type { FleetAnswer, FleetReporter } from '../ports.ts';

const TIMEOUT_MS = 5_000;

/** Sends reports to the API's `/internal` channel, for workers without a database. Throws `configuration` without API_URL and WORKER_KEY. */
export function createApiReporter(config: Pick<Config, 'API_URL' | 'WORKER_KEY'>): FleetReporter {
  const { API_URL, WORKER_KEY } = config;
  if (API_URL === undefined || WORKER_KEY === undefined)
    throw new OrchestratorError(
      'configuration',
      'A gpu worker needs DATABASE_URL, or API_URL and WORKER_KEY to report to the API (API_URL=http://localhost:3000).',
    );
  const send = async (
    method: 'PUT' | 'POST' | 'DELETE',
    path: string,
    body?: unknown,
  ): Promise<Response> => {
    const response = await fetch(new URL(path, API_URL), {
      method,
      headers: { 'content-type': 'application/json', authorization: `Bearer ${WORKER_KEY}` },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (response.ok) return response;
    await response.body?.cancel();
    throw new OrchestratorError(
      'unavailable',
      `The API answered ${response.status} to ${method} ${path}.`,
    );
  };
  return {
    async report({ serverId, ...report }) {
      const response = await send('PUT', `/internal/servers/${serverId}`, report);
      return (await response.json()) as FleetAnswer;
    },
    async reportDrawn({ serverId, ...drawn }) {
      const response = await send('POST', `/internal/servers/${serverId}/drawn`, drawn);
      await response.body?.cancel();
    },
    async leave({ serverId, workerId }) {
      const path = `/internal/servers/${serverId}/workers/${workerId}`;
      const response = await send('DELETE', path);
      await response.body?.cancel();
    },
  };
}
