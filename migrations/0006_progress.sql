-- How far the drawing of a job is, and its newest preview. Soft: a crash of the database empties it, nothing depends on
-- it, and the end of the job deletes its row. No reference to jobs: a report must not lock a job's row.
create unlogged table job_progress (
  job_id uuid primary key,
  prompt_id uuid not null,
  server_id text not null,
  attempt integer not null,
  fraction real not null,
  node text,
  preview bytea,
  preview_type text,
  reported_at timestamptz not null default now()
);
create index job_progress_reported on job_progress (reported_at);
