-- Callbacks: what happened to a job is told to an address that its submitter named, in order, each at least once.

alter table jobs add column callback_url text;
-- Types of the events that are told; null means the claim and the end.
alter table jobs add column callback_events text[];

-- One address that is told of one thing. A v1 job has one stream, whose id is the job's.
create table callback_streams (
  id uuid primary key,
  job_id uuid references jobs on delete cascade,
  tenant text not null,
  url text not null,
  last_number integer not null default 0,
  -- Grows with everything there is to do; `urgent` is the last of it that shall not wait for the next try.
  wanted integer not null default 0,
  urgent integer not null default 0,
  -- What Temporal has acknowledged of it, and when.
  told integer not null default 0,
  told_at timestamptz,
  -- When the next try is due; null when nothing is left to send.
  due_at timestamptz,
  created_at timestamptz not null default now()
);
create index callback_streams_job on callback_streams (job_id);
create index callback_streams_untold on callback_streams (id) where told < wanted;
create index callback_streams_due on callback_streams (due_at) where due_at is not null;

create table callback_deliveries (
  stream_id uuid not null references callback_streams on delete cascade,
  number integer not null,
  event text not null,
  -- The job as the transaction left it that wrote this row, as far as it changes.
  facts jsonb not null,
  state text not null default 'pending' check (state in ('pending', 'delivered', 'dead')),
  created_at timestamptz not null default now(),
  -- Tries are counted from here; sending it once more begins anew.
  asked_at timestamptz not null default now(),
  tries integer not null default 0,
  tries_since_asked integer not null default 0,
  tried_at timestamptz,
  ended_at timestamptz,
  status smallint,
  error text,
  primary key (stream_id, number)
);
create index callback_deliveries_pending on callback_deliveries (stream_id, number) where state = 'pending';
create index callback_deliveries_pending_since on callback_deliveries (asked_at) where state = 'pending';

-- Salts from which tenants' signing secrets are derived; the newest signs, older ones beside it until they expire.
create table callback_secrets (
  tenant text not null,
  salt text not null,
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  primary key (tenant, salt)
);
create unique index callback_secrets_current on callback_secrets (tenant) where expires_at is null;

-- Appends an event to a stream. The stream's row is locked until the transaction ends, so numbers have the order of commits.
create function append_callback(stream uuid, event text, facts jsonb) returns void language sql as $$
  with appended as (
    update callback_streams set last_number = last_number + 1, wanted = wanted + 1, due_at = coalesce(due_at, now())
    where id = stream returning last_number
  )
  insert into callback_deliveries (stream_id, number, event, facts) select stream, last_number, event, facts from appended
$$;

-- Stage ranks are those of src/domain/job.ts: 1 is the claim.
create function callback_event_of(was jobs, job jobs) returns text language sql immutable as $$
  select case
    when job.state in ('succeeded', 'failed', 'canceled', 'expired') then
      case when was.state is distinct from job.state or was.run_index is distinct from job.run_index then
        case job.state when 'succeeded' then 'Succeeded' when 'failed' then 'Failed' when 'expired' then 'Expired' else 'Deleted' end
      end
    when was.id is null or (was.run_index > 0 and job.run_index > was.run_index) then 'Initialized'
    when job.state = 'running' and (was.state, was.run_index, was.attempt, was.stage_rank)
      is distinct from (job.state, job.run_index, job.attempt, job.stage_rank) then
      case when job.stage_rank <= 1 then 'Claimed' else 'Updated' end
    when was.held is distinct from job.held then 'Updated'
  end
$$;

-- Every writer of a job's state passes here, whoever it is: none can forget the callback.
create function note_job_callback() returns trigger language plpgsql as $$
declare
  event text := callback_event_of(old, new);
begin
  if event is null or event <> all (coalesce(new.callback_events, '{Claimed,Succeeded,Failed,Expired,Deleted}')) then
    return null;
  end if;
  insert into callback_streams (id, job_id, tenant, url) values (new.id, new.id, new.tenant, new.callback_url)
    on conflict (id) do nothing;
  perform append_callback(new.id, event, jsonb_build_object(
    'state', new.state, 'held', new.held, 'runIndex', new.run_index, 'attempt', new.attempt,
    'stageRank', new.stage_rank, 'serverId', new.server_id, 'failure', new.failure,
    'claimedAt', new.claimed_at, 'finishedAt', new.finished_at, 'changedAt', new.changed_at));
  return null;
end
$$;

create trigger jobs_callback_insert after insert on jobs
  for each row when (new.callback_url is not null) execute function note_job_callback();
create trigger jobs_callback_update after update of state, held, run_index, attempt, stage_rank on jobs
  for each row when (new.callback_url is not null) execute function note_job_callback();
