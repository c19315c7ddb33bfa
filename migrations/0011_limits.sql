alter table api_keys
  -- What the key may do; null means everything that its tenant may.
  add column scopes text[],
  -- From then on the key is refused.
  add column expires_at timestamptz,
  -- Written at most every few minutes, so a key that is used all the time is not written all the time.
  add column last_used_at timestamptz,
  -- Requests a minute; null means what its tenant has, 0 no limit.
  add column requests_per_minute integer;

alter table tenants
  -- Of each of its keys that has no number of its own; null means the default of the environment, 0 no limit.
  add column requests_per_minute integer,
  add column max_jobs_per_day bigint,
  add column max_stored_bytes bigint,
  -- Jobs accepted on the day (UTC) that is named beside.
  add column day date not null default '-infinity',
  add column day_jobs bigint not null default 0,
  -- What was allowed when a request was last accepted; a request over it breaks the check and is refused as a whole.
  add column day_limit bigint not null default 9223372036854775807,
  add constraint tenants_day_limit check (day_jobs <= day_limit);

-- Requests of a key in its minute that has begun. Soft: a crash of the database begins all minutes anew.
create unlogged table request_windows (
  subject text primary key,
  ends_at timestamptz not null,
  -- Given out to API processes.
  taken integer not null,
  -- What the latest statement was given of what it asked for.
  granted integer not null
) with (fillfactor = 50);

-- To sum what a tenant stores without reading the rows themselves.
create index blobs_tenant on blobs (tenant, expires_at) include (bytes);
