-- When the server was through with the prompt: from then on the lease takes no room, though it is held until finish.
alter table leases add column drawn_at timestamptz;
