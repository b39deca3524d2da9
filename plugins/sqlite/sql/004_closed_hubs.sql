-- A hub can be closed, for a reason that says where its instances are, and it can have a role in a live
-- move. Brings a hub of version 3 to version 4.

-- Null while it is open.
alter table task_hub add column closed_reason text;
-- The role as the contract numbers it, 0 plain; `era` counts its changes.
alter table task_hub add column role integer not null default 0;
alter table task_hub add column move blob;
alter table task_hub add column sealed_for integer not null default 0;
alter table task_hub add column other text not null default '';
alter table task_hub add column era integer not null default 0;
alter table task_hub add column role_since integer not null default 0;

-- The instances that have changed since the hub is tracked, or closing: the last change of each. Triggers
-- fill it, which are there as long. A number is never used again.
create table changed_instances (
    number   integer primary key autoincrement,
    instance text not null unique
) strict;
