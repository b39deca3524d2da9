-- How batches travel: composite types. They are code, not state: no table has a column of one, and they
-- are made anew together with the functions.

set search_path = :"schema", pg_temp;

-- What an earlier text made, so that nothing of it stays: functions that nobody but another function
-- calls, whatever their parameters and results were, and the types. Functions for people and views stay
-- and are replaced, because an administrator's grants and somebody's own views hang on them; what a
-- later text makes of their parameters is a step of the ladder.
do $$
declare
    v_function regprocedure;
    v_type text;
begin
    for v_function in
        select p.oid::regprocedure
          from pg_catalog.pg_proc p join pg_catalog.pg_namespace n on n.oid = p.pronamespace
         where n.nspname = current_schema and left(p.proname, 1) = '_'
         order by p.proname
    loop
        begin
            execute format('drop function %s', v_function);
        exception
            when dependent_objects_still_exist then
                null;  -- A view calls it.
        end;
    end loop;
    foreach v_type in array array[
        'commit_batch', 'turn_batch', 'consumed_batch', 'chunk_batch', 'payload_batch', 'task_batch',
        'cancelled_batch', 'timer_batch', 'message_batch', 'instance_batch', 'termination_batch',
        'continued_batch', 'completion_batch', 'lone_turn', 'lone_task', 'room', 'low_water',
        'orchestration_batch', 'activity_batch', 'commit_effect', 'instance_filter', 'image_state',
        'image_batch', 'image_chunk_batch', 'image_message_batch', 'image_accepted_batch',
        'image_task_batch'] loop
        execute format('drop type if exists %I cascade', v_type);
    end loop;
end
$$;

-- A batch is a composite value of equally long arrays. `turn` is the number of the checkpoint, from 1,
-- that an element belongs to.

-- `after_version`: the history version that the turn began with. Of speculative turns: the activity that
-- ended, the last committed token that the turn began with, and the event of that end; elements of other
-- turns are null, and so are the arrays if all are others. `level`: the feature levels, null if all are 1;
-- likewise of messages.
create type turn_batch as (
    instance_key bigint[], token bigint[], execution_id uuid[], status smallint[], events integer[],
    after_task bigint[], after_version bigint[], after_committed bigint[], after_event text[],
    level smallint[]);
create type consumed_batch as (turn integer[], instance_key bigint[], sequence bigint[]);
-- `skip`: events of the same checkpoint before this chunk.
create type chunk_batch as (turn integer[], skip integer[], count integer[], events text[]);
create type payload_batch as (turn integer[], kind smallint[], codec text[], bytes bytea[]);
-- A task with a token is handed to the caller.
create type task_batch as (
    turn integer[], task bigint[], work_key integer[], token bigint[], version text[],
    input_codec text[], input bytea[], details text[]);
create type cancelled_batch as (turn integer[], task bigint[], is_timer boolean[]);
create type timer_batch as (turn integer[], task bigint[], fire_at timestamptz[], event text[]);
-- `turn` is null when a client sends them.
create type message_batch as (
    turn integer[], target text[], event text[], message_id text[], execution_id uuid[],
    task bigint[], visible_at timestamptz[], level smallint[]);
-- `turn` and `refused_event` are null when a client creates them; `replaceable` has a bit for each
-- status, tags is JSON.
create type instance_batch as (
    turn integer[], instance_id text[], execution_id uuid[], work_key integer[], start_event text[],
    start_at timestamptz[], tags text[], parent_instance text[], parent_execution uuid[],
    parent_task bigint[], refused_event text[], replaceable integer[], replaced_event text[]);
-- Only clients send them.
create type termination_batch as (
    target text[], event text[], final_event text[], codec text[], bytes bytea[], parent_event text[]);
create type continued_batch as (
    turn integer[], execution_id uuid[], version text[], start_event text[], kept_count integer[],
    kept_events text[], tags text[]);
create type completion_batch as (
    instance_key bigint[], task bigint[], execution_id uuid[], token bigint[], event text[]);
-- All that a commit does: `keys` of the instances of its turns and finished activities, each once; `targets`,
-- the ids of others that it may touch, null for none; and a batch for each kind of effect, null for none.
-- `some_end`: a checkpoint ends or continues.
create type commit_batch as (
    keys bigint[], targets text[], turns turn_batch, consumed consumed_batch, chunks chunk_batch,
    payloads payload_batch, tasks task_batch, cancelled cancelled_batch, timers timer_batch,
    messages message_batch, children instance_batch, continued continued_batch, some_end boolean,
    done completion_batch);

-- The turn of a commit that is nothing else. A speculative turn has the activity that has ended, and the
-- history version and the last commit that it follows; one that was leased has nulls. `codec` and `output`:
-- the result of one that ends its instance.
create type lone_turn as (
    instance_key bigint, token bigint, execution_id uuid, status smallint, after_task bigint,
    after_version bigint, after_committed bigint, count integer, events text, codec text, output bytea);
