-- Deliveries of a tenant by their state, in the order in which they were written.
alter table callback_deliveries add column tenant text;

update callback_deliveries d set tenant = s.tenant from callback_streams s where s.id = d.stream_id;

-- As in 0009, with the tenant.
create or replace function append_callback(stream uuid, event text, facts jsonb) returns void language sql as $$
  with appended as (
    update callback_streams set last_number = last_number + 1, wanted = wanted + 1, due_at = coalesce(due_at, now())
    where id = stream returning last_number, tenant
  )
  insert into callback_deliveries (stream_id, number, event, facts, tenant)
    select stream, last_number, event, facts, tenant from appended
$$;

alter table callback_deliveries alter column tenant set not null;
create index callback_deliveries_by_state on callback_deliveries (tenant, state, created_at, stream_id, number);
