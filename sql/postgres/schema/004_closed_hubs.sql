-- Hubs that are closed or take part in a live move, version 1.3.0. Brings an installation of 1.2.0 here. The
-- reason why one is closed says where its instances are.

set search_path = :"schema", pg_temp;

alter table TaskHubs
    -- Null while it is open.
    add column closed_reason text,
    -- As the contract numbers it, 0 plain; `era` counts its changes.
    add column role smallint not null default 0,
    add column move uuid,
    add column sealed_for bigint not null default 0,
    add column other text not null default '',
    add column era bigint not null default 0,
    add column role_since timestamptz not null default '1970-01-01 00:00:00+00';

-- The instances that have changed since their hub is tracked, or closing, once for each statement that did
-- it. Triggers fill it, which are there as long.
create table ChangedInstances (
    change      bigint generated always as identity,
    task_hub    integer not null,
    instance_id text collate "C" not null,
    primary key (task_hub, change)
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 1);

insert into Versions (semantic_version) values ('1.3.0');
