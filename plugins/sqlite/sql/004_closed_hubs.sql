-- A hub can be closed, for a reason that says where its instances are. Brings a hub of version 3 to
-- version 4; null while it is open.

alter table task_hub add column closed_reason text;
