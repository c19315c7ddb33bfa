-- Set when the events of a run are kept, or can no longer be had; null also while it runs.
alter table job_runs add column events_kept_at timestamptz;
update job_runs r set events_kept_at = s.taken_at
  from event_snapshots s where s.job_id = r.job_id and s.run_id = r.run_id;
create index job_runs_events_not_kept on job_runs (opened_at) where events_kept_at is null;
