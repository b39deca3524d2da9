#!/usr/bin/env bash
# operations_test.sh: every block of SQL in docs/operations.md can be executed, and finds what it is for.
source "$(dirname "$0")/fixture.sh"
document=$sql_folder/../../docs/operations.md
schema=sql_operations
export PGAPPNAME=operations
install
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# A hub in which everything is wrong.
as perdure_owner >/dev/null <<'END'
select _CreateHub();
select CreateInstance('Order', p_instance_id => id)
  from unnest(array['order-7', 'stuck', 'parked', 'slow', 'old', 'waiting']) id;
select TerminateInstance('old', 'a reason');
select CreateInstance('Later', p_instance_id => 'later', p_start_time => now() + interval '1 day');
select RaiseEvent('Alarm', 'later', p_delivery_time => now() + interval '2 days');
select _Worker('dead worker');
select _WorkKeys(true, array['Charge'], array[''], array[0]);
update Instances set token = 1, ready_at = null, lease_until = now() - interval '1 h',
       holder = (select worker from Workers) where instance_id = 'stuck';
update Instances set parked_reason = 'the code has changed' where instance_id = 'parked';
update Instances set ready_at = now() - interval '1 h', status = 0, history_length = 12345
 where instance_id = 'slow';
update Instances set completed_at = now() - interval '40 days', updated_at = now() - interval '40 days'
 where instance_id = 'old';
insert into NewTasks (instance_key, task, execution_id, work_key, ready_at, deliveries, version, details)
select i.instance_key, 1, i.execution_id, l.work_key, now(), 9, '', '{}'
  from Instances i, WorkKeys l where i.instance_id = 'slow' and l.is_activity;
insert into History select i.instance_key, 1, 1, '[{"type":"task_scheduled","at":1,"task":1,"name":"Charge"}]'
  from Instances i where i.instance_id = 'slow';
END

# Writes each block to a file "NUMBER SECTION"; "<!-- as LOGIN -->" is for the rest of a section.
awk -v folder="$folder" '
    /^## / { section = substr($0, 4); login = "perdure_owner" }
    /^<!-- as / { login = $3 }
    /^```sql$/ { file = sprintf("%s/%02d %s.%s", folder, ++n, section, login); next }
    /^```$/ { file = "" }
    file { print > file }
' "$document"
check "there are blocks" yes "$([ "$(find "$folder" -type f | wc -l)" -gt 15 ] && echo yes)"

# found SECTION WORD: the output of a block in this section has the word.
found() { grep -qF -- "$2" "$folder"/[0-9][0-9]" $1".*.output || check "'$1' finds" "$2" "$(cat "$folder"/*" $1".*.output)"; }

installed_shop=no
for block in "$folder"/*; do
    login=${block##*.}
    # Between the two blocks of this section the document installs the schema.
    if grep -q 'grant shop_runtime to' "$block" && [ "$installed_shop" = no ]; then
        (
            schema=shop
            arguments=()
            for file in "$sql_folder"/schema/*.sql "$sql_folder"/functions/*.sql "$sql_folder"/permissions.sql; do
                arguments+=(-f "$file")
            done
            as shop_owner -1 "${arguments[@]}"
            as postgres -1 -f "$sql_folder/permissions.sql"
        )
        installed_shop=yes
    fi
    as "$login" -f "$block" >"$block.output" 2>"$block.errors" || check "${block##*/}" "" "$(cat "$block.errors")"
done

found "Is anything wrong?" 1.3.0
found "Stuck leases" "stuck|Order|dead worker"
found "Stuck leases" "stuck||dead worker"
found Backlog "operations|orchestration|Order|"
found Backlog "event_raised|1"
found "Unserved work" "orchestration Order"
found "Parked instances" "parked|Order||"
found "Parked instances" "{1}"
found "Slow instances" "slow|Order|running|"
found "Slow instances" "slow|Order|12345|"
found "Slow instances" "slow|1|Charge|9|"
found "Slow instances" "slow|1|Charge|"
found "What happened to an instance" execution_started
found "Removing what has ended" 1
found Bloat instances
check "a block of 'Removing' purged what was old" 0 \
    "$(as perdure_owner -c "select count(*) from vInstances where InstanceID = 'old'")"

# Tenants as the document makes them have a hub each.
as tenant_a -c "select shop._CreateHub(), shop.CreateInstance('Order', p_instance_id => 'mine')" >/dev/null
as tenant_b -c 'select shop._CreateHub()' >/dev/null
check "the tenants of the document are apart" 'tenant_a|1 tenant_b|0' "$(for tenant in tenant_a tenant_b; do
    as $tenant -c "select shop.CurrentTaskHub(), (select count(*) from shop.vInstances)"
done | paste -sd' ')"
refused "their locks are not for all" tenant_a 42501 "select from pg_locks"

as postgres >/dev/null <<'END'
grant select on pg_catalog.pg_locks to public;
grant execute on function pg_catalog.pg_lock_status() to public;
drop schema shop cascade;
drop owned by shop_owner, shop_worker, shop_viewer, tenant_a, tenant_b, shop_runtime, shop_reader;
drop role shop_owner, shop_worker, shop_viewer, tenant_a, tenant_b, shop_runtime, shop_reader;
END
finish
