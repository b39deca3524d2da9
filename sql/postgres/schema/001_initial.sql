-- The tables of Perdure on PostgreSQL, version 1.0.0. Immutable once released: a change is a new step.
--
-- Instances have a number, instance_key, that is never given twice; all other tables of an instance
-- begin with it. Where something waits for a worker stands apart, in Ready, whose rows are only
-- inserted and deleted; an Instances or NewTasks row has no index on any column that a turn changes,
-- so that its updates stay heap-only. Times are the store's clock (_Now).

set search_path = :"schema", pg_temp;

create table Versions (
    semantic_version text collate "C" primary key,
    upgrade_time     timestamptz not null default clock_timestamp()
);

create table GlobalSettings (
    name             text collate "C" primary key,
    value            text,
    changed_at       timestamptz not null default clock_timestamp(),
    last_modified_by text not null default session_user
);
-- How CurrentTaskHub() finds the hub: 0 by application_name, 1 by session_user.
insert into GlobalSettings (name, value) values ('TaskHubMode', '0');

create table TaskHubs (
    task_hub     integer generated always as identity primary key,
    name         text collate "C" not null unique,
    -- Microseconds by which a test has moved the clock.
    clock_offset bigint not null default 0,
    -- From which the names of channels and the numbers of advisory locks are made.
    wakeup_key   uuid not null default gen_random_uuid()
);

-- What can be waited for in a queue: a definition (name and version) of orchestrations, or a name,
-- queue and priority of activities. Numbers are for ever, because processes remember them.
create table Lanes (
    lane        integer generated always as identity primary key,
    task_hub    integer not null,
    is_activity boolean not null,
    name        text collate "C" not null,
    -- The version of an orchestration, the queue of an activity.
    variant     text collate "C" not null,
    priority    integer not null default 0,
    constraint one_lane_for_each_kind unique (task_hub, is_activity, name, variant, priority)
);

-- One row for each start of a worker.
create table Workers (
    worker      integer generated always as identity primary key,
    task_hub    integer not null,
    worker_id   text collate "C" not null,
    live_until  timestamptz not null default '-infinity',
    -- What it has: definitions by lane, activity names and queues by name.
    definitions integer[] not null default '{}',
    activities  text[] not null default '{}',
    queues      text[] not null default '{}',
    constraint one_row_for_each_start unique (task_hub, worker_id)
);

create sequence instance_keys;
create sequence event_sequence;

-- No check constraints on the hot tables: each is parsed anew for every statement that writes.
create table Instances (
    instance_key     bigint primary key default nextval('instance_keys'),
    task_hub         integer not null,
    lane             integer not null,
    status           smallint not null,
    execution_id     uuid not null,
    -- The lease. An expired one keeps its token until somebody else takes the instance.
    token            bigint,
    lease_until      timestamptz,
    holder           integer,
    -- The due column of its row in Ready; null when it has none.
    ready_at         timestamptz,
    not_before       timestamptz not null default '-infinity',
    -- An execution that has not begun is ready without any message.
    needs_turn       boolean not null,
    suspect          boolean not null default false,
    leased_alone     boolean not null default false,
    attempts         integer not null default 0,
    history_length   bigint not null,
    history_version  bigint not null,
    last_committer   integer,
    last_committed   bigint,
    updated_at       timestamptz not null,
    created_at       timestamptz not null,
    start_at         timestamptz,
    completed_at     timestamptz,
    -- The execution that it was created with; null while it is the current one.
    created_as       uuid,
    instance_id      text collate "C" not null,
    parent_instance  text collate "C",
    parent_execution uuid,
    parent_task      bigint,
    parked_reason    text,
    tags             jsonb
    -- A call may lease all instances of a page: it has room for a second version of each.
) with (fillfactor = 45, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 1);
create unique index instances_by_id on Instances (task_hub, instance_id);
create index instances_by_parent on Instances (task_hub, parent_instance)
    where parent_instance is not null;
create index instances_parked on Instances (task_hub, instance_key) where parked_reason is not null;

-- Consecutive events of the current execution, as one JSON array of text.
create table History (
    instance_key bigint not null,
    first        bigint not null,
    count        integer not null,
    events       text not null,
    primary key (instance_key, first)
) with (autovacuum_vacuum_scale_factor = 0.05);

-- The inbox. `due` is the greater of visible_at and arrival; turns see messages by (due, sequence).
create table NewEvents (
    instance_key  bigint not null,
    due           timestamptz not null,
    sequence      bigint not null default nextval('event_sequence'),
    visible_at    timestamptz not null,
    task          bigint not null,
    -- For the current execution only, or for any.
    for_execution boolean not null,
    is_timer      boolean not null,
    -- The lease of the completion that it came from.
    completed_by  bigint,
    event         text not null,
    primary key (instance_key, due, sequence)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 1);

-- Activities that are queued or leased.
create table NewTasks (
    instance_key bigint not null,
    task         bigint not null,
    execution_id uuid not null,
    lane         integer not null,
    token        bigint,
    lease_until  timestamptz,
    holder       integer,
    ready_at     timestamptz,
    suspect      boolean not null default false,
    leased_alone boolean not null default false,
    attempts     integer not null default 0,
    version      text collate "C" not null,
    input_codec  text,
    input        bytea,
    details      text not null,
    primary key (instance_key, task, execution_id)
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 1);

-- What waits for a worker, orchestrations (task 0) and activities: by lane, or by the negated lane
-- while it is a suspect.
create table Ready (
    lane         integer not null,
    due          timestamptz not null,
    instance_key bigint not null,
    task         bigint not null,
    execution_id uuid
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 1);
create index ready_by_lane on Ready (lane, due, instance_key, task);

