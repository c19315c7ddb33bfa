import { homedir } from 'node:os';
import { Connection } from '@temporalio/client';
import { connectionOptions } from '../../client/temporal.ts';
import type { Config } from '../../config.ts';
import { findOnPath } from '../../dev/path-lookup.ts';
import type { Environment } from '../../dev/stack-options.ts';
import { cachedTemporalPath } from '../../dev/temporal-binary.ts';
import { isUsableServer, readServerVersion } from '../../dev/temporal-release.ts';
import { userCacheDir } from '../../dev/user-cache.ts';
import { messageOf } from '../../errors.ts';
import { DEADLINE_MS, Unwell, finding, type Finding } from './finding.ts';

/** gRPC NOT_FOUND: https://grpc.io/docs/guides/status-codes/ */
const NOT_FOUND = 5;

/** The server at TEMPORAL_ADDRESS with its namespace, else whether a dev server can be had. */
export function checkTemporal(config: Config, env: Environment): Promise<Finding> {
  const { TEMPORAL_ADDRESS } = config;
  if (TEMPORAL_ADDRESS === undefined)
    return finding(
      'Temporal',
      'Set TEMPORAL_CLI_PATH to a temporal CLI 1.5.1, unset it to let one be provided, or set TEMPORAL_ADDRESS.',
      () => findDevServer(config, env),
    );
  return finding('Temporal', 'Check TEMPORAL_ADDRESS and the TLS variables.', () =>
    askServer({ ...config, TEMPORAL_ADDRESS }),
  );
}

async function findDevServer(config: Config, env: Environment): Promise<string> {
  const given = config.TEMPORAL_CLI_PATH;
  const path = given ?? cachedTemporalPath(userCacheDir(env, process.platform, homedir()));
  const version = await readServerVersion(path, AbortSignal.timeout(DEADLINE_MS)).catch(
    (error: unknown) => {
      if (given === undefined) return undefined;
      throw new Error(`TEMPORAL_CLI_PATH ${given} cannot be run: ${messageOf(error)}`);
    },
  );
  if (version !== undefined && isUsableServer(version))
    return `dev server ${version} from ${path}, started by npm start`;
  if (version !== undefined && given !== undefined)
    throw new Error(`TEMPORAL_CLI_PATH ${given} carries server ${version}, which is too old`);
  const go = await findOnPath('go', env['PATH'] ?? '');
  const orBuilt = go === undefined ? '' : ', or built with Go (about 5 minutes)';
  return `dev server; its binary is downloaded${orBuilt} at the first start`;
}

async function askServer(config: Config & { readonly TEMPORAL_ADDRESS: string }): Promise<string> {
  const { TEMPORAL_ADDRESS: address, TEMPORAL_NAMESPACE: namespace } = config;
  const connection = await Connection.connect({
    ...connectionOptions(config),
    connectTimeout: DEADLINE_MS,
  }).catch((error: unknown) => {
    throw new Unwell(
      `nothing answers as Temporal at ${address} (${messageOf(error)})`,
      'Start Temporal there, check TEMPORAL_ADDRESS and the TLS variables, or unset it to use a dev server.',
    );
  });
  try {
    const service = connection.workflowService;
    const { serverVersion } = await service.getSystemInfo({});
    await service.describeNamespace({ namespace }).catch((error: unknown) => {
      if ((error as { code?: unknown }).code !== NOT_FOUND) throw error;
      throw new Unwell(
        `server ${serverVersion} at ${address} has no namespace ${namespace}`,
        `Make it (temporal operator namespace create --namespace ${namespace}), or set TEMPORAL_NAMESPACE.`,
      );
    });
    return `server ${serverVersion} answers at ${address}, namespace ${namespace} is there`;
  } finally {
    await connection.close();
  }
}
