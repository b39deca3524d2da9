-- One word for what a worker serves and one for what a store counts, version 1.2.0. Brings an installation of
-- 1.1.0 here; nothing but names changes.

set search_path = :"schema", pg_temp;

alter table Lanes rename to WorkKeys;
alter table WorkKeys rename column lane to work_key;
alter table WorkKeys rename constraint one_lane_for_each_kind to one_work_key_for_each_kind;
alter table Instances rename column lane to work_key;
alter table Instances rename column attempts to deliveries;
alter table NewTasks rename column lane to work_key;
alter table NewTasks rename column attempts to deliveries;
alter table Ready rename column lane to work_key;
alter index ready_by_lane rename to ready_by_work_key;

-- A view that stands keeps its columns' names when it is replaced.
alter view if exists vInstances rename column Attempts to Deliveries;
alter view if exists vTasks rename column Attempts to Deliveries;

insert into Versions (semantic_version) values ('1.2.0');
