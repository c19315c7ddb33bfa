/** Every metric of our own: its public name, what it counts, its labels. No label holds an id of a job, tenant or request. */

interface MetricDefinition {
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  /** Upper bounds of a histogram. */
  readonly buckets?: readonly number[];
}

/** Seconds: from a short statement to a picture. */
const WORK = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1_800];
/** Seconds: from a free server to a day in the backlog. */
const WAIT = [0.05, 0.1, 0.25, 0.5, 1, 5, 15, 60, 300, 900, 3_600, 14_400, 86_400];
/** Seconds: gaps that nobody sees up to ones that cost pictures. */
const GAP = [0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60];

export const METRICS = {
  // ── Jobs ──
  jobsAccepted: {
    kind: 'counter',
    name: 'orchestrator_jobs_accepted_total',
    help: 'Jobs accepted by this process.',
    labels: ['type'],
  },
  jobsFinished: {
    kind: 'counter',
    name: 'orchestrator_jobs_finished_total',
    help: 'Jobs that ended since this process started, as the database knows them: every API shows them all, so take the max over instances. `code` is the error code, or `none`.',
    labels: ['type', 'outcome', 'code'],
  },
  jobSeconds: {
    kind: 'histogram',
    name: 'orchestrator_job_seconds',
    help: 'From the acceptance of a job to its end. Every API shows all jobs: take the max over instances.',
    labels: ['type', 'outcome'],
    buckets: WAIT,
  },
  jobAttempts: {
    kind: 'histogram',
    name: 'orchestrator_job_attempts',
    help: 'Attempts that an ended job had. Every API shows all jobs: take the max over instances.',
    labels: ['outcome'],
    buckets: [0, 1, 2, 3, 4, 5, 10],
  },
  jobs: {
    kind: 'gauge',
    name: 'orchestrator_jobs',
    help: 'Jobs that have not ended: awaiting (other jobs that they depend on), accepted (Temporal has not acknowledged the start), waiting (for a server), held, running. The same in every API: take the max over instances.',
    labels: ['pool', 'state'],
  },
  backlogAge: {
    kind: 'gauge',
    name: 'orchestrator_backlog_oldest_seconds',
    help: 'Age of the oldest job of a pool that waits for a server; 0 when none does. The same in every API.',
    labels: ['pool'],
  },
  outboxAge: {
    kind: 'gauge',
    name: 'orchestrator_outbox_oldest_seconds',
    help: 'How long the oldest job is overdue whose start Temporal has not acknowledged; 0 when none is. The same in every API.',
    labels: [],
  },
  cancelAge: {
    kind: 'gauge',
    name: 'orchestrator_cancel_oldest_seconds',
    help: 'Age of the oldest cancel whose job has not ended; 0 when there is none. The same in every API.',
    labels: [],
  },

  // ── Stages ──
  claimWait: {
    kind: 'histogram',
    name: 'orchestrator_claim_wait_seconds',
    help: 'From the moment a claim was scheduled until a server was granted.',
    labels: ['pool'],
    buckets: WAIT,
  },
  activitySeconds: {
    kind: 'histogram',
    name: 'orchestrator_activity_seconds',
    help: 'Duration of one try of an activity in its worker. The tries of claim include the wait for a server.',
    labels: ['activity', 'outcome'],
    buckets: WORK,
  },
  activityFailures: {
    kind: 'counter',
    name: 'orchestrator_activity_failures_total',
    help: 'Tries of activities that failed, by error code; `server` is empty where none is concerned. Stops by cancel or shutdown have the code `canceled`.',
    labels: ['activity', 'code', 'server'],
  },
  collectSeconds: {
    kind: 'histogram',
    name: 'orchestrator_collect_seconds',
    help: 'Parts of collect: queued (in the server’s own queue), drawing, storing.',
    labels: ['part'],
    buckets: WORK,
  },

  // ── Servers ──
  serverUp: {
    kind: 'gauge',
    name: 'orchestrator_server_up',
    help: '1 when the server answers and a worker said so within the last minute. The same in every API.',
    labels: ['server', 'pool'],
  },
  serverDraining: {
    kind: 'gauge',
    name: 'orchestrator_server_draining',
    help: '1 while a server is drained: it finishes what it has and takes nothing new. The same in every API.',
    labels: ['server', 'pool'],
  },
  serverRoom: {
    kind: 'gauge',
    name: 'orchestrator_server_room',
    help: 'Jobs that a server is given at a time. The same in every API.',
    labels: ['server', 'pool'],
  },
  serverRoomUsed: {
    kind: 'gauge',
    name: 'orchestrator_server_room_used',
    help: 'Room of a server that leases take. The same in every API.',
    labels: ['server', 'pool'],
  },
  serverLeases: {
    kind: 'gauge',
    name: 'orchestrator_server_leases',
    help: 'Leases on a server; those whose picture is drawn take no room. The same in every API.',
    labels: ['server', 'pool'],
  },
  leaseAge: {
    kind: 'gauge',
    name: 'orchestrator_lease_oldest_seconds',
    help: 'Age of the oldest lease on a server; 0 when there is none. The same in every API.',
    labels: ['server', 'pool'],
  },
  withdrawPending: {
    kind: 'gauge',
    name: 'orchestrator_withdraw_pending',
    help: 'Prompts that may still be on a server though their job went on without them; it takes nothing new before they are withdrawn. The same in every API.',
    labels: ['server', 'pool'],
  },
  drawings: {
    kind: 'counter',
    name: 'orchestrator_server_drawings_total',
    help: 'Prompts that a server was through with.',
    labels: ['server', 'pool', 'outcome'],
  },
  drawingSeconds: {
    kind: 'counter',
    name: 'orchestrator_server_drawing_seconds_total',
    help: 'Time a server spent drawing for us; its rate is the busy share of the GPU. Grows while it draws.',
    labels: ['server', 'pool'],
  },
  idleGap: {
    kind: 'histogram',
    name: 'orchestrator_server_idle_gap_seconds',
    help: 'From the end of a drawing to the start of the next one on the same server, where the next job had been waiting. With several workers at one server each knows its own drawings only: an upper bound then.',
    labels: ['server', 'pool'],
    buckets: GAP,
  },
  modelUses: {
    kind: 'counter',
    name: 'orchestrator_server_model_uses_total',
    help: 'Drawings by what the server had loaded before: `warm` the same checkpoint, `swap` another or none.',
    labels: ['server', 'pool', 'model'],
  },

  // ── Loops: starter, closer, collector, fleet-watch ──
  loopPasses: {
    kind: 'counter',
    name: 'orchestrator_loop_passes_total',
    help: 'Passes of the background loops.',
    labels: ['loop', 'outcome'],
  },
  loopSeconds: {
    kind: 'histogram',
    name: 'orchestrator_loop_pass_seconds',
    help: 'Duration of a pass.',
    labels: ['loop'],
    buckets: WORK,
  },
  loopAge: {
    kind: 'gauge',
    name: 'orchestrator_loop_last_completed_seconds',
    help: 'Time since a pass of this process last completed.',
    labels: ['loop'],
  },
  loopWork: {
    kind: 'counter',
    name: 'orchestrator_loop_work_total',
    help: 'What the loops did: starts, starts that failed and cancels of the starter, jobs that were released or ended because of those they depend on, grants that a claim could not tell of, runs of the closer, deletions of the collector.',
    labels: ['loop', 'work'],
  },
  callbackTries: {
    kind: 'counter',
    name: 'orchestrator_callback_tries_total',
    help: 'Tries to deliver a callback: delivered, failed (it is tried again), dead (it was given up).',
    labels: ['outcome'],
  },
  callbacksPending: {
    kind: 'gauge',
    name: 'orchestrator_callbacks_pending',
    help: 'Callbacks that were not delivered yet. The same in every API.',
    labels: [],
  },
  callbackAge: {
    kind: 'gauge',
    name: 'orchestrator_callback_oldest_seconds',
    help: 'Age of the oldest callback that was not delivered yet; 0 when there is none. The same in every API.',
    labels: [],
  },
  closerAge: {
    kind: 'gauge',
    name: 'orchestrator_closer_behind_seconds',
    help: 'Age of the oldest end whose run the closer has not kept the events of; 0 when there is none. The same in every API.',
    labels: [],
  },

  // ── This process and what it needs ──
  httpSeconds: {
    kind: 'histogram',
    name: 'orchestrator_http_request_seconds',
    help: 'Duration of a request until its answer begins, by route template; `none` where no route matched. Waits (`wait=true`) are included.',
    labels: ['method', 'route', 'status'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 100],
  },
  dependencyUp: {
    kind: 'gauge',
    name: 'orchestrator_dependency_up',
    help: '1 while the API reaches it: database, temporal, comfyui (any server), storage (enough free space).',
    labels: ['dependency'],
  },
  storageFree: {
    kind: 'gauge',
    name: 'orchestrator_storage_free_bytes',
    help: 'Bytes that can still be written where this process keeps blobs.',
    labels: [],
  },
  storageLeast: {
    kind: 'gauge',
    name: 'orchestrator_storage_min_free_bytes',
    help: 'MIN_FREE_BYTES of this process: below that the API accepts no jobs.',
    labels: [],
  },
  sourceUp: {
    kind: 'gauge',
    name: 'orchestrator_metrics_source_up',
    help: '1 when what this scrape shows of a source could be read.',
    labels: ['source'],
  },
  info: {
    kind: 'gauge',
    name: 'orchestrator_info',
    help: 'Always 1; says which role this process has.',
    labels: ['role'],
  },
} as const satisfies Record<string, MetricDefinition>;

export type MetricKey = keyof typeof METRICS;
export type MetricKind = MetricDefinition['kind'];

/** Metrics of one kind. */
export type MetricOf<K extends MetricKind> = {
  [M in MetricKey]: (typeof METRICS)[M]['kind'] extends K ? M : never;
}[MetricKey];

/** Exactly the labels of a metric. */
export type MetricLabels<M extends MetricKey> = {
  readonly [L in (typeof METRICS)[M]['labels'][number]]: string;
};

/** One value of a gauge. */
export type GaugeReading = {
  [M in MetricOf<'gauge'>]: {
    readonly metric: M;
    readonly labels: MetricLabels<M>;
    readonly value: number;
  };
}[MetricOf<'gauge'>];
