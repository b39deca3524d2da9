-- One word for what a worker serves, a work key, and one for what a store counts, deliveries. Brings a hub of
-- version 2 to version 3; nothing but names changes. The indexes keep theirs, because SQLite would build
-- them anew.

alter table instances rename column lane to work_key;
alter table instances rename column attempts to deliveries;
alter table activities rename column lane to work_key;
alter table activities rename column lane_rank to work_key_rank;
alter table activities rename column attempts to deliveries;
