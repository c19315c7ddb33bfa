import { describe, expect, it } from 'vitest';
import { METRICS } from '../domain/metric-catalogue.ts';
import { silentLogger } from '../telemetry.ts';
import { createMetricsExporter } from './exporter.ts';

const create = () => createMetricsExporter('api', silentLogger);

describe('metrics', () => {
  it('are shown in the text format with help and type, and with those of Node.js', async () => {
    const metrics = create();
    metrics.count('jobsAccepted', { type: 'textToImage' }, 3);
    metrics.observe('claimWait', { pool: 'default' }, 0.2);
    const text = await metrics.render();
    expect(text).toContain('# TYPE orchestrator_jobs_accepted_total counter');
    expect(text).toContain('orchestrator_jobs_accepted_total{type="textToImage"} 3');
    expect(text).toContain('orchestrator_claim_wait_seconds_bucket{le="0.25",pool="default"} 1');
    expect(text).toContain('orchestrator_info{role="api"} 1');
    expect(text).toMatch(/^nodejs_eventloop_lag_p99_seconds /m);
    expect(text).toMatch(/^process_resident_memory_bytes /m);
  });

  it('have names with their unit, and no label that could hold an id', () => {
    for (const { name, kind, labels, help } of Object.values(METRICS)) {
      expect(name).toMatch(/^orchestrator_[a-z_]+$/);
      expect(name.endsWith('_total'), name).toBe(kind === 'counter');
      expect(help, name).toMatch(/[.]$/);
      for (const label of labels) expect(label).not.toMatch(/job|tenant|trace|prompt|path|url|key/);
    }
  });

  it('no longer show a gauge that its source no longer tells', async () => {
    const answers = [['a', 'b'], ['b']];
    let now = 0;
    const exporter = createMetricsExporter('api', silentLogger, () => now);
    exporter.addSource('servers', async () =>
      (answers.shift() ?? []).map((server) => ({
        metric: 'serverUp' as const,
        labels: { server, pool: 'p' },
        value: 1,
      })),
    );
    expect(await exporter.render()).toContain('orchestrator_server_up{server="a",pool="p"} 1');
    now += 5_000;
    const later = await exporter.render();
    expect(later).not.toContain('server="a"');
    expect(later).toContain('orchestrator_server_up{server="b",pool="p"} 1');
  });

  it('read a source once for scrapes within five seconds', async () => {
    let now = 0;
    let reads = 0;
    const exporter = createMetricsExporter('api', silentLogger, () => now);
    exporter.addSource('x', async () => {
      reads += 1;
      return [];
    });
    await Promise.all([exporter.render(), exporter.render()]);
    now += 4_999;
    await exporter.render();
    expect(reads).toBe(1);
    now += 1;
    await exporter.render();
    expect(reads).toBe(2);
  });

  it('are shown without a source that fails, and name it', async () => {
    const exporter = create();
    exporter.addSource('database', () => Promise.reject(new Error('away')));
    exporter.addText('sdk', () => Promise.reject(new Error('away')));
    exporter.addText('other', () => Promise.resolve('temporal_x 1\n'));
    const text = await exporter.render();
    expect(text).toContain('orchestrator_metrics_source_up{source="database"} 0');
    expect(text).toContain('temporal_x 1');
  });
});
