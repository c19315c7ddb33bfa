import { describe, expect, it } from 'vitest';
import { createApp } from '../app.ts';
import { createMetricsExporter } from '../../metrics/exporter.ts';
import { silentLogger } from '../../telemetry.ts';
import { createTestApi } from '../test-api.test-support.ts';

const ID = '37d9d863-7928-41c1-bc83-626c00995137';

describe('request metrics', () => {
  it('name the template of the route, never the path, a tenant or a query', async () => {
    const metrics = createMetricsExporter('api', silentLogger);
    const app = createApp({ ...createTestApi({ AUTH: 'keys' }).deps, metrics });
    const send = (method: string, path: string) => app.request(path, { method });
    await send('GET', '/health');
    await send('GET', `/v1/consumer/jobs/${ID}`);
    await send('PATCH', '/v1/consumer/jobs');
    await send('GET', '/v2/resources/urn:air:sd1:checkpoint:civitai:4384@128713?secret=x');
    await send('GET', `/nothing/${ID}`);
    const lines = (await metrics.render())
      .split('\n')
      .filter((line) => line.startsWith('orchestrator_http_request_seconds_count'));
    const labels = lines.map((line) => /\{(.*)\}/.exec(line)?.[1]);
    expect(labels.sort()).toEqual(
      [
        'method="GET",route="/health",status="200"',
        'method="GET",route="/v1/consumer/jobs/{jobId}",status="401"',
        'method="GET",route="/v2/resources/{air}",status="401"',
        'method="GET",route="none",status="404"',
        'method="PATCH",route="/v1/consumer/jobs",status="401"',
      ].sort(),
    );
  });
});
