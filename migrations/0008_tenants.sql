-- What one tenant may take; null means the default of the environment. Everybody who submitted a job has a row.
create table tenants (
  tenant text primary key,
  -- Share of the servers beside other tenants' 1.
  weight real,
  max_queued integer,
  max_running integer,
  -- Jobs that were queued when they were last counted, and all accepted since: never less than what is queued.
  queued bigint not null default 0,
  -- What was allowed when a request was last accepted; a request over it breaks the check and is refused as a whole.
  queue_limit bigint not null default 9223372036854775807,
  counted_at timestamptz not null default '-infinity',
  constraint tenants_queue_limit check (queued <= queue_limit)
) with (fillfactor = 50);

insert into tenants (tenant, queued)
  select tenant, count(*) from jobs where state = 'queued' group by tenant;

-- To count a tenant's queued jobs, and to see who waits for what, without reading the rows themselves.
create index jobs_queued on jobs (tenant, pool, priority, created_at, position)
  include (held, started_at, cost) where state = 'queued';

-- The starter takes tenants in turn.
create index jobs_outbox_tenants on jobs (tenant, priority, start_after, position)
  where started_at is null and state = 'queued';