-- The only activity that it schedules, and hands to its worker; nulls for none.
create type lone_task as (
    task bigint, work_key integer, token bigint, version text, input_codec text, input bytea, details text);

-- What a worker can begin: as many items as there are tokens. Durations are microseconds.
create type room as (
    worker integer, lease bigint, definitions integer[], tokens bigint[], activities text[],
    queues text[], task_tokens bigint[], messages integer, bytes bigint, suspects boolean,
    -- Look for leases that are over; has whatever there is; look for orchestrations, and for
    -- activities, that are ready since then or later.
    expire boolean, everything boolean, since timestamptz, task_since timestamptz,
    -- To be told when it looks for expired leases: calls of the last minute whose leases have all ended, and
    -- the other calls that ended them. If the store does not know one of them, it has lost commits.
    ended_calls uuid[], ended_by uuid[]);
-- From when on the next look may look, and how many microseconds this one took.
create type low_water as (since timestamptz, task_since timestamptz, took bigint);

-- Leased work. `item` is the number of the orchestration, from 1.
create type orchestration_batch as (
    instance_key bigint[], token bigint[], instance_id text[], execution_id uuid[], work_key integer[],
    status smallint[], history_version bigint[], last_committed bigint[], history_length bigint[],
    deliveries integer[], suspect boolean[], has_frame boolean[],
    message_item integer[], message_sequence bigint[], message_visible_at timestamptz[],
    message_task bigint[], message_event text[],
    chunk_item integer[], chunk_first bigint[], chunk_count integer[], chunk_events text[]);
create type activity_batch as (
    instance_key bigint[], task bigint[], execution_id uuid[], token bigint[], instance_id text[],
    name text[], queue text[], version text[], input_codec text[], input bytea[], details text[],
    deliveries integer[], suspect boolean[]);

-- What a commit has changed: the like-named parts of its answer; of its instances, `waiting` have work.
create type commit_effect as (
    repeated boolean, store_time timestamptz, turn_outcomes smallint[], firsts bigint[],
    done_outcomes smallint[], dropped integer, handed orchestration_batch,
    waiting integer, left_ready boolean, next_due timestamptz);

-- Which instances a client means. Null, and an empty list, do not filter; `tag` is JSON that the tags must
-- contain, `prefix` the bytes that the id begins with.
create type instance_filter as (
    statuses smallint[], name text, version text, tag text, parent text, parked boolean, kind smallint,
    prefix bytea, created_from timestamptz, created_to timestamptz, completed_from timestamptz,
    completed_to timestamptz);

-- Images of instances. A lease has the columns of its table; holders and committers are names. What an image
-- has beside the record of its instance:
create type image_state as (
    created_as uuid, history_version bigint, last_committed bigint, last_committer text,
    needs_turn boolean, not_before timestamptz, token bigint, lease_until timestamptz, holder text,
    ready_at timestamptz, suspect boolean, leased_alone boolean, deliveries integer);
-- Images to be written. `earlier`: the number of the image before it, from 1, that has the same id;
-- `first` and `history_length`: of the events that come with it, the first one, and behind the last one.
-- An image without the end of its history has version 0 and nothing else but its record.
create type image_batch as (
    instance_id text[], earlier integer[], execution_id uuid[], created_as uuid[], work_key integer[],
    status smallint[], token bigint[], lease_until timestamptz[], holder text[], ready_at timestamptz[],
    suspect boolean[], leased_alone boolean[], deliveries integer[], not_before timestamptz[],
    needs_turn boolean[], first bigint[], history_length bigint[], history_version bigint[],
    last_committer text[], last_committed bigint[], updated_at timestamptz[], created_at timestamptz[],
    start_at timestamptz[], completed_at timestamptz[], parent_instance text[], parent_execution uuid[],
    parent_task bigint[], parked_reason text[], tags text[]);
-- Their parts. `image` is the number of the image that is written; null when one is read.
create type image_chunk_batch as (image integer[], first bigint[], count integer[], events text[]);
create type image_message_batch as (
    image integer[], sequence bigint[], due timestamptz[], visible_at timestamptz[], task bigint[],
    for_execution boolean[], is_timer boolean[], completed_by bigint[], event text[]);
create type image_accepted_batch as (image integer[], message_id text[], accepted_at timestamptz[]);
-- A work key to be written, read as name, queue and priority.
create type image_task_batch as (
    image integer[], task bigint[], execution_id uuid[], work_key integer[], token bigint[],
    lease_until timestamptz[], holder text[], ready_at timestamptz[], suspect boolean[],
    leased_alone boolean[], deliveries integer[], version text[], input_codec text[], input bytea[],
    details text[], name text[], queue text[], priority integer[]);