-- The ids of messages that an instance has accepted.
create table MessageIds (
    instance_key bigint not null,
    message_id   text collate "C" not null,
    sequence     bigint not null,
    accepted_at  timestamptz not null,
    primary key (instance_key, message_id)
);

-- What is not read at every turn: 1 the result or reason, 2 the custom status, 3 the failure (JSON).
create table Payloads (
    instance_key bigint not null,
    kind         smallint not null,
    codec        text not null,
    bytes        bytea not null,
    primary key (instance_key, kind)
);

-- The answers of recent calls, for a caller that repeats one, and the leases that they gave, as long as one
-- of them may be held. From `until` on the leases are looked at, and one that is over makes its item a
-- suspect; a row without leases is deleted from then on.
create table Requests (
    task_hub     integer not null,
    request_id   uuid not null,
    answered_at  timestamptz not null,
    until        timestamptz not null,
    outcomes     smallint[] not null,
    -- How many of the outcomes are those of checkpoints, and what else the answer said.
    turns        integer not null default 0,
    detail       bigint not null default 0,
    lease_keys   bigint[],
    lease_tasks  bigint[],
    lease_tokens bigint[],
    primary key (task_hub, request_id)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 1);
create index requests_with_leases on Requests (task_hub, until) where lease_keys is not null;
create index requests_without_leases on Requests (task_hub, until) where lease_keys is null;
alter table Requests alter column outcomes set storage external;
alter table Requests alter column lease_keys set storage external;
alter table Requests alter column lease_tasks set storage external;
alter table Requests alter column lease_tokens set storage external;

-- How batches travel: a composite value of equally long arrays. `turn` is the number of the
-- checkpoint, from 1, that an element belongs to.

-- Of turns ahead: the activity that ended, the history version that the turn began with, and the
-- event of that end; elements of other turns are null, and so are the arrays if all are others.
create type turn_batch as (
    instance_key bigint[], token bigint[], execution_id uuid[], status smallint[], events integer[],
    after_task bigint[], after_version bigint[], after_event text[]);
create type consumed_batch as (turn integer[], instance_key bigint[], sequence bigint[]);
-- `skip`: events of the same checkpoint before this chunk.
create type chunk_batch as (turn integer[], skip integer[], count integer[], events text[]);
create type payload_batch as (turn integer[], kind smallint[], codec text[], bytes bytea[]);
-- A task with a token is handed to the caller.
create type task_batch as (
    turn integer[], task bigint[], lane integer[], token bigint[], version text[],
    input_codec text[], input bytea[], details text[]);
create type cancelled_batch as (turn integer[], task bigint[], is_timer boolean[]);
create type timer_batch as (turn integer[], task bigint[], fire_at timestamptz[], event text[]);
-- `turn` is null when a client sends them.
create type message_batch as (
    turn integer[], target text[], event text[], message_id text[], execution_id uuid[],
    task bigint[], visible_at timestamptz[]);
-- `turn` and `refused_event` are null when a client creates them; `replaceable` has a bit for each
-- status, tags is JSON.
create type instance_batch as (
    turn integer[], instance_id text[], execution_id uuid[], lane integer[], start_event text[],
    start_at timestamptz[], tags text[], parent_instance text[], parent_execution uuid[],
    parent_task bigint[], refused_event text[], replaceable integer[], replaced_event text[]);
create type termination_batch as (
    turn integer[], target text[], event text[], final_event text[], codec text[], bytes bytea[],
    parent_event text[]);
create type continued_batch as (
    turn integer[], execution_id uuid[], version text[], start_event text[], kept_count integer[],
    kept_events text[], tags text[]);
create type completion_batch as (
    instance_key bigint[], task bigint[], execution_id uuid[], token bigint[], event text[]);
-- What a worker can begin: as many items as there are tokens. Durations are microseconds.
create type room as (
    worker integer, lease bigint, definitions integer[], tokens bigint[], activities text[],
    queues text[], task_tokens bigint[], messages integer, bytes bigint, suspects boolean,
    -- Look for leases that are over; has whatever there is; look for orchestrations, and for
    -- activities, that are ready since then or later.
    expire boolean, everything boolean, since timestamptz, task_since timestamptz,
    -- To be told when it looks for leases that are over: earlier calls of the process whose leases have all
    -- ended, and one that it made after that. If the store has lost the latter, it may have lost the ends.
    ended_calls uuid[], ended_before uuid);
-- From when on the next look may look, and how many microseconds this one took.
create type low_water as (since timestamptz, task_since timestamptz, took bigint);

-- Leased work. `item` is the number of the orchestration, from 1.
create type orchestration_batch as (
    instance_key bigint[], token bigint[], instance_id text[], execution_id uuid[], lane integer[],
    status smallint[], history_version bigint[], history_length bigint[], attempts integer[],
    suspect boolean[], has_frame boolean[],
    message_item integer[], message_sequence bigint[], message_visible_at timestamptz[],
    message_task bigint[], message_event text[],
    chunk_item integer[], chunk_first bigint[], chunk_count integer[], chunk_events text[]);
create type activity_batch as (
    instance_key bigint[], task bigint[], execution_id uuid[], token bigint[], instance_id text[],
    name text[], queue text[], version text[], input_codec text[], input bytea[], details text[],
    attempts integer[], suspect boolean[]);

-- What a commit has changed: the like-named parts of its answer; of its instances, `waiting` have work.
create type commit_effect as (
    repeated boolean, store_time timestamptz, turn_outcomes smallint[], firsts bigint[],
    done_outcomes smallint[], dropped integer, ended text[], handed orchestration_batch,
    waiting integer, left_ready boolean, next_due timestamptz);
