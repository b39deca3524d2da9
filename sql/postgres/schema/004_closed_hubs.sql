-- A hub can be closed, for a reason that says where its instances are, version 1.3.0. Brings an installation
-- of 1.2.0 here; null while it is open.

set search_path = :"schema", pg_temp;

alter table TaskHubs add column closed_reason text;

insert into Versions (semantic_version) values ('1.3.0');
