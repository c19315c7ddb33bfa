import { text, url, flag, whole, port, type Variable } from './variable.ts';

/** Variables of the groups Database, Temporal. */
export const ENGINES_VARIABLES = {
  DATABASE_URL: {
    group: 'Database',
    schema: url('postgres', 'postgresql').optional(),
    about: 'PostgreSQL to use (default: an embedded one in DATA_DIR)',
    example: 'postgres://user:password@localhost:5432/orchestrator',
    secret: true,
  },
  DATABASE_POOL: {
    group: 'Database',
    schema: whole(1, 200).default(10),
    about: 'Most connections a process opens',
    example: '10',
  },
  POSTGRES_PORT: {
    group: 'Database',
    schema: port.optional(),
    about: 'Port of the embedded PostgreSQL (5433, or the next free one)',
    example: '5433',
  },
  TEMPORAL_ADDRESS: {
    group: 'Temporal',
    schema: text.optional(),
    about: 'Temporal server to use (default: a dev server of our own)',
    example: 'localhost:7233',
  },
  TEMPORAL_NAMESPACE: {
    group: 'Temporal',
    schema: text.default('default'),
    about: 'Namespace',
    example: 'default',
  },
  TEMPORAL_API_KEY: {
    group: 'Temporal',
    schema: text.optional(),
    about: 'API key, for Temporal Cloud',
    example: 'key',
    secret: true,
  },
  TEMPORAL_TLS: {
    group: 'Temporal',
    schema: flag.optional(),
    about: 'Use TLS (on by itself when a key or certificate is set)',
    example: 'true',
  },
  TEMPORAL_TLS_CLIENT_CERT_PATH: {
    group: 'Temporal',
    schema: text.optional(),
    about: 'Client certificate file (PEM)',
    example: '/etc/temporal/client.pem',
  },
  TEMPORAL_TLS_CLIENT_KEY_PATH: {
    group: 'Temporal',
    schema: text.optional(),
    about: 'Client key file (PEM)',
    example: '/etc/temporal/client.key',
  },
  TEMPORAL_TLS_SERVER_CA_CERT_PATH: {
    group: 'Temporal',
    schema: text.optional(),
    about: 'CA certificate file of the server (PEM)',
    example: '/etc/temporal/ca.pem',
  },
  TEMPORAL_TLS_SERVER_NAME: {
    group: 'Temporal',
    schema: text.optional(),
    about: 'Server name to expect in the certificate',
    example: 'temporal.example.org',
  },
  TEMPORAL_PORT: {
    group: 'Temporal',
    schema: port.optional(),
    about: 'Port of the dev server (7233, or the next free one)',
    example: '7233',
  },
  TEMPORAL_UI_PORT: {
    group: 'Temporal',
    schema: port.optional(),
    about: 'Port of its Web UI (8233, or the next free one)',
    example: '8233',
  },
  TEMPORAL_UI_URL: {
    group: 'Temporal',
    schema: url('http', 'https').optional(),
    about: 'Web UI of the server behind TEMPORAL_ADDRESS, for the links shown',
    example: 'http://localhost:8080',
  },
  TEMPORAL_CLI_PATH: {
    group: 'Temporal',
    schema: text.optional(),
    about: 'The `temporal` binary to run as dev server',
    example: '/usr/local/bin/temporal',
  },
  TEMPORAL_CLI_DOWNLOAD_BASE: {
    group: 'Temporal',
    schema: url('http', 'https').optional(),
    about: 'Where release archives of the `temporal` CLI are downloaded from',
    example: 'https://mirror.example.org/temporal/v1.5.1/',
  },
} as const satisfies Record<string, Variable>;
