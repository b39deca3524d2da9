-- Feature levels and kinds of instances, version 1.1.0. Brings an installation of 1.0.0 here; a new one
-- climbs both steps.

set search_path = :"schema", pg_temp;

-- The types of batches are code from here on, and so made by functions/05_types.sql, which also drops the
-- functions that only functions call. What 1.0.0 had with other parameters, and people call, goes here:
-- it would stand beside its successor.
do $$
declare
    v_type text;
begin
    drop function if exists GetScaleMetric();
    -- Those of a type are its functions for the plugin.
    foreach v_type in array array[
        'turn_batch', 'consumed_batch', 'chunk_batch', 'payload_batch', 'task_batch', 'cancelled_batch',
        'timer_batch', 'message_batch', 'instance_batch', 'termination_batch', 'continued_batch',
        'completion_batch', 'room', 'low_water', 'orchestration_batch', 'activity_batch',
        'commit_effect'] loop
        execute format('drop type %I cascade', v_type);
    end loop;
end
$$;

-- A definition is a name and version of orchestrations, as in 1.0.0, and also the kind of their instances
-- (0 orchestration) and the feature level that their histories need (1: all that 1.0.0 had). Lanes
-- of activities have 0 and 1.
alter table Lanes
    add column kind smallint not null default 0,
    add column feature_level smallint not null default 1,
    drop constraint one_lane_for_each_kind,
    add constraint one_lane_for_each_kind
        unique (task_hub, is_activity, name, variant, priority, kind, feature_level);

-- Numbers of lanes and workers begin anywhere, so that whoever remembers those of an installation that was
-- dropped finds none of them in its successor. Where a hub exists they go on from where they are: nothing
-- was dropped, so what processes remember of them is right, and rows and running workers name them.
do $$
begin
    if not exists (select from TaskHubs) then
        execute format('alter table Lanes alter column lane restart with %s',
                       1 + floor(random() * 1e9)::integer);
        execute format('alter table Workers alter column worker restart with %s',
                       1 + floor(random() * 1e9)::integer);
    end if;
end
$$;

-- A worker of 1.0.0 that has never renewed stands there with a life that ended before all times; it counts
-- as one that ended now, as a worker's row is made from here on.
update Workers set live_until = clock_timestamp() where live_until = '-infinity';

insert into Versions (semantic_version) values ('1.1.0');
