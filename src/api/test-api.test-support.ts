/** An API on parts in memory, for tests of HTTP behaviour. */
import { randomBytes, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import type { ServedBlob } from '../db/blobs.ts';
import type { HeldLease } from '../db/lease-reads.ts';
import type { Resource } from '../db/resources.ts';
import type { OperatedServer } from '../db/fleet-operations.ts';
import type { KeyHolder } from '../db/keys.ts';
import { createQueueView } from '../client/queue-view.ts';
import { parseAir } from '../domain/air.ts';
import type { FleetServer } from '../domain/fleet.ts';
import { matchingResources, unambiguous } from '../domain/resource-match.ts';
import { SAMPLE_MODELS } from '../domain/sample-models.ts';
import { OrchestratorError } from '../errors.ts';
import { silentMetrics } from '../metrics/silent-metrics.ts';
import { createAddressRules } from '../net/address-rules.ts';
import { createOutgoing } from '../net/outgoing.ts';
import type { Logger, ProgressReport, ServerReport } from '../ports.ts';
import { createCursorSigner } from '../storage/cursor-signer.ts';
import { createTransferSigner } from '../storage/transfer-signer.ts';
import { silentTracer } from '../tracing/silent-tracer.ts';
import type { PoolState } from '../domain/why-waiting.ts';
import { createUrlSigner } from '../storage/url-signer.ts';
import { createApp } from './app.ts';
import type { ApiConfig, ApiDeps } from './deps.ts';
import { memoryBlobs } from './memory-blobs.test-support.ts';
import { memoryOperations } from './operated-servers.test-support.ts';
import { memoryDependencies, memoryListings } from './memory-listings.test-support.ts';
import { memoryCallbacks } from './callbacks.test-support.ts';
import { unlimited } from './unlimited.test-support.ts';
import { createFakeOrchestrator, type FakeOrchestrator } from './fake-orchestrator.test-support.ts';

export const SDXL = 'urn:air:sdxl:checkpoint:civitai:101055@128078';
export const SD1 = 'urn:air:sd1:checkpoint:civitai:4384@128713';
export const SD1_LORA = 'urn:air:sd1:lora:civitai:82098@87153';
export const KEYS = {
  alice: `orc_${'a'.repeat(43)}`,
  bob: `orc_${'b'.repeat(43)}`,
  /** Known only where a test says so. */
  carol: `orc_${'c'.repeat(43)}`,
} as const;
export const PICTURE = new TextEncoder().encode('not a png');

export const validJob = (change: Record<string, unknown> = {}) => ({
  $type: 'textToImage',
  model: SDXL,
  params: { prompt: 'a fox', width: 512, height: 768, steps: 20, cfgScale: 7, seed: -1 },
  ...change,
});

/** A server in the words of these tests. */
interface ServerRecord {
  readonly id: string;
  readonly pool: string;
  readonly room: number;
  readonly reachable: boolean;
  readonly files: Readonly<Record<string, readonly string[]>>;
}

export interface TestApi {
  readonly app: ReturnType<typeof createApp>;
  readonly deps: ApiDeps;
  readonly orchestrator: FakeOrchestrator;
  readonly logLines: string[];
  readonly servers: ServerRecord[];
  /** Further servers, told in full. */
  readonly fleet: FleetServer[];
  /** Jobs that wait, by pool. */
  readonly waiting: Map<string, number>;
  /** What came in over `/internal`. */
  readonly reports: ServerReport[];
  /** Prompts that were reported as drawn. */
  readonly drawn: { readonly serverId: string; readonly promptId: string }[];
  /** Workers that said that they stop. */
  readonly left: { readonly serverId: string; readonly workerId: string }[];
  readonly progress: ProgressReport[];
  readonly resources: Map<string, Resource>;
  readonly keys: Map<string, KeyHolder>;
  readonly operated: Map<string, OperatedServer>;
  readonly blobs: Map<string, ServedBlob>;
  /** Leases that are held, by prompt. */
  readonly leases: Map<string, HeldLease>;
  clock: Date;
  freeBytes: number;
  send(
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Response>;
}

export function createTestApi(change: Partial<ApiConfig> = {}): TestApi {
  const orchestrator = createFakeOrchestrator();
  const resources = new Map<string, Resource>();
  const tenants = change.AUTH === 'keys' ? ['alice', 'bob'] : ['local'];
  for (const tenant of tenants)
    for (const { air, modelName, type, description } of SAMPLE_MODELS)
      resources.set(`${tenant} ${air}`, stored(air, modelName, type, { description }));
  const keys = new Map<string, KeyHolder>([
    [KEYS.alice, keyHolder('alice', { operator: true })],
    [KEYS.bob, keyHolder('bob')],
  ]);
  const operated = new Map<string, OperatedServer>();
  const blobs = new Map<string, ServedBlob>();
  const leases = new Map<string, HeldLease>();
  const servers: ServerRecord[] = [];
  const fleet: FleetServer[] = [];
  const waiting = new Map<string, number>();
  const logLines: string[] = [];
  const reports: ServerReport[] = [];
  const drawn: TestApi['drawn'] = [];
  const left: TestApi['left'] = [];
  const progress: ProgressReport[] = [];
  const now = () => api.clock;
  const deps: ApiDeps = {
    config: {
      AUTH: 'open',
      MAX_BODY_BYTES: 2_000_000,
      WAIT_LIMIT_MS: 1234,
      RESULT_SHAPE: 'auto',
      PROVIDER_NAME: undefined,
      PUBLIC_URL: undefined,
      TIME_LIMITS: undefined,
      MIN_FREE_BYTES: 1000,
      NODE_ENV: 'test',
      WORKER_KEY: undefined,
      WORKER_KEYS: undefined,
      MAX_OUTPUT_BYTES: 1_000_000,
      BLOB_RETENTION_DAYS: 30,
      COMFY_POOL: 'default',
      ...change,
    },
    ...{ orchestrator, resources: memoryResources(resources) },
    keys: { findHolder: async (key) => keys.get(key) },
    ...unlimited,
    callbacks: memoryCallbacks(now),
    graphs: { findGraphs: async () => orchestrator.graphs },
    ...memoryBlobs(blobs),
    outgoing: createOutgoing(createAddressRules([]), async (name) => [
      { address: name.startsWith('inner.') ? '10.0.0.1' : '93.184.216.34' },
    ]),
    fleet: {
      readFleet: async () => [...servers.map(fleetServerOf), ...fleet],
      countWaiting: async () => waiting,
    },
    fleetOperations: memoryOperations(operated, now),
    queue: createQueueView({
      readSnapshot: async () => ({ groups: [], pools: poolsOf(servers), running: new Map() }),
      recentEnds: async () => [],
      policies: async () => () => ({ weight: 1, maxRunning: undefined }),
      priorityAgeMs: 300_000,
      now,
    }),
    fleetReports: {
      report: async (report) => {
        reports.push(report);
        return { wantsLists: report.files === undefined, changed: true };
      },
      reportDrawn: async (prompt) => void drawn.push(prompt),
      leave: async (worker) => void left.push(worker),
    },
    progress: {
      report: async (report) => progress.push(report) > 0 && leases.has(report.promptId),
      findProgress: async () => new Map(),
      findPreview: async () => ({ contentType: 'image/jpeg', bytes: PICTURE }),
    },
    listings: memoryListings(orchestrator.rows),
    dependencies: memoryDependencies(orchestrator.rows),
    onFleetReport: () => undefined,
    storage: {
      put: async () => ({ bytes: 0, sha256: '' }),
      delete: async () => undefined,
      open: async (_key, range) =>
        Readable.from([Buffer.from(PICTURE).subarray(range?.start ?? 0, (range?.end ?? 1e9) + 1)]),
      freeBytes: async () => api.freeBytes,
    },
    leases: { findLease: async (promptId) => leases.get(promptId) },
    cursors: createCursorSigner('a-signing-key-of-tests'),
    signer: createUrlSigner({ key: 'a-signing-key-of-tests', ttlSeconds: 3600, now }),
    transferSigner: createTransferSigner({ key: 'a-signing-key-of-tests', now }),
    ready: async () => ({ database: { state: 'ok' } }),
    logger: memoryLogger(logLines),
    metrics: silentMetrics,
    tracer: silentTracer,
    now,
    randomHex: (bytes) => randomBytes(bytes).toString('hex'),
    newId: randomUUID,
  };
  const app = createApp(deps);
  const api: TestApi = {
    app,
    deps,
    orchestrator,
    logLines,
    servers,
    fleet,
    waiting,
    reports,
    drawn,
    left,
    progress,
    resources,
    keys,
    operated,
    blobs,
    leases,
    clock: new Date('2026-01-01T00:00:00Z'),
    freeBytes: 1e9,
    async send(method, path, body, headers = {}) {
      const text = typeof body === 'string' || body === undefined ? body : JSON.stringify(body);
      return app.request(path, {
        method,
        headers: {
          ...(text === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(text === undefined ? {} : { body: text }),
      });
    },
  };
  return api;
}

/** Holder of a key that may do everything and never ends. */
export const keyHolder = (tenant: string, change: Partial<KeyHolder> = {}): KeyHolder => ({
  id: `key-of-${tenant}`,
  tenant,
  operator: false,
  scopes: null,
  expiresAt: null,
  isExpired: false,
  requestsPerMinute: null,
  ...change,
});

/** One place on every server that answers. */
const poolsOf = (servers: readonly ServerRecord[]): PoolState[] =>
  [...new Set(servers.map(({ pool }) => pool))].map((pool) => {
    const list = servers.filter((server) => server.pool === pool);
    const live = list.filter(({ reachable }) => reachable).length;
    return { pool, servers: list.length, live, room: live, used: 0, downSince: null, error: null };
  });

export const blobRecord = (id: string, tenant = 'local'): ServedBlob => ({
  id,
  tenant,
  jobId: null,
  storageKey: `outputs/${id}`,
  contentType: 'image/png',
  bytes: PICTURE.length,
  sha256: 'ab'.repeat(32),
  width: 8,
  height: 8,
  createdAt: new Date('2026-01-01T00:00:00Z'),
  expiresAt: new Date('2030-01-01T00:00:00Z'),
  isTainted: false,
});

export const serverRecord = (change: Partial<ServerRecord> = {}): ServerRecord => ({
  id: 'local',
  pool: 'default',
  room: 2,
  reachable: true,
  files: {},
  ...change,
});

export const fleetServerOf = ({ id, pool, room, reachable, files }: ServerRecord): FleetServer => ({
  ...{ id, pool, room, reachable, draining: false, ecosystems: null, vramBytes: null },
  lists: { files, nodeClasses: new Set() },
});

const stored = (
  air: string,
  modelName: string,
  type: string,
  details: Record<string, unknown>,
): Resource => ({ air, modelName, type, details, createdAt: new Date(0), updatedAt: new Date(0) });

function memoryResources(all: Map<string, Resource>): ApiDeps['resources'] {
  const of = (tenant: string) =>
    [...all].filter(([key]) => key.startsWith(`${tenant} `)).map(([, resource]) => resource);
  const listMatches: ApiDeps['resources']['listMatches'] = async (tenant, ids, rule) =>
    new Map(
      ids.flatMap((id) => {
        const found = matchingResources(parseAir(id), of(tenant), rule);
        return found.length > 0 ? [[id, found] as const] : [];
      }),
    );
  return {
    listMatches,
    findResources: async (tenant, ids) => unambiguous(await listMatches(tenant, ids, 'lenient')),
    async listResources(tenant, { page, limit, q = '' }) {
      const found = of(tenant).filter((resource) => JSON.stringify(resource).includes(q));
      return { total: found.length, items: found.slice((page - 1) * limit, page * limit) };
    },
    listControlNets: async (tenant) => of(tenant).filter(({ air }) => air.includes(':controlnet:')),
    async insertResource(tenant, resource) {
      const key = `${tenant} ${resource.air}`;
      if (all.has(key)) throw new OrchestratorError('conflict', 'in the catalogue already');
      const row = { ...resource, createdAt: new Date(0), updatedAt: new Date(0) };
      all.set(key, row);
      return row;
    },
    async updateResource(tenant, air, change) {
      const current = all.get(`${tenant} ${air}`);
      if (!current) return undefined;
      const row = { ...change(current), createdAt: current.createdAt, updatedAt: new Date(1) };
      all.set(`${tenant} ${air}`, row);
      return row;
    },
    deleteResource: async (tenant, air) => all.delete(`${tenant} ${air}`),
  };
}

function memoryLogger(lines: string[]): Logger {
  const write = (fields: object, message: string): void => {
    lines.push(`${message} ${JSON.stringify(fields, errorsToo)}`);
  };
  return { debug: write, info: write, warn: write, error: write, child: () => memoryLogger(lines) };
}

const errorsToo = (_key: string, value: unknown): unknown =>
  value instanceof Error ? { message: value.message, stack: value.stack } : value;
