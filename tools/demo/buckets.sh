# Backups in buckets of two regions, on this machine: Ceph's S3 gateway in each, and an emulator of AWS KMS for both. Who
# does what has a credential of its own, as at AWS. What folders.sh does for folders; sourced by story.sh.

places_words='buckets of two regions, sealed with a KMS key, and a copy of each dump in the second region'
services=$home/demo/tools/cloud/services.sh
# `status` tells when the last transaction was, and reads WAL for that, as restores do.
watcher=(env AWS_PROFILE=restorer) restorer=(env AWS_PROFILE=restorer) keeper=(env AWS_PROFILE=keeper)
from_where=(--from-replica)
cloud_job=''

# Regions, buckets and roles take half a minute; the database is made meanwhile.
places_begin() {
  export AWS_SHARED_CREDENTIALS_FILE=$home/cloud/credentials AWS_PROFILE=writer AWS_EC2_METADATA_DISABLED=true
  make_cloud >places.log 2>&1 &
  cloud_job=$!
}

make_cloud() {
  local user=arn:aws:iam:::user up
  "$services" up "$home/cloud" &
  up=$!
  trap 'kill "$up" 2>/dev/null; wait "$up"; exit 1' TERM
  wait "$up"
  # shellcheck disable=SC1091
  . "$home/cloud/environment"
  AWS_PROFILE=owner STORE=ceph S3_URL=$S3_FIRST REPLICA_S3_URL=$S3_SECOND NAME=breezycorp REGION=$REGION_FIRST \
    REPLICA_REGION=$REGION_SECOND LOCK_MODE=GOVERNANCE WRITER=$user/writer PRUNER=$user/pruner RESTORER=$user/restorer \
    WATCHER=$user/watcher KEEPER=$user/keeper demo/deploy/aws/setup.sh buckets policies >setup.said
}

places_end() {
  [ -z "$cloud_job" ] || wait "$cloud_job" 2>/dev/null || true
  [ ! -e "$home/cloud/services.json" ] || quietly "$services" down "$home/cloud"
}

make_policy() {
  while kill -0 "$cloud_job" 2>/dev/null; do
    passing "the regions come up: $(wc -l <setup.said 2>/dev/null || echo 0) of 4"
    sleep 0.3
  done
  passed
  wait "$cloud_job"
  cloud_job=''
  # shellcheck disable=SC1091
  . "$home/cloud/environment"
  export AWS_ENDPOINT_URL_KMS=$KMS BACKUP_KMS_KEY_ID=$KEY_FIRST BACKUP_KMS_REPLICA_KEY_ID=$KEY_SECOND
  say "two S3 servers and a key service run; deploy/aws/setup.sh, as their owner, made:"
  indent <setup.said
  say 'writer, pruner, restorer, watcher and keeper are users with no more rights than these; from here on the writer acts'
  shown seawall init --preset breezycorp --database "$database_url" --region "$REGION_FIRST" --replica-region "$REGION_SECOND" \
    --endpoint "$S3_FIRST" --replica-endpoint "$S3_SECOND"
  say 'at AWS itself, without the endpoints, dumps are encrypted and copied by S3; here seawall does both'
}

first_proofs() {
  step 'Can whoever steals the credential of the writer destroy backups? It tries'
  shown seawall probe write-once >probe || true # its exit status tells of what is unproven
  cat probe
  refused=$(grep -cE '  refused( |$)' probe) harmless=$(grep -cE '  harmless( |$)' probe) || true
  if grep -qE '  (lost|allowed)( |$)' probe || [ "$refused" -lt 6 ]; then
    bad 'that is not what must be'
    return 1
  fi
  good "$refused tries refused, $harmless without effect: what was written first is what is read; the rest cannot be tried here"
}

copy_dump() {
  local began=$EPOCHREALTIME
  say 'the writer may not read dumps, so the copy for the other region is made by the keeper:'
  shown "${keeper[@]}" seawall replicate dumps
  copy_seconds=$(seconds_since "$began")
}

keys_story() {
  step 'The key is replaced; no object is written anew'
  local began=$EPOCHREALTIME
  shown seawall key rotate --to "$KEY_NEXT"
  shown "${keeper[@]}" seawall key rewrap --to "$KEY_NEXT"
  rotate_seconds=$(seconds_since "$began")
}

check_backups() { shown "${keeper[@]}" seawall verify; } # it records what it found, and a restorer writes nothing

lose_first_place() {
  step 'The first region is gone: the database, its S3, its keys'
  stop_server primary immediate
  quietly "$services" lose "$home/cloud"
  if "${restorer[@]}" timeout 3 seawall -q list >>quiet.log 2>&1; then
    bad 'it still answers'
    return 1
  fi
  say "the servers of $REGION_FIRST are killed and its keys are disabled; what is left is $REGION_SECOND"
  shown "${restorer[@]}" seawall list --from-replica
}

strategy_of_places() {
  printf 'Logical dumps\t03:30 SGT, 90 days, own bucket\t%s\n' "$(human "${dump_bytes:-0}") in ${dump_seconds:-} s"
  printf 'Cross-region replication\tof the dumps\t%s\n' \
    "copied in ${copy_seconds:-} s; restored from there without the first region in ${dump_restore_seconds:-} s, content compared"
  printf 'Encryption\tcustomer-managed KMS key\tevery object sealed; key replaced in %s s\n' "${rotate_seconds:-}"
  printf 'Write-once bucket\tfor the backup role\t%s\n' "${refused:-} tries refused, ${harmless:-} without effect, none succeeded"
}
