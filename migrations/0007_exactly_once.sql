-- Set when the workflow gave the attempt up while nobody answered for its server: the server gets no new lease before
-- the prompt is known to be off it.
alter table leases add column given_up_at timestamptz;

-- The answer that the first request with the key was given, for whoever sends it again.
alter table idempotency_keys add column status smallint;
alter table idempotency_keys add column answer text;

-- When a row is due is decided by the clock of the database alone.
alter table jobs alter column start_after set default now();
