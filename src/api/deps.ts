import type { QueueView } from '../client/queue-view.ts';
import type { RequireStorage } from '../client/storage-quota.ts';
import type { ReadTenantLimits, TenantLimits } from '../client/tenant-limits.ts';
import type { Orchestrator } from '../client/verbs.ts';
import type { Config } from '../config.ts';
import type { BlobRecords } from '../db/blobs.ts';
import type { Dependencies } from '../db/dependencies.ts';
import type { JobListings } from '../db/job-listings.ts';
import type { CallbackLog } from '../db/callback-log.ts';
import type { CallbackSecrets } from '../db/callback-secrets.ts';
import type { UploadStore } from '../db/kept-files.ts';
import type { ProgressStore } from '../db/job-progress.ts';
import type { FleetReader } from '../db/fleet.ts';
import type { FleetOperations } from '../db/fleet-operations.ts';
import type { KeyStore } from '../db/keys.ts';
import type { GraphStore } from '../db/job-graphs.ts';
import type { LeaseReads } from '../db/lease-reads.ts';
import type { TenantStore } from '../db/tenants.ts';
import type { ResourceStore } from '../db/resources.ts';
import type { Outgoing } from '../net/outgoing.ts';
import type { BlobStore, FleetReporter, Logger, Metrics, Tracer } from '../ports.ts';
import type { CursorSigner } from '../storage/cursor-signer.ts';
import type { RateLimiter } from './rate-limiter.ts';
import type { TransferSigner } from '../storage/transfer-signer.ts';
import type { UrlSigner } from '../storage/url-signer.ts';

/** State of one dependency, for `/ready`. */
interface DependencyState {
  readonly state: 'ok' | 'degraded' | 'down';
  readonly detail?: string;
}

export type ApiConfig = Pick<
  Config,
  | 'AUTH'
  | 'MAX_BODY_BYTES'
  | 'WAIT_LIMIT_MS'
  | 'RESULT_SHAPE'
  | 'PROVIDER_NAME'
  | 'PUBLIC_URL'
  | 'MIN_FREE_BYTES'
  | 'NODE_ENV'
  | 'WORKER_KEY'
  | 'WORKER_KEYS'
  | 'MAX_OUTPUT_BYTES'
  | 'BLOB_RETENTION_DAYS'
  | 'COMFY_POOL'
  | 'TIME_LIMITS'
>;

/** Everything the API needs from outside. */
export interface ApiDeps {
  readonly config: ApiConfig;
  readonly orchestrator: Orchestrator;
  readonly resources: Omit<ResourceStore, 'seedResources'>;
  readonly keys: Pick<KeyStore, 'findHolder'>;
  readonly callbacks: {
    readonly log: CallbackLog;
    readonly secrets: CallbackSecrets;
    /** There is something to send. */
    readonly wake: () => void;
  };
  readonly outgoing: Pick<Outgoing, 'check' | 'checkAddresses'>;
  readonly tenantLimits: ReadTenantLimits;
  /** Of tenants that have none of their own. */
  readonly defaultLimits: TenantLimits;
  readonly tenantUse: Pick<TenantStore, 'findTenantUse'>;
  readonly rateLimiter: Pick<RateLimiter, 'count'>;
  readonly requireStorage: RequireStorage;
  readonly graphs: GraphStore;
  readonly blobs: Pick<BlobRecords, 'findBlob' | 'listBlobs'>;
  readonly uploads: UploadStore;
  readonly fleet: FleetReader;
  readonly fleetOperations: Pick<
    FleetOperations,
    'listFleet' | 'findServer' | 'setDraining' | 'removeServer'
  >;
  readonly queue: QueueView;
  readonly fleetReports: FleetReporter;
  readonly progress: ProgressStore;
  readonly listings: JobListings;
  readonly dependencies: Pick<Dependencies, 'listStates' | 'listNeeds'>;
  /** Called after a fleet report, so that placement looks again. */
  readonly onFleetReport: () => void;
  readonly storage: Pick<BlobStore, 'put' | 'open' | 'delete' | 'freeBytes'>;
  readonly leases: LeaseReads;
  readonly signer: UrlSigner;
  readonly cursors: CursorSigner;
  readonly transferSigner: TransferSigner;
  readonly ready: () => Promise<Readonly<Record<string, DependencyState>>>;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly tracer: Tracer;
  readonly now: () => Date;
  readonly randomHex: (bytes: number) => string;
  readonly newId: () => string;
}

/** What the middleware puts beside a request. */
export interface ApiEnv {
  Variables: {
    traceId: string;
    tenant?: string;
    /** Absent with AUTH=open. */
    keyId?: string;
    /** Of the key itself; null for what its tenant has. */
    requestsPerMinute?: number | null;
    operator?: boolean;
    /** Null for everything. */
    scopes?: readonly string[] | null;
  };
}
