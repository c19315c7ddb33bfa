alter table jobs
  -- How long one attempt may take on a server; null means the limit of the class.
  add column timeout_ms integer,
  -- True until the jobs it depends on have succeeded: nobody starts it before. Its start_after lies behind its expiry, so
  -- that an older program does not start it either.
  add column awaits_jobs boolean not null default false,
  -- {at, reason, context}: its result is not to be used again.
  add column taint jsonb;

-- What the waiting jobs of `awaits_jobs` wait for. A row goes when the wait is over.
create table job_dependencies (
  job_id uuid not null references jobs on delete cascade,
  -- No reference: the end of a job must not look for rows here.
  needs_id uuid not null,
  primary key (job_id, needs_id)
);
create index job_dependencies_needs on job_dependencies (needs_id);
create index jobs_awaiting on jobs (id) where awaits_jobs and state = 'queued';

-- Jobs by their properties; most jobs have none and take no place in it.
create index jobs_properties on jobs using gin (properties jsonb_path_ops) where properties <> '{}';

-- A tenant's jobs in the order they were submitted, request by request.
create index jobs_submitted on jobs (tenant, created_at, batch_id, position);

-- What a tenant consumed in a time.
create index jobs_consumed on jobs (tenant, finished_at) where state = 'succeeded';

-- Jobs that wait for others are not in the queue for servers.
drop index jobs_queued;
create index jobs_queued on jobs (tenant, pool, priority, created_at, position)
  include (held, awaits_jobs, started_at, cost) where state = 'queued';
