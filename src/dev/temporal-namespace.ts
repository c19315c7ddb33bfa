import { setTimeout as delay } from 'node:timers/promises';
import type { Connection } from '@temporalio/client';
import { msToTs } from '@temporalio/common/lib/time.js';
import { OrchestratorError, messageOf } from '../errors.ts';

const DAY_SECONDS = 86_400;
/** `INDEXED_VALUE_TYPE_KEYWORD` of temporal.api.enums.v1.IndexedValueType. */
const KEYWORD: number = 2;
const POLL_MS = 50;
/** The server reads its namespaces anew every 10 s at the slowest (`system.namespaceCacheRefreshInterval`). */
const USABLE_WITHIN_MS = 30_000;

/** gRPC NOT_FOUND, ALREADY_EXISTS: https://grpc.io/docs/guides/status-codes/ */
const NOT_FOUND = 5;
const ALREADY_EXISTS = 6;

const statusOf = (error: unknown): number | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'number'
    ? error.code
    : undefined;

const until = async (what: string, look: () => Promise<boolean>): Promise<void> => {
  const deadline = Date.now() + USABLE_WITHIN_MS;
  let last = '';
  for (;;) {
    try {
      if (await look()) return;
    } catch (error) {
      last = `: ${messageOf(error)}`;
    }
    if (Date.now() >= deadline)
      throw new OrchestratorError(
        'unavailable',
        `Temporal does not know ${what} after ${USABLE_WITHIN_MS / 1000} s${last}`,
        { retryable: true },
      );
    await delay(POLL_MS);
  }
};

/**
 * Makes the namespace if it is missing and gives it this retention of closed runs. Resolves once the server
 * answers for it.
 */
export const ensureNamespace = async (
  connection: Connection,
  namespace: string,
  retentionDays: number,
): Promise<void> => {
  const service = connection.workflowService;
  const retention = msToTs(retentionDays * DAY_SECONDS * 1000);
  try {
    const found = await service.describeNamespace({ namespace });
    const seen = found.config?.workflowExecutionRetentionTtl?.seconds?.toNumber();
    if (seen === retentionDays * DAY_SECONDS) return;
    await service.updateNamespace({
      namespace,
      config: { workflowExecutionRetentionTtl: retention },
    });
    return;
  } catch (error) {
    if (statusOf(error) !== NOT_FOUND) throw error;
  }
  try {
    await service.registerNamespace({ namespace, workflowExecutionRetentionPeriod: retention });
  } catch (error) {
    if (statusOf(error) !== ALREADY_EXISTS) throw error;
  }
  await until(`namespace ${namespace}`, async () => {
    await service.countWorkflowExecutions({ namespace });
    return true;
  });
};

/**
 * Adds the Keyword search attributes that the namespace lacks (an older data folder keeps those it was made with)
 * and resolves once queries may name every one of them. Throws `configuration` when one exists with another type.
 */
export const ensureSearchAttributes = async (
  connection: Connection,
  namespace: string,
  names: readonly string[],
): Promise<void> => {
  const listed = await connection.operatorService.listSearchAttributes({ namespace });
  const present: Readonly<Record<string, number>> = listed.customAttributes;
  const foreign = names.filter((name) => name in present && present[name] !== KEYWORD);
  if (foreign.length > 0)
    throw new OrchestratorError(
      'configuration',
      `Search attribute ${foreign.join(', ')} exists in namespace ${namespace} and is no Keyword. ` +
        `Remove it (temporal operator search-attribute remove --name ${foreign[0] ?? ''}) or use another namespace.`,
    );
  const missing = names.filter((name) => !(name in present));
  if (missing.length === 0) return;
  try {
    await connection.operatorService.addSearchAttributes({
      namespace,
      searchAttributes: Object.fromEntries(missing.map((name) => [name, KEYWORD])),
    });
  } catch (error) {
    // Another process of ours was quicker.
    if (statusOf(error) !== ALREADY_EXISTS) throw error;
  }
  const query = missing.map((name) => `${name} = 'none'`).join(' AND ');
  await until(`search attributes ${missing.join(', ')}`, async () => {
    await connection.workflowService.countWorkflowExecutions({ namespace, query });
    return true;
  });
};
