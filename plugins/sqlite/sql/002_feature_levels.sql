-- Feature levels and kinds of instances, and a clock that does not go back. Brings a hub of version 1
-- to version 2; a new hub climbs both steps.

-- One row: what all processes share. `changes` counts the changes that others may wait for. Tests
-- move the clock by clock_offset; clock_ahead and clock_said keep it from going back. `version` is
-- that of the schema: every call reads this row, and so finds out that the hub was upgraded under it.
--
-- The table was called `hub` in version 1, whose processes look at the schema's version only when they
-- open the file: now each of their calls fails for want of it, as an error of the schema.
create table task_hub (
    hub           integer primary key check (hub = 1),
    version       integer not null,
    clock_offset  integer not null default 0,
    clock_ahead   integer not null default 0,
    clock_said    integer not null default 0,
    last_sequence integer not null default 0,
    changes       integer not null default 0
) strict;
insert into task_hub (hub, version, clock_offset, last_sequence, changes)
select hub, 2, clock_offset, last_sequence, changes from hub;
drop table hub;

-- Orchestrations by name and version, as in version 1, and by the kind of their instances
-- (0 orchestration) and the feature level that their histories need (1: all that version 1 had). The
-- instances of version 1 have 0 and 1. Numbers stay, and are for ever.
alter table definitions rename to definitions_1;
create table definitions (
    definition    integer primary key autoincrement,
    name          text not null,
    version       text not null,
    kind          integer not null default 0,
    feature_level integer not null default 1,
    unique (name, version, kind, feature_level)
) strict;
insert into definitions (definition, name, version)
select definition, name, version from definitions_1;
-- The highest number that was ever given, whatever the highest row is.
delete from sqlite_sequence where name = 'definitions';
insert into sqlite_sequence (name, seq)
select 'definitions', seq from sqlite_sequence where name = 'definitions_1';
drop table definitions_1;
