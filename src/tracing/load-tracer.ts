import type { Config } from '../config.ts';
import type { Logger } from '../ports.ts';
import type { OtelTracer } from './otel-tracer.ts';

/** The tracer that is configured; without one not a line of OpenTelemetry is loaded. */
export async function loadTracer(
  config: Config,
  role: string,
  logger: Logger,
): Promise<OtelTracer | undefined> {
  const endpoint = config.OTEL_EXPORTER_OTLP_ENDPOINT;
  if (endpoint === undefined) return undefined;
  const { createOtelTracer } = await import('./otel-tracer.ts');
  return createOtelTracer({
    endpoint,
    headers: config.OTEL_EXPORTER_OTLP_HEADERS ?? {},
    share: config.OTEL_TRACES_SAMPLER_ARG,
    serviceName: config.OTEL_SERVICE_NAME,
    role,
    logger,
  });
}
