import { sql } from 'kysely';

/**
 * `dispatch_runs(user_runs_max, model_runs_max, other_model_runs_max)` dispatches as many runs as there are free places, in
 * order, and returns their ids in this order. `model_runs_max` is an object of limits by model; null: no limit.
 *
 * A function, so that the lock is held for as long as Postgres takes and no longer: a process that is frozen or far away
 * between two statements of a transaction would keep all others from dispatching. And each statement in it sees what was
 * committed before it began, so that nobody counts free places by what they saw before they had the lock.
 *
 * Who is at a limit is found by looking at as many runs as there are free places, and left out of the next look: where
 * nobody is at a limit, one look at the first entries of an index is all.
 */
export const dispatchRunsFunction = sql`
  create function dispatch_runs(user_runs_max int, model_runs_max jsonb, other_model_runs_max int)
  returns setof uuid language plpgsql
  -- Queues grow and shrink faster than statistics: never sort a line that an index has in order, nor plan anew each time.
  set enable_sort = off set enable_seqscan = off set plan_cache_mode = force_generic_plan
  as $$
  declare
    free_places   int;
    users_full    uuid[] := '{}';
    models_full   text[] := '{}';
    found_users   uuid[];
    found_models  text[];
    rejected      boolean;
    ids           uuid[];
    dispatched    int := 0;
  begin
    -- Before the lock: mostly nobody waits, and nobody should wait to find out.
    if not exists (select from runs where phase = 'waiting' and not behind) then
      return;
    end if;
    perform pg_advisory_xact_lock(hashtextextended('holdfast dispatch', 0));
    select coalesce(sum(concurrency), 0) into free_places from workers where live_until > clock_timestamp();
    if free_places = 0 then
      return;
    end if;
    select free_places - count(*) into free_places from runs
    where phase = 'in_flight' and (status = 'running' or not_before is null or not_before <= clock_timestamp());

    while free_places > 0 loop
      with candidate as materialized (
        select id, user_id, model, priority, pass, number
        from runs
        where phase = 'waiting' and not behind and user_id <> all (users_full) and model <> all (models_full)
          -- "behind" only leaves out what need not be looked at: whether it is this run's turn is decided here
          and number = (
            select min(earlier.number) from runs earlier
            where earlier.conversation_id = runs.conversation_id and earlier.status in ('queued', 'running'))
        order by priority desc, pass, number
        limit free_places
        for no key update skip locked
      ), limited_user as materialized (
        select user_id, (
            select coalesce((users.limits ->> 'concurrentRuns')::int, user_runs_max) from users
            where users.id = found.user_id
          ) - (
            select count(*) from runs where phase = 'in_flight' and runs.user_id = found.user_id
          ) as user_places
        from (select distinct user_id from candidate) as found
      ), of_user as materialized (
        select *,
          row_number() over (order by priority desc, pass, number) as place,
          row_number() over (partition by user_id order by priority desc, pass, number) as nth_of_user
        from candidate join limited_user using (user_id)
      ), limited_model as materialized (
        select model, model_max - (
          select count(*) from runs where phase = 'in_flight' and runs.model = found.model) as model_places
        from (
          select distinct model, coalesce((model_runs_max ->> model)::int, other_model_runs_max) as model_max
          from candidate
        ) as found
        where model_max is not null
      ), of_model as (
        select of_user.*, model_places,
          count(*) filter (where nth_of_user <= user_places) over (partition by model order by place) as nth_of_model
        from of_user left join limited_model using (model)
      ), judged as materialized (
        select *, nth_of_user <= user_places as user_may, model_places is null or nth_of_model <= model_places as model_may
        from of_model
      ), changed as (
        update runs set dispatched_at = now(), rung_at = now()
        from judged where user_may and model_may and runs.id = judged.id
        returning runs.priority, runs.pass
      ), moved_on as (
        insert into fair_queue (priority, virtual_time) select priority, max(pass) from changed group by priority
        on conflict (priority)
          do update set virtual_time = greatest(fair_queue.virtual_time, excluded.virtual_time)
      )
      select
        coalesce(array_agg(id order by place) filter (where user_may and model_may), '{}'),
        (select array_agg(user_id) from (
          select user_id from judged
          group by user_id having count(*) filter (where user_may and model_may) >= max(user_places)) as full_ones),
        (select array_agg(distinct model) from judged where user_may and not model_may),
        coalesce(bool_or(not (user_may and model_may)), false)
      into ids, found_users, found_models, rejected
      from judged;

      return query select unnest(ids);
      dispatched := dispatched + cardinality(ids);
      free_places := free_places - cardinality(ids);
      exit when not rejected;
      users_full := users_full || found_users;
      models_full := models_full || found_models;
    end loop;

    if dispatched > 0 then
      delete from dispatch_seconds where second < now() - interval '1 minute';
      insert into dispatch_seconds (second, runs) values (date_trunc('second', now()), dispatched)
      on conflict (second) do update set runs = dispatch_seconds.runs + excluded.runs;
    end if;
  end $$`;
