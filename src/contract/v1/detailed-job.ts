/** The `job` of `detailed=true`, in the shape of captured answers of the live service. */
import { graphKey } from '../../db/job-graphs.ts';
import type { JobRow } from '../../db/job-row.ts';
import { compressAir, parseAir } from '../../domain/air.ts';
import { airsOf } from '../../domain/job-needs.ts';
import type { Generation } from '../../domain/generation.ts';
import { isTask } from '../../domain/task.ts';
import { timeLimitOf, type TimeLimits } from '../../domain/time-limits.ts';
import { pascalJobType } from './last-event.ts';
import { wireDate, wireDuration } from './wire-time.ts';

/**
 * Models appear in their short form `@civitai/<versionId>`, the seed is the resolved one. `slots`: keys of its outputs,
 * before the end those that they will have.
 */
export function detailedJob(
  row: JobRow,
  slots: readonly string[],
  graphs: ReadonlyMap<string, string>,
  timeLimits: TimeLimits,
): Record<string, unknown> {
  const { generation, request } = row;
  return {
    Type: pascalJobType(row.type),
    ...(isTask(generation)
      ? withoutType(request)
      : {
          ...askedFor(row, generation, graphs),
          slots: slots.map((imageHash) => ({ imageHash })),
        }),
    ...(request['callbackUrl'] === undefined ? {} : { callbackUrl: request['callbackUrl'] }),
    ...(request['name'] === undefined ? {} : { name: request['name'] }),
    ...(request['providers'] === undefined ? {} : { providers: request['providers'] }),
    claimDuration: wireDuration(
      Math.min(row.timeoutMs ?? Infinity, timeLimitOf(timeLimits, row.class).one),
    ),
    type: pascalJobType(row.type),
    id: row.id,
    createdAt: wireDate(row.createdAt),
    expireAt: wireDate(row.expireAt),
    properties: row.properties,
    cost: row.cost,
    maxRetryAttempt: row.maxAttempts,
    // Live answers write an empty list so.
    dependencies: request['dependencies'] ?? {},
    issuedBy: row.tenant,
    version: 0,
    jobDependencies: request['jobDependencies'] ?? [],
    resources: (isTask(generation) ? [] : airsOf(generation)).map(short),
    additionalResources: [],
    recovered: false,
  };
}

const short = (air: string): string => compressAir(parseAir(air));

/** What depends on the type of the job. */
function askedFor(
  row: JobRow,
  generation: Generation,
  graphs: ReadonlyMap<string, string>,
): Readonly<Record<string, unknown>> {
  const { request } = row;
  switch (generation.operation) {
    case 'textToImage':
      return {
        baseModel: request['baseModel'],
        model: short(generation.model),
        params: request['params'],
        additionalNetworks: request['additionalNetworks'] ?? {},
        controlNets: request['controlNets'] ?? [],
      };
    case 'imageTransform':
      return {
        ...('url' in generation.image ? { imageUrl: generation.image.url } : generation.image),
        transformer: generation.transformer,
        params: request['params'] ?? {},
      };
    case 'comfy': {
      const graph = graphs.get(graphKey(row) ?? '');
      return { params: graph === undefined ? {} : { workflow: JSON.parse(graph) as unknown } };
    }
    default:
      return request['asked'] as Record<string, unknown>;
  }
}

const withoutType = ({ $type: _type, ...fields }: Record<string, unknown>) => fields;
