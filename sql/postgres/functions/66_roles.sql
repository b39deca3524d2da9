-- The part of a hub in a live move: its role, and the feed of what changes in it.
--
-- The barrier: whoever changes an open hub has read TaskHubs before, by _Hub, and so holds a lock on it until
-- the end of its transaction. Who gives an open hub another role, or closes it, takes that table for itself:
-- this waits for the calls that have begun, and those that come later wait for it, and then see what it has
-- written. A hub that is closed has no such calls, so that its row is enough. Where logins keep hubs apart
-- nobody may hold up the others: there a hub is closed without waiting, and cannot be a source.

set search_path = :"schema", pg_temp;

-- Who holds a lock on one of these tables since before p_since, as a text: process, application, and for how
-- long its transaction lasts, as far as this login may know. Caller: the next two. Tables: none.
create or replace function _HoldersOf(p_tables regclass[], p_since timestamptz) returns text
language plpgsql volatile
as $$
begin
    return coalesce((
        select string_agg(
                   coalesce('process ' || h.pid, 'a prepared transaction')
                   || coalesce(' "' || h.application_name || '"', '')
                   || coalesce(', for ' || (1000 * extract(epoch from clock_timestamp() - h.began))::bigint
                               || ' ms', ''),
                   '; ' order by h.began nulls last, h.pid)
          from (select distinct l.pid, a.application_name, a.xact_start as began
                  from pg_catalog.pg_locks l
                  left join pg_catalog.pg_stat_activity a on a.pid = l.pid
                 where l.granted and l.locktype = 'relation' and l.relation = any(p_tables)
                   and l.database = (select d.oid from pg_catalog.pg_database d
                                      where d.datname = current_database())
                   and l.pid is distinct from pg_backend_pid()
                   and (a.xact_start is null or a.xact_start <= p_since)
                 order by a.xact_start nulls last limit 5) h), 'by nobody who is still there');
end
$$;

-- Whether the hub of this login is open, and everybody may hold up the others. Holds no lock on TaskHubs
-- afterwards, because of two that hold one and want the table for themselves each would wait for the other.
-- Caller: _Barrier. Tables, read only: TaskHubs, GlobalSettings.
create or replace function _NeedsBarrier() returns boolean
language plpgsql volatile
as $$
declare
    v_needs boolean;
begin
    select h.closed_reason is null
           and exists (select from GlobalSettings g where g.name = 'TaskHubMode' and g.value = '0')
      into v_needs
      from TaskHubs h where h.task_hub = _AnyHub();
    -- Locks are kept, but for those of what is rolled back.
    raise exception using errcode = 'PD000';
exception
    when sqlstate 'PD000' then
        return v_needs;
end
$$;

-- [ROLE-2] Waits until every call that has begun is done, and lets none begin before this transaction ends.
-- After 200 ms it fails as PD007, and the text says who is in the way. Returns the number of the hub, whose
-- row is locked then. Caller: _ChangeRole, _SetClosed, before they read TaskHubs. Tables: GlobalSettings
-- (read), TaskHubs, exclusively if the hub is open. PD003 when somebody has opened it meanwhile.
create or replace function _Barrier() returns integer
language plpgsql volatile
set lock_timeout = '200ms'
as $$
declare
    v_begun constant timestamptz := clock_timestamp();
    v_is_exclusive constant boolean := _NeedsBarrier();
    v_hub integer;
begin
    if v_is_exclusive then
        lock table TaskHubs in access exclusive mode;
    end if;
    v_hub := _AnyHub();
    perform from TaskHubs h where h.task_hub = v_hub for no key update;
    if not v_is_exclusive and _NeedsBarrier() then
        raise exception 'the hub was opened meanwhile' using errcode = 'PD003';
    end if;
    return v_hub;
exception
    when lock_not_available or deadlock_detected then
        raise exception 'calls are still under way, and nothing has changed: %',
            _HoldersOf(array['TaskHubs'::regclass], v_begun) using errcode = 'PD007';
end
$$;

-- Lets nobody write into the tables that feed before this transaction ends, behind the barrier: only a
-- vacuum and who writes without our functions can be in the way. After 50 ms, and 200 ms with the wait at the
-- barrier, which began at p_begun, it fails as PD007. Caller: _BeginFeed. Tables: those of _FeedTables.
create or replace function _LockFeedTables(p_begun timestamptz) returns void
language plpgsql volatile
set lock_timeout = '50ms'
as $$
declare
    v_table text;
begin
    foreach v_table in array _FeedTables() loop
        if clock_timestamp() > p_begun + interval '150 milliseconds' then
            raise exception using errcode = 'lock_not_available';
        end if;
        execute format('lock table %I in share row exclusive mode', lower(v_table));
    end loop;
