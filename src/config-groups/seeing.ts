import { pairs, port, share, text, url, type Variable } from './variable.ts';

/** Variables of the group Metrics and traces. */
export const SEEING_VARIABLES = {
  METRICS_PORT: {
    group: 'Metrics and traces',
    schema: port.optional(),
    about:
      'Port on which this process serves `/metrics` for Prometheus (none when not set; 0: any free one). Of `npm start` the API takes it and the workers the next',
    example: '9464',
  },
  METRICS_HOST: {
    group: 'Metrics and traces',
    schema: text.default('127.0.0.1'),
    about: 'Address it binds to; another than loopback needs METRICS_KEY or ALLOW_OPEN_BIND',
    example: '127.0.0.1',
  },
  METRICS_KEY: {
    group: 'Metrics and traces',
    schema: text.min(16, { message: 'expected at least 16 characters' }).optional(),
    about: 'Bearer that a scrape has to show',
    example: 'change-me-to-32-random-characters',
    secret: true,
  },
  OTEL_EXPORTER_OTLP_ENDPOINT: {
    group: 'Metrics and traces',
    schema: url('http', 'https').optional(),
    about: 'OpenTelemetry collector that traces are sent to, by OTLP over HTTP (none when not set)',
    example: 'http://localhost:4318',
  },
  OTEL_EXPORTER_OTLP_HEADERS: {
    group: 'Metrics and traces',
    schema: pairs.optional(),
    about: 'Headers for it: `name=value`, separated by commas, values URL-encoded',
    example: 'authorization=Bearer%20token',
    secret: true,
  },
  OTEL_TRACES_SAMPLER_ARG: {
    group: 'Metrics and traces',
    schema: share.default(1),
    about: 'Share of the traces that is sent; the flag of a traceparent does not decide',
    example: '0.1',
  },
  OTEL_SERVICE_NAME: {
    group: 'Metrics and traces',
    schema: text.default('civitai-orchestrator'),
    about: 'Name of the service in traces',
    example: 'pictures',
  },
} as const satisfies Record<string, Variable>;
