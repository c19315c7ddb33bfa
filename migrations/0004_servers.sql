alter table servers
  -- Names and values an operator gave it, for people only.
  add column labels jsonb not null default '{}',
  -- What it may serve: {"ecosystems": ["sd1", …]}. A list that is absent means everything.
  add column serves jsonb not null default '{}',
  -- Set by drain, cleared by resume; a report never touches it. Such a server takes no new lease.
  add column draining_at timestamptz,
  -- Prompts in the server's own queue, whoever put them there.
  add column running integer,
  add column waiting integer,
  add column down_since timestamptz,
  -- The latest error, also once the server answers again; `error` is that of now.
  add column last_error text,
  add column last_error_at timestamptz,
  -- Of files and node classes as they are stored: they are sent again only when they differ.
  add column lists_hash text,
  -- Moving average of its drawings in milliseconds; the room of a server with room_auto follows it.
  add column draw_ms double precision,
  add column room_auto boolean not null default false,
  -- Checkpoint (AIR) of its latest job; null once the server process was restarted.
  add column loaded_model text,
  -- Without a report for this long no worker stands at it.
  add column gone_after_seconds integer not null default 60;

update servers set down_since = changed_at, last_error = error, last_error_at = changed_at where not reachable;

-- Worker processes that stand at a server. Their settings may differ: those of the latest started one count.
create table server_workers (
  server_id text not null references servers on delete cascade,
  worker_id uuid not null,
  started_at timestamptz not null,
  reachable boolean not null,
  error text,
  reported_at timestamptz not null default now(),
  primary key (server_id, worker_id)
);

-- May see and change the fleet, beside what every key may.
alter table api_keys add column operator boolean not null default false;
