import { readFileSync } from 'node:fs';
import {
  Client,
  Connection,
  isGrpcServiceError,
  WorkflowNotFoundError,
  type TLSConfig,
} from '@temporalio/client';
import type { Config } from '../config.ts';
import { OrchestratorError } from '../errors.ts';

export type TemporalConfig = Pick<
  Config,
  | 'TEMPORAL_NAMESPACE'
  | 'TEMPORAL_API_KEY'
  | 'TEMPORAL_TLS'
  | 'TEMPORAL_TLS_CLIENT_CERT_PATH'
  | 'TEMPORAL_TLS_CLIENT_KEY_PATH'
  | 'TEMPORAL_TLS_SERVER_CA_CERT_PATH'
  | 'TEMPORAL_TLS_SERVER_NAME'
> & { readonly TEMPORAL_ADDRESS: string };

interface SharedConnectionOptions {
  readonly address: string;
  readonly apiKey?: string;
  readonly tls?: TLSConfig;
}

/** What client and worker connections share. Throws `configuration` for an unreadable certificate file. */
export function connectionOptions(config: TemporalConfig): SharedConnectionOptions {
  const cert = readPem('TEMPORAL_TLS_CLIENT_CERT_PATH', config.TEMPORAL_TLS_CLIENT_CERT_PATH);
  const key = readPem('TEMPORAL_TLS_CLIENT_KEY_PATH', config.TEMPORAL_TLS_CLIENT_KEY_PATH);
  const ca = readPem('TEMPORAL_TLS_SERVER_CA_CERT_PATH', config.TEMPORAL_TLS_SERVER_CA_CERT_PATH);
  const wanted = config.TEMPORAL_TLS ?? Boolean(cert ?? ca ?? config.TEMPORAL_API_KEY);
  return {
    address: config.TEMPORAL_ADDRESS,
    ...(config.TEMPORAL_API_KEY ? { apiKey: config.TEMPORAL_API_KEY } : {}),
    ...(wanted
      ? {
          tls: {
            ...(cert && key ? { clientCertPair: { crt: cert, key } } : {}),
            ...(ca ? { serverRootCACertificate: ca } : {}),
            ...(config.TEMPORAL_TLS_SERVER_NAME
              ? { serverNameOverride: config.TEMPORAL_TLS_SERVER_NAME }
              : {}),
          },
        }
      : {}),
  };
}

function readPem(name: string, path: string | undefined): Buffer | undefined {
  if (path === undefined) return undefined;
  try {
    return readFileSync(path);
  } catch (error) {
    throw new OrchestratorError(
      'configuration',
      `${name}: '${path}' cannot be read. Give the path of a PEM file.`,
      { cause: error },
    );
  }
}

/** A client whose connection opens with the first call, so that a process starts before Temporal does. */
export function connectTemporal(config: TemporalConfig): Client {
  const connection = Connection.lazy(connectionOptions(config));
  return new Client({ connection, namespace: config.TEMPORAL_NAMESPACE });
}

/** gRPC status NOT_FOUND, or the SDK's own error for it. */
export const isNotFound = (error: unknown): boolean =>
  error instanceof WorkflowNotFoundError || (isGrpcServiceError(error) && Number(error.code) === 5);