exception
    when lock_not_available or deadlock_detected then
        raise exception 'the tables are in use, and nothing has changed: %',
            _HoldersOf(array(select t.name::regclass from unnest(_FeedTables()) as t(name)), p_begun)
            using errcode = 'PD007';
end
$$;

-- Which tables feed: all that have something of which an image speaks, but for Ready, which follows from
-- Instances and NewTasks, and for the names in WorkKeys and Workers, which do not change. Tables: none.
create or replace function _FeedTables() returns text[]
language sql immutable
as $$ select array['Instances', 'History', 'NewEvents', 'NewTasks', 'MessageIds', 'Payloads'] $$;

-- [ROLE-4] Notes the instances that a statement has changed, of hubs that are tracked (1) or closing (2).
-- One that sees the roles as they were notes them anyway. Caller: the triggers on Instances. Tables: TaskHubs
-- (read), ChangedInstances.
create or replace function _NoteInstances() returns trigger
language plpgsql volatile security definer
set search_path from current
as $$
begin
    insert into ChangedInstances (task_hub, instance_id)
    select distinct c.task_hub, c.instance_id
      from changed c join TaskHubs h on h.task_hub = c.task_hub
     where h.role in (1, 2) or current_setting('transaction_isolation') <> 'read committed';
    return null;
end
$$;

-- The same for the other tables, whose rows begin with the key of their instance. An instance that is gone
-- has been noted by its own row. Caller: the triggers on them. Tables: Instances (read), TaskHubs (read),
-- ChangedInstances.
create or replace function _NoteParts() returns trigger
language plpgsql volatile security definer
set search_path from current
as $$
begin
    insert into ChangedInstances (task_hub, instance_id)
    select i.task_hub, i.instance_id
      from Instances i join TaskHubs h on h.task_hub = i.task_hub
     where i.instance_key = any(array(select distinct c.instance_key from changed c))
       and (h.role in (1, 2) or current_setting('transaction_isolation') <> 'read committed');
    return null;
end
$$;

-- Makes the triggers that feed, unless they are there. Caller: _ChangeRole, behind the barrier. Tables: those
-- of _FeedTables.
create or replace function _BeginFeed(p_begun timestamptz) returns void
language plpgsql volatile
as $$
declare
    v_table text;
    v_event text;
begin
    perform _LockFeedTables(p_begun);
    if exists (select from pg_catalog.pg_trigger t
                where t.tgrelid = 'Instances'::regclass and t.tgname = 'feed_insert') then
        return;
    end if;
    foreach v_table in array _FeedTables() loop
        foreach v_event in array array['insert', 'update', 'delete'] loop
            execute format(
                'create trigger %I after %s on %I referencing %s table as changed for each statement'
                || ' execute function %I()',
                'feed_' || v_event, v_event, lower(v_table),
                case v_event when 'delete' then 'old' else 'new' end,
                case v_table when 'Instances' then '_noteinstances' else '_noteparts' end);
        end loop;
    end loop;
end
$$;

-- Removes them when no hub of the schema is tracked or closing; where somebody works with such a table at
-- this moment, they stay until the next change of a role. Caller: _ChangeRole, _DeleteHub. Tables: those of
-- _FeedTables, TaskHubs (read).
create or replace function _EndFeed() returns void
language plpgsql volatile
as $$
declare
    v_table text;
    v_event text;
begin
    if exists (select from TaskHubs h where h.role in (1, 2))
       or not exists (select from pg_catalog.pg_trigger t
                       where t.tgrelid = 'Instances'::regclass and t.tgname = 'feed_insert') then
        return;
    end if;
    foreach v_table in array _FeedTables() loop
        execute format('lock table %I in access exclusive mode nowait', lower(v_table));
    end loop;
    foreach v_table in array _FeedTables() loop
        foreach v_event in array array['insert', 'update', 'delete'] loop
            execute format('drop trigger if exists %I on %I', 'feed_' || v_event, lower(v_table));
        end loop;
    end loop;
exception
    when lock_not_available then
        null;
end
$$;

-- [ROLE-3] Ends the waits of all processes when this transaction commits. Caller: _ChangeRole, _SetClosed.
-- Tables: as _WakeupChannel.
create or replace function _EndWaits() returns void
language plpgsql volatile
as $$
begin
    perform pg_notify((_WakeupChannel('work')).channel, 'work');
    perform pg_notify((_WakeupChannel('ended')).channel, 'ended');
end
$$;

-- [ROLE-1] The role of the hub of this login. Caller: the plugin. Tables, read only: TaskHubs.
create or replace function _Role(
    out role smallint, out move uuid, out sealed_for bigint, out other text, out reason text, out era bigint,
    out since timestamptz)
language sql stable security definer
set search_path from current
as $$
    select h.role, h.move, h.sealed_for, h.other, coalesce(h.closed_reason, ''), h.era, h.role_since
      from TaskHubs h where h.task_hub = _AnyHub()
