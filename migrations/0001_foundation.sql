-- Truth of what was asked and what came out. Temporal owns how it runs; bytes live in the blob store.

create table settings (
  name text primary key,
  value text not null,
  created_at timestamptz not null default now()
);

create table api_keys (
  id uuid primary key default gen_random_uuid(),
  tenant text not null,
  name text not null,
  -- SHA-256 of a 256-bit random key: nothing to brute-force, so no slow hash is needed.
  hash bytea not null unique,
  -- First characters of the key, to tell keys apart in a list.
  hint text not null,
  created_at timestamptz not null default now(),
  revoked_at timestamptz
);

create table resources (
  tenant text not null,
  air text not null,
  -- `source/version` of the AIR: what the compressed id `@civitai/128078` names.
  compressed text not null,
  ecosystem text not null,
  type text not null,
  model_name text not null,
  file_name text,
  document jsonb not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  primary key (tenant, air)
);
create index resources_compressed on resources (tenant, compressed);

create table jobs (
  id uuid primary key,
  tenant text not null,
  batch_id uuid not null,
  position integer not null,
  type text not null,
  class text not null,
  ecosystem text not null,
  pool text not null,
  priority smallint not null,
  cost double precision not null,
  -- The request as it was accepted (seed resolved), for `detailed=true`.
  request jsonb not null,
  -- The same in the domain's words, for prepare.
  generation jsonb not null,
  properties jsonb not null default '{}',
  trace_id text not null,
  max_attempts smallint not null,
  created_at timestamptz not null default now(),
  expire_at timestamptz not null,
  -- The starter leaves a row alone until then: the api tries a single job at once itself.
  start_after timestamptz not null,
  -- Set when Temporal acknowledged the start; a row that has it is never started again.
  started_at timestamptz,
  cancel_requested_at timestamptz,
  -- Projection of the run. Writes apply only when (run_index, attempt, stage_rank) grows.
  state text not null default 'queued',
  held boolean not null default false,
  run_id text,
  run_index integer not null default 0,
  attempt integer not null default 0,
  stage_rank smallint not null default 0,
  server_id text,
  claimed_at timestamptz,
  -- The graph of the newest attempt (up to 64 KB), for the short answer's comfy_prompt_request.
  prompt_request text,
  finished_at timestamptz,
  changed_at timestamptz not null default now(),
  outputs jsonb,
  failure jsonb
);
create index jobs_outbox on jobs (start_after) where started_at is null and state = 'queued';
create index jobs_cancel_outbox on jobs (cancel_requested_at)
  where cancel_requested_at is not null and state in ('queued', 'running');
create index jobs_active on jobs (id) where state in ('queued', 'running') and started_at is not null;
create index jobs_batch on jobs (batch_id, position);
create index jobs_finished on jobs (finished_at) where finished_at is not null;

create table idempotency_keys (
  tenant text not null,
  key text not null,
  body_sha256 text not null,
  batch_id uuid not null,
  created_at timestamptz not null default now(),
  primary key (tenant, key)
);
create index idempotency_keys_created on idempotency_keys (created_at);

-- Temporal runs of a job in the order they first asked for a server; +1 per reset.
create table job_runs (
  job_id uuid not null references jobs on delete cascade,
  run_id text not null,
  run_index integer not null,
  opened_at timestamptz not null default now(),
  primary key (job_id, run_id),
  unique (job_id, run_index)
);

-- What gpu workers last said of their servers. Soft: overwritten by every report.
create table servers (
  id text primary key,
  pool text not null,
  room smallint not null,
  reachable boolean not null,
  error text,
  version text,
  device text,
  vram_bytes bigint,
  boot_id text,
  files jsonb not null default '{}',
  node_classes jsonb not null default '[]',
  reported_at timestamptz not null default now(),
  changed_at timestamptz not null default now()
);

-- Room taken on a server by one attempt. The row decides, whoever places.
create table leases (
  job_id uuid not null references jobs on delete cascade,
  run_index integer not null,
  attempt integer not null,
  run_id text not null,
  server_id text not null references servers,
  tenant text not null,
  prompt_id uuid not null unique,
  model text not null,
  reason text not null,
  trace_id text not null default '',
  granted_at timestamptz not null default now(),
  primary key (job_id, run_index, attempt)
);
create index leases_server on leases (server_id);

create table blobs (
  -- Public id, the v1 blobKey.
  id text primary key,
  tenant text not null,
  job_id uuid references jobs on delete set null,
  storage_key text not null unique,
  content_type text not null,
  bytes bigint not null,
  sha256 text not null,
  width integer,
  height integer,
  created_at timestamptz not null default now(),
  expires_at timestamptz not null
);
create index blobs_expires on blobs (expires_at);
create index blobs_job on blobs (job_id);

-- Events of a closed run, kept when Temporal's history is gone.
create table event_snapshots (
  job_id uuid not null references jobs on delete cascade,
  run_id text not null,
  run_index integer not null,
  status text not null,
  events jsonb not null,
  taken_at timestamptz not null default now(),
  primary key (job_id, run_id)
);

create table watermarks (
  name text primary key,
  at timestamptz not null
);
