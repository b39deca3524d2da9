-- Wake-up: how processes hear of each other's changes. Losing any of it costs only latency.
--
-- A process sleeps for work or for the end of instances. While it does, its one listening connection
-- holds a shared advisory lock for that kind of sleep, and listens. Whoever has changed something
-- calls _Announce after its commit, which notifies only if such a lock is held by anybody else. Names
-- of channels and numbers of locks come from a secret of the hub, so that another tenant can neither
-- listen nor ring: a notification says which instances have ended.

set search_path = :"schema", pg_temp;

-- Where to sleep for `p_kind`, "work" or "ended". Caller: the functions below. Tables: GlobalSettings,
-- TaskHubs, read only.
create or replace function _WakeupChannel(p_kind text, out lock_key bigint, out channel text)
language plpgsql stable
as $$
declare
    v_hub integer := _AnyHub();
begin
    select ('x' || left(md5(h.wakeup_key || ' lock ' || p_kind), 16))::bit(64)::bigint,
           'perdure_' || md5(h.wakeup_key || ' channel ' || p_kind)
      into strict lock_key, channel
      from TaskHubs h where h.task_hub = v_hub;
end
$$;

-- [WAKE-3] From its commit on, this session sleeps for work, ends or both, until _EndSleep; it then
-- has to look once more. Not to be repeated. Caller: the plugin's listener, in a session of its own.
-- Tables: as _WakeupChannel. Waits at most for an _Announce that is looking for sleepers.
create or replace function _BeginSleep(p_work boolean, p_ends boolean) returns void
language plpgsql volatile security definer
set search_path from current
set lock_timeout = '1s'
as $$
declare
    v_channel record;
begin
    if p_work then
        v_channel := _WakeupChannel('work');
        perform pg_advisory_lock_shared(v_channel.lock_key);
        execute format('listen %I', v_channel.channel);
    end if;
    if p_ends then
        v_channel := _WakeupChannel('ended');
        perform pg_advisory_lock_shared(v_channel.lock_key);
        execute format('listen %I', v_channel.channel);
    end if;
end
$$;

-- This session no longer sleeps for work, ends or both. Caller: the plugin's listener. Tables: as
-- _WakeupChannel.
create or replace function _EndSleep(p_work boolean, p_ends boolean) returns void
language plpgsql volatile security definer
set search_path from current
as $$
declare
    v_channel record;
begin
    if p_work then
        v_channel := _WakeupChannel('work');
        execute format('unlisten %I', v_channel.channel);
        perform pg_advisory_unlock_shared(v_channel.lock_key);
    end if;
    if p_ends then
        v_channel := _WakeupChannel('ended');
        execute format('unlisten %I', v_channel.channel);
        perform pg_advisory_unlock_shared(v_channel.lock_key);
    end if;
end
$$;

-- Whether another session sleeps for this. Two that ask at the same moment may take each other for a
-- sleeper, which costs a notification. Caller: _Announce. Tables: none.
create or replace function _IsSleptFor(p_lock_key bigint) returns boolean
language plpgsql volatile
as $$
begin
    if pg_try_advisory_lock(p_lock_key) then
        perform pg_advisory_unlock(p_lock_key);
        return false;
    end if;
    return true;
end
$$;

-- [WAKE-1] [HANDOFF-2] Tells the sleepers of other sessions that work is ready, or which instances
-- have ended; `p_others_ended`: more than are named. Returns whether anybody slept. Not part of the
-- transaction that made the change; it need not be durable. Caller: the plugin's listener. Tables: as
-- _WakeupChannel.
create or replace function _Announce(
    p_work boolean, p_ended text[] default '{}', p_others_ended boolean default false)
returns boolean
language plpgsql volatile security definer
set search_path from current
as $$
declare
    v_channel record;
    v_told boolean := false;
begin
    if p_work then
        v_channel := _WakeupChannel('work');
        if _IsSleptFor(v_channel.lock_key) then
            v_told := true;
            perform pg_notify(v_channel.channel, 'work');
        end if;
    end if;
    if p_others_ended or cardinality(p_ended) > 0 then
        v_channel := _WakeupChannel('ended');
        if _IsSleptFor(v_channel.lock_key) then
            v_told := true;
            if p_others_ended then
                perform pg_notify(v_channel.channel, 'ended');
            else
                -- A notification has less than 8000 bytes, an id at most 255.
                perform pg_notify(v_channel.channel, 'ended' || string_agg(E'\n' || c.id, ''))
                   from (select e.id, sum(octet_length(e.id) + 1) over (order by e.n) / 7500 as chunk
                           from unnest(p_ended) with ordinality as e(id, n)) c
                  group by c.chunk;
            end if;
        end if;
    end if;
    return v_told;
end
$$;

-- Those of these instances that have ended or do not exist; all of them when the hub is closed, so that
-- whoever waits looks, and hears of it [ROLE-3]. Caller: the plugin. Tables, read only:
-- GlobalSettings, TaskHubs, Instances.
create or replace function _AnyEnded(p_ids text[]) returns text[]
language plpgsql stable security definer
set search_path from current
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
    v_hub integer := _AnyHub();
begin
    if exists (select from TaskHubs h where h.task_hub = v_hub and h.closed_reason is not null) then
        return p_ids;
    end if;
    return array(select w.id
                   from unnest(p_ids) as w(id)
                   left join lateral (
                        select x.instance_key, x.status from Instances x
                         where x.task_hub = v_hub and x.instance_id = w.id limit 1) i on true
                  where i.instance_key is null or _IsEnded(i.status));
end
$$;

-- What a sleeper may have missed before it began to sleep: whether anything is ready that was so at p_since
-- or later, or the hub is closed, and when the next falls due, if it sleeps for work (p_work), and which of
-- the instances that it waits for have ended. Caller: the plugin's listener, then and every few seconds.
-- Tables, read only: GlobalSettings, TaskHubs, WorkKeys, Ready, Instances.
create or replace function _Watch(
    p_work boolean, p_since timestamptz, p_awaited text[], out store_time timestamptz, out is_ready boolean,
    out next_due timestamptz, out ended text[])
language plpgsql volatile security definer
set search_path from current
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
    v_hub integer := _AnyHub();
begin
    store_time := _Now();
    if cardinality(p_awaited) > 0 then
        ended := _AnyEnded(p_awaited);
    end if;
    if p_work then
        select coalesce(bool_or(r.due <= store_time), false)
               or exists (select from TaskHubs h where h.task_hub = v_hub and h.closed_reason is not null),
               min(n.due)
          into is_ready, next_due
          from WorkKeys l
          left join lateral (select q.due from Ready q
                              where q.work_key = l.work_key and q.due >= p_since
                              order by q.due limit 1) r on true
          left join lateral (select q.due from Ready q
                              where q.work_key = l.work_key and q.due > store_time
                              order by q.due limit 1) n on true
         where l.task_hub = v_hub;
    end if;
end
$$;
