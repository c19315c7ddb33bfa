-- Graphs that clients sent: once for all jobs of a request, apart from the rows that every read of a job loads.
create table job_graphs (
  batch_id uuid not null,
  sha256 text not null,
  tenant text not null,
  graph text not null,
  created_at timestamptz not null default now(),
  primary key (batch_id, sha256)
);