$$;

-- [ROLE-2] [ROLE-3] [ROLE-4] Gives the hub of this login another role if its era is still p_era. An empty
-- p_reason opens it. Caller: the plugin. Tables: GlobalSettings (read), TaskHubs, ChangedInstances, those of
-- _FeedTables. PD007 when calls are under way for too long; PD002 a source where logins keep hubs apart.
create or replace function _ChangeRole(
    p_era bigint, p_role smallint, p_move uuid, p_sealed_for bigint, p_other text, p_reason text,
    out is_changed boolean, out store_time timestamptz)
language plpgsql volatile security definer
set search_path from current
as $$
declare
    v_begun constant timestamptz := clock_timestamp();
    v_feeds constant boolean := p_role in (1, 2);
    v_hub integer;
    v_fed boolean;
begin
    v_hub := _Barrier();
    if v_feeds and exists (select from GlobalSettings g where g.name = 'TaskHubMode' and g.value = '1') then
        raise exception 'where logins keep hubs apart, none can be the source of a live move'
            using errcode = 'PD002';
    end if;
    store_time := _Now();
    select h.role in (1, 2) into v_fed from TaskHubs h where h.task_hub = v_hub and h.era = p_era;
    is_changed := found;
    if not is_changed then
        return;
    end if;
    if v_feeds <> v_fed then
        -- What was noted for another move is of no use to this one.
        delete from ChangedInstances c where c.task_hub = v_hub;
    end if;
    if v_feeds and not v_fed then
        perform _BeginFeed(v_begun);
    end if;
    update TaskHubs h
       set role = p_role, move = p_move, sealed_for = p_sealed_for, other = p_other,
           closed_reason = nullif(p_reason, ''), era = h.era + 1, role_since = store_time
     where h.task_hub = v_hub;
    if not v_feeds then
        perform _EndFeed();
    end if;
    perform _EndWaits();
end
$$;

-- [ROLE-5] Refuses (PD002) to write into the target of a move for anybody but who gave it its role, in p_era.
-- Caller: _WriteImages, _RemoveImages. Tables: TaskHubs.
create or replace function _CheckMover(p_hub integer, p_era bigint) returns void
language plpgsql volatile
as $$
declare
    v_era bigint;
begin
    -- Until the end of this call no other mover gives it a role.
    select h.era into v_era from TaskHubs h where h.task_hub = p_hub and h.role in (4, 5, 6) for share;
    if v_era <> coalesce(p_era, 0) then
        raise exception 'another mover has taken over: the hub''s role has era %, and this handle gave it %',
            v_era, coalesce('era ' || nullif(p_era, 0), 'none') using errcode = 'PD002';
    end if;
end
$$;

-- [ROLE-1] Takes the hub out of any move, open. Caller: _DeleteHub. Tables: TaskHubs, ChangedInstances.
create or replace function _LeaveMove(p_hub integer) returns void
language plpgsql volatile
as $$
declare
    v_role smallint;
begin
    select h.role into v_role from TaskHubs h where h.task_hub = p_hub;
    update TaskHubs h
       set closed_reason = null, role = 0, move = null, sealed_for = 0, other = '',
           era = h.era + case when h.role = 0 then 0 else 1 end,
           role_since = case when h.role = 0 then h.role_since else _Now() end
     where h.task_hub = p_hub and (h.role <> 0 or h.closed_reason is not null or h.other <> '');
    delete from ChangedInstances c where c.task_hub = p_hub;
    if v_role in (1, 2) then
        perform _EndFeed();
    end if;
end
$$;

-- [ROLE-4] Changes in the order of their numbers, at most p_limit. Caller: the plugin. Tables, read only:
-- TaskHubs, ChangedInstances.
create or replace function _Changes(p_limit integer, out numbers bigint[], out ids text[])
language sql stable security definer
set search_path from current
as $$
    select array_agg(s.change order by s.change), array_agg(s.instance_id order by s.change)
      from (select c.change, c.instance_id from ChangedInstances c
             where c.task_hub = _AnyHub() order by c.change limit p_limit) s
$$;

-- How many there are, at most p_limit. Caller: the plugin. Tables, read only: TaskHubs, ChangedInstances.
create or replace function _CountChanges(p_limit integer) returns bigint
language sql stable security definer
set search_path from current
as $$
    select count(*) from (select from ChangedInstances c where c.task_hub = _AnyHub() limit p_limit) s
$$;

-- Takes away the changes with these numbers. Caller: the plugin. Tables: ChangedInstances.
create or replace function _ForgetChanges(p_numbers bigint[]) returns void
language plpgsql volatile security definer
set search_path from current
as $$
declare
    v_hub constant integer := _AnyHub();
begin
    delete from ChangedInstances c where c.task_hub = v_hub and c.change = any(p_numbers);
end
$$;
