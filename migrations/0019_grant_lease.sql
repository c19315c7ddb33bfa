-- What leases take of a server. `stored_beside` of the drawn ones take no room. One select, which the planner puts into
-- the statement that asks.
create function server_leases(of_server text, stored_beside integer)
returns table (held integer, used integer, stale integer) language sql stable as $$
  select count(*)::integer,
    greatest(count(*) filter (where l.drawn_at is null), count(*) - stored_beside)::integer,
    -- Their prompt may still be on the server though their job went on without it: given up, over, superseded.
    (count(*) filter (where l.drawn_at is null and (l.given_up_at is not null or exists (
      select from jobs j where j.id = l.job_id and (j.state not in ('queued', 'running')
        or j.run_id is distinct from l.run_id or j.attempt > l.attempt)))))::integer
  from leases l where l.server_id = of_server
$$;

-- Reserves room on a server for an attempt. Every statement of it sees what was committed before it began, so what is
-- counted is counted under the locks: of the tenant, the server and the job, in this order, as by older programs.
create function grant_lease(
  of_job uuid, of_run text, of_run_index integer, of_attempt integer, claim_rank smallint,
  of_tenant text, tenant_limit integer, on_server text, stored_beside integer,
  its_prompt uuid, its_model text, its_reason text, its_trace text,
  out outcome text, out lease leases
) language plpgsql as $$
declare
  server_room smallint;
  server_drains boolean;
  server_used integer;
  server_waits boolean;
  tenant_has bigint;
  job record;
begin
  -- Two placers at once would both count the tenant's jobs without the other's.
  if tenant_limit is not null then
    perform pg_advisory_xact_lock(hashtextextended('running:' || of_tenant, 0));
  end if;
  select s.room, s.draining_at is not null into server_room, server_drains
    from servers s where s.id = on_server for update;
  select j.run_id, j.run_index, j.attempt, j.state, j.held into job from jobs j where j.id = of_job for update;
  if not found or job.run_id is distinct from of_run or job.run_index <> of_run_index
    or job.state not in ('queued', 'running') or job.attempt > of_attempt
  then
    outcome := 'closed';
    return;
  end if;
  select l.* into lease from leases l
    where l.job_id = of_job and l.run_index = of_run_index and l.attempt = of_attempt;
  if found then
    outcome := 'granted';
    return;
  end if;
  if job.held then
    outcome := 'held';
    return;
  end if;
  if tenant_limit is not null then
    select count(*) into tenant_has from leases l where l.tenant = of_tenant and l.drawn_at is null;
    if tenant_has >= tenant_limit then
      outcome := 'full';
      return;
    end if;
  end if;
  select t.used, t.stale > 0 into server_used, server_waits from server_leases(on_server, stored_beside) t;
  if server_room is null or server_drains or server_waits or server_used >= server_room then
    outcome := 'full';
    return;
  end if;
  insert into leases (job_id, run_index, attempt, run_id, server_id, tenant, prompt_id, model, reason, trace_id)
    values (of_job, of_run_index, of_attempt, of_run, on_server, of_tenant, its_prompt, its_model, its_reason, its_trace)
    returning * into lease;
  update jobs set state = 'running', attempt = of_attempt, stage_rank = claim_rank, server_id = on_server,
    claimed_at = now(), changed_at = now() where id = of_job;
  update servers set warm_model = its_model, warm_boot_id = boot_id
    where id = on_server and (warm_model, warm_boot_id) is distinct from (its_model, boot_id);
  outcome := 'granted';
end
$$;
