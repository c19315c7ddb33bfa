import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import { METRICS, type GaugeReading, type MetricKey } from '../domain/metric-catalogue.ts';
import { messageOf } from '../errors.ts';
import type { Logger, Metrics } from '../ports.ts';
import { createGaugeSources } from './gauge-sources.ts';

export interface MetricsExporter extends Metrics {
  /** Appends metrics that are kept elsewhere, in the text format; a failed read leaves them out. */
  addText(name: string, read: () => Promise<string>): void;
  /** Everything in the Prometheus text format. */
  render(): Promise<string>;
}

export const METRICS_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;

/** Keeps the metrics of one process, with those of Node.js itself. */
export function createMetricsExporter(
  role: string,
  logger: Logger,
  now: () => number = Date.now,
): MetricsExporter {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const kept = new Map<MetricKey, Counter | Gauge | Histogram>();
  for (const key of Object.keys(METRICS) as MetricKey[]) kept.set(key, create(key, registry));
  const gauges = (Object.keys(METRICS) as MetricKey[]).flatMap((key) => {
    const metric = kept.get(key);
    return metric instanceof Gauge ? [[key, metric] as const] : [];
  });
  const sources = createGaugeSources(logger, now);
  const texts = new Map<string, () => Promise<string>>();

  const info: GaugeReading = { metric: 'info', labels: { role }, value: 1 };
  const setGauges = (readings: readonly GaugeReading[]): void => {
    // What is no longer said, such as a server that was removed, is no longer shown.
    for (const [key, gauge] of gauges)
      if (METRICS[key].labels.length > 0) gauge.reset();
      // Without labels a reset would leave a zero.
      else gauge.remove();
    for (const { metric, labels, value } of readings)
      (kept.get(metric) as Gauge).set(labels, value);
  };

  const renderNow = async (): Promise<string> => {
    const [readings, ...appended] = await Promise.all([
      sources.read(),
      ...[...texts].map(([name, read]) =>
        read().catch((error: unknown) => {
          logger.debug({ source: name, error: messageOf(error) }, 'metrics source not read');
          return '';
        }),
      ),
    ]);
    setGauges([...readings, info]);
    return [await registry.metrics(), ...appended].join('\n');
  };
  let rendering: Promise<string> | undefined;

  return {
    count: (metric, labels, by = 1) => (kept.get(metric) as Counter).inc(labels, by),
    observe: (metric, labels, value) => (kept.get(metric) as Histogram).observe(labels, value),
    addSource: (name, read) => sources.add(name, read),
    addText: (name, read) => void texts.set(name, read),
    // Scrapes at the same time share one.
    render: () => (rendering ??= renderNow().finally(() => (rendering = undefined))),
  };
}

function create(key: MetricKey, registry: Registry): Counter | Gauge | Histogram {
  const { kind, name, help, labels: labelNames } = METRICS[key];
  const options = { name, help, labelNames, registers: [registry] };
  switch (kind) {
    case 'counter':
      return new Counter(options);
    case 'gauge':
      return new Gauge(options);
    case 'histogram':
      return new Histogram({ ...options, buckets: [...METRICS[key].buckets] });
  }
}
