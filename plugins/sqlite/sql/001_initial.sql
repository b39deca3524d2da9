-- The tables of one task hub. Times are microseconds of UTC since 1970, UUIDs are 16-byte blobs
-- (read them with hex), events are JSON.
--
-- What can be leased stands in a lane: the lane of a definition while it waits for a worker (from
-- next_at on), minus that number while it waits as a suspect, and lane 0 while it is leased, where
-- next_at is the end of the lease. So one index answers what is ready, what falls due next, and
-- which lease has expired; an item that has nothing to do stands in no lane and in no index.

create table versions (
    version      integer primary key,
    installed_at integer not null,
    plugin       text not null
) strict;

-- One row: what all processes share. `changes` counts the changes that others may wait for.
create table hub (
    hub           integer primary key check (hub = 1),
    clock_offset  integer not null default 0,
    last_sequence integer not null default 0,
    changes       integer not null default 0
) strict;
insert into hub (hub) values (1);

-- Orchestrations by name and version. Numbers are for ever, because processes remember them: neither
-- this table nor the next two ever lose a row.
create table definitions (
    definition integer primary key autoincrement,
    name       text not null,
    version    text not null,
    unique (name, version)
) strict;

-- Activities by name and queue.
create table activity_kinds (
    kind  integer primary key autoincrement,
    name  text not null,
    queue text not null,
    unique (name, queue)
) strict;

-- One row for each start of a worker; `offers` has one line for each thing it has.
create table workers (
    worker     integer primary key autoincrement,
    id         text not null unique,
    live_until integer not null default 0,
    offers     text not null default ''
) strict;

-- The columns that every turn changes come first.
create table instances (
    row                 integer primary key,
    instance            text not null unique,
    execution           blob not null,
    definition          integer not null,
    status              integer not null,
    lane                integer,
    next_at             integer,
    not_before          integer not null,
    needs_turn          integer not null,
    suspect             integer not null,
    leased_alone        integer not null,
    expired             integer not null,
    token               integer,
    holder              integer,
    attempts            integer not null,
    history_length      integer not null,
    history_version     integer not null,
    inbox_length        integer not null,
    last_committer      integer,
    last_committed      integer,
    updated_at          integer not null,
    parked_reason       text,
    created_at          integer not null,
    start_at            integer,
    completed_at        integer,
    -- The execution that it was created with; null while it is the current one.
    created_as          blob,
    parent_instance     text,
    parent_execution    blob,
    parent_task         integer,
    custom_status_codec text,
    custom_status       blob,
    output_codec        text,
    output              blob,
    failure             text
) strict;
create index instances_lanes on instances (lane, next_at) where lane is not null;
create index instances_parked on instances (row) where parked_reason is not null;
create index instances_children on instances (parent_instance) where parent_instance is not null;

create table tags (
    instance_row integer not null,
    key          text not null,
    value        text not null,
    primary key (instance_row, key)
) strict, without rowid;

-- Chunks of consecutive events, of the current execution only. Appending to a table that is ordered
-- by time touches a fraction of the pages that a table ordered by instance would.
create table history (
    number       integer primary key,
    instance_row integer not null,
    first        integer not null,
    count        integer not null,
    events       text not null
) strict;
create index history_of_instance on history (instance_row, first);

-- Messages in the order in which turns see them: `due` is the greater of visible_at and arrival.
create table inbox (
    instance_row  integer not null,
    due           integer not null,
    sequence      integer not null,
    visible_at    integer not null,
    task          integer not null,
    -- 1: only for the current execution; 0: for any.
    for_execution integer not null,
    is_timer      integer not null,
    -- The lease of the completion that it came from.
    completed_by  integer,
    event         text not null,
    primary key (instance_row, due, sequence)
) strict, without rowid;

-- The ids of messages that an instance has accepted.
create table message_ids (
    instance_row integer not null,
    id           text not null,
    number       integer not null,
    accepted_at  integer not null,
    primary key (instance_row, id)
) strict, without rowid;

create table activities (
    instance_row integer not null,
    task         integer not null,
    execution    blob not null,
    kind         integer not null,
    lane         integer not null,
    -- Minus the priority while it waits, 0 while it is leased.
    lane_rank    integer not null,
    next_at      integer not null,
    suspect      integer not null,
    leased_alone integer not null,
    token        integer,
    holder       integer,
    attempts     integer not null,
    priority     integer not null,
    version      text not null,
    input_codec  text not null,
    input        blob not null,
    details      text not null,
    primary key (instance_row, task, execution)
) strict, without rowid;
create index activities_lanes on activities (lane, lane_rank, next_at);

-- The answers of recent calls, for a caller that repeats one.
create table requests (
    number      integer primary key,
    request     blob not null unique,
    answered_at integer not null,
    outcomes    text not null,
    -- The leased items as row:task, in the order of their tokens.
    leased      text not null
) strict;
