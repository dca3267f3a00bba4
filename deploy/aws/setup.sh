#!/bin/bash
# Sets up from nothing, on AWS, what seawall stores dumps and repositories in: a bucket for dumps and its replica in another
# region, a bucket for the repository, a key in each region, the role that replicates, and who may do what: writer, pruner,
# restorer, watcher. What each step is for: docs/guide/aws.md. Run it as an administrator of the account; run it again after
# a change or a failure: what is there is left or brought up to date, nothing is ever deleted.
#
#   NAME=breezycorp REGION=ap-southeast-1 REPLICA_REGION=eu-central-1 deploy/aws/setup.sh [STEP...]
#
# Steps, in this order, all of them if none is named: roles keys buckets policies replication
#
#   EXPIRE_DAYS=90          dumps are deleted by S3 when they are so old
#   LOCK_DAYS=30            and cannot be deleted by anyone before they are so old; less than EXPIRE_DAYS
#   LOCK_MODE=COMPLIANCE    so says S3; GOVERNANCE, to try things, can be undone by an administrator
#   LOCK_DAYS_MAX=400       the longest lock that may be put on an object of the repository
#   TRUSTED=ARN             who may take the roles: by default whoever in the account has a policy that says so
#   USERS=FILE              users instead of roles, for hosts that are not on AWS; their keys are added to FILE (0600), in
#                           the form of ~/.aws/credentials
#   DUMPS= REPLICA= REPOSITORY=   names of the buckets; NAME-backups-REGION, NAME-backups-REPLICA_REGION,
#                           NAME-repository-REGION
#
# For another store that speaks S3 (the steps buckets and policies):
#   S3_URL=, REPLICA_S3_URL=       where it is, for each region
#   STORE=ceph              leaves out what Ceph's gateway has not: account-wide roles, the block of public access, the
#                           bucket's default key, and the demand for If-None-Match in the bucket's policy
#   WRITER= PRUNER= RESTORER= WATCHER= ACCOUNT=    principals as its policies name them
#   KEEPER=                 whoever copies dumps to the replica, verifies, and wraps data keys anew, where the store does not copy
#
# It calls the AWS command line, which an administrator has and has logged in with, whatever the way (SSO, a second factor).
set -euo pipefail
documents=$(cd "$(dirname "$0")/../../src/app/iam_documents" && pwd)

fail() { echo "setup: $1" >&2; exit 1; }
for program in aws jq; do command -v "$program" >/dev/null || fail "$program is missing"; done
for name in NAME REGION REPLICA_REGION; do [ -n "${!name:-}" ] || fail "$name is not set; this script's first lines say what it is"; done
[[ $NAME =~ ^[a-z][a-z0-9-]{2,20}$ ]] || fail "NAME is a short name of small letters, digits and dashes, not '$NAME'"
[ "$REGION" != "$REPLICA_REGION" ] || fail "the replica must be in another region than $REGION"
expire_days=${EXPIRE_DAYS:-90} lock_days=${LOCK_DAYS:-30} lock_days_max=${LOCK_DAYS_MAX:-400} lock_mode=${LOCK_MODE:-COMPLIANCE}
for name in expire_days lock_days lock_days_max; do
  [[ ${!name} =~ ^[1-9][0-9]{0,4}$ ]] || fail "$name is a number of days, not '${!name}'"
done
[ "$lock_days" -lt "$expire_days" ] || fail "LOCK_DAYS must be less than EXPIRE_DAYS, or nothing expires in time"
case "$lock_mode" in COMPLIANCE | GOVERNANCE) ;; *) fail "LOCK_MODE is COMPLIANCE or GOVERNANCE" ;; esac
store=${STORE:-aws}
case "$store" in aws | ceph) ;; *) fail "STORE is aws or ceph" ;; esac

# One call. Endpoints other than AWS's own are for other stores and for tests; older versions of the command line do not
# know the variables that newer ones heed.
call() {
  local region=$1 service=$2 endpoint=""
  shift 2
  case "$service" in
    s3api) if [ "$region" = "$REGION" ]; then endpoint=${S3_URL:-}; else endpoint=${REPLICA_S3_URL:-${S3_URL:-}}; fi ;;
    kms) endpoint=${AWS_ENDPOINT_URL_KMS:-} ;;
    iam) endpoint=${AWS_ENDPOINT_URL_IAM:-} ;;
    sts) endpoint=${AWS_ENDPOINT_URL_STS:-} ;;
  esac
  aws --region "$region" --output json ${endpoint:+--endpoint-url "$endpoint"} "$service" "$@" </dev/null
}

# Whether a call succeeds; that something is not there yet is its only failure that may be passed over.
there() {
  local said
  if said=$(call "$@" 2>&1 >/dev/null); then return 0; fi
  case "$said" in
    *NoSuchEntity* | *NotFound* | *"Not Found"* | *"(404)"*) return 1 ;;
    *) fail "$said" ;;
  esac
}

declare -A known=()
# Sets `filled` to a document with its names filled in; not printed, so that a failure ends the script.
document() {
  local name
  filled=$(<"$documents/$1.json")
  for name in "${!known[@]}"; do filled=${filled//"\${$name}"/${known[$name]}}; done
  case "$filled" in *'${'*) fail "$1.json has a name that is not known: ${filled#*'${'}" ;; esac
  filled=$(jq -c . <<<"$filled") || fail "$1.json is no JSON once it is filled in"
}

if [ "$store" = aws ]; then
  identity=$(call "$REGION" sts get-caller-identity) || fail "AWS does not know who you are"
  account=$(jq -r .Account <<<"$identity")
  partition=$(jq -r '.Arn | split(":")[1]' <<<"$identity")
else
  account=${ACCOUNT:-} partition=aws
fi
kind=role
[ -z "${USERS:-}" ] || kind=user
prefix=$NAME-backup
arn_of() { echo "arn:$partition:iam::$account:$1/$prefix-$2"; }
known=(
  [partition]=$partition [account]=$account [region]=$REGION [replica_region]=$REPLICA_REGION
  [dumps]=${DUMPS:-$NAME-backups-$REGION} [replica]=${REPLICA:-$NAME-backups-$REPLICA_REGION}
  [repository]=${REPOSITORY:-$NAME-repository-$REGION}
  [writer]=${WRITER:-$(arn_of $kind writer)} [pruner]=${PRUNER:-$(arn_of $kind pruner)}
  [restorer]=${RESTORER:-$(arn_of $kind restorer)} [watcher]=${WATCHER:-$(arn_of $kind watcher)}
  [replicator]=$(arn_of role replicator) [trusted]=${TRUSTED:-arn:$partition:iam::$account:root}
  [expire_days]=$expire_days [lock_mode]=$lock_mode [lock_days]=$lock_days [lock_days_max]=$lock_days_max
)

# Identities. Their policies name keys and so come later, with policies.
roles() {
  local name
  if [ "$kind" = user ]; then make_users; else
    for name in writer pruner restorer watcher; do make_role "$prefix-$name" trust; done
  fi
  make_role "$prefix-replicator" replicator_trust
}

make_role() {
  document "$2"
  if there "$REGION" iam get-role --role-name "$1"; then
    call "$REGION" iam update-assume-role-policy --role-name "$1" --policy-document "$filled" >/dev/null
  else
    call "$REGION" iam create-role --role-name "$1" --assume-role-policy-document "$filled" >/dev/null
    echo "role $1"
  fi
}

make_users() {
  local name
  touch "$USERS"
  chmod 600 "$USERS"
  for name in writer pruner restorer watcher; do
    there "$REGION" iam get-user --user-name "$prefix-$name" || call "$REGION" iam create-user --user-name "$prefix-$name" >/dev/null
    [ "$(call "$REGION" iam list-access-keys --user-name "$prefix-$name" | jq '.AccessKeyMetadata | length')" = 0 ] || continue
    call "$REGION" iam create-access-key --user-name "$prefix-$name" | jq -r --arg profile "$prefix-$name" '.AccessKey |
      "[\($profile)]\naws_access_key_id = \(.AccessKeyId)\naws_secret_access_key = \(.SecretAccessKey)\n"' >>"$USERS"
    echo "user $prefix-$name, its key is in $USERS"
  done
}

# Finds the keys by their alias; makes them if asked to.
keys() {
  local make=${1:-} region name found
  for name in key replica_key; do
    region=$REGION
    [ $name = key ] || region=$REPLICA_REGION
    if found=$(call "$region" kms describe-key --key-id "alias/$prefix" 2>&1); then
      known[$name]=$(jq -r .KeyMetadata.Arn <<<"$found")
      continue
    fi
    [[ $found == *NotFound* ]] || fail "$found"
    [ "$make" = make ] || fail "there is no key alias/$prefix in $region yet: the step keys makes it"
    known[$name]=$(call "$region" kms create-key --description "backups of $NAME in $region" | jq -r .KeyMetadata.Arn)
    call "$region" kms create-alias --alias-name "alias/$prefix" --target-key-id "${known[$name]}" >/dev/null
    call "$region" kms enable-key-rotation --key-id "${known[$name]##*/}" >/dev/null
    echo "key alias/$prefix in $region"
  done
}

for_bucket() {
  known[bucket]=$1 known[bucket_region]=$2
  if [ "$2" = "$REGION" ]; then known[bucket_key]=${known[key]:-}; else known[bucket_key]=${known[replica_key]:-}; fi
}

buckets() {
  make_bucket "${known[dumps]}" "$REGION" lifecycle_dumps
  make_bucket "${known[replica]}" "$REPLICA_REGION" lifecycle_dumps
  make_bucket "${known[repository]}" "$REGION" lifecycle_repository
  local name
  for name in dumps replica; do # the repository's objects are locked one by one, for as long as each is needed
    local region=$REGION
    [ $name = dumps ] || region=$REPLICA_REGION
    document object_lock
    call "$region" s3api put-object-lock-configuration --bucket "${known[$name]}" --object-lock-configuration "$filled" >/dev/null
  done
}

make_bucket() {
  local bucket=$1 region=$2 lifecycle=$3 where=()
  for_bucket "$bucket" "$region"
  [ "$region" = us-east-1 ] || where=(--create-bucket-configuration "LocationConstraint=$region")
  if ! there "$region" s3api head-bucket --bucket "$bucket"; then
    call "$region" s3api create-bucket --bucket "$bucket" --object-lock-enabled-for-bucket "${where[@]}" >/dev/null
    echo "bucket $bucket in $region"
  fi
  # A bucket that was there may have been made without.
  call "$region" s3api put-bucket-versioning --bucket "$bucket" --versioning-configuration Status=Enabled >/dev/null
  document "$lifecycle"
  call "$region" s3api put-bucket-lifecycle-configuration --bucket "$bucket" --lifecycle-configuration "$filled" >/dev/null
  [ "$store" = aws ] || return 0
  document public_access
  call "$region" s3api put-public-access-block --bucket "$bucket" --public-access-block-configuration "$filled" >/dev/null
  call "$region" s3api put-bucket-ownership-controls --bucket "$bucket" \
    --ownership-controls 'Rules=[{ObjectOwnership=BucketOwnerEnforced}]' >/dev/null
  document encryption
  call "$region" s3api put-bucket-encryption --bucket "$bucket" --server-side-encryption-configuration "$filled" >/dev/null
}

policies() {
  local name bucket
  if [ "$store" = aws ]; then
    for name in writer pruner restorer watcher; do
      document $name
      call "$REGION" iam "put-$kind-policy" "--$kind-name" "$prefix-$name" --policy-name seawall --policy-document "$filled" >/dev/null
    done
    document replicator
    call "$REGION" iam put-role-policy --role-name "$prefix-replicator" --policy-name seawall --policy-document "$filled" >/dev/null
    put_key_policy "$REGION" "${known[key]}" key
    put_key_policy "$REPLICA_REGION" "${known[replica_key]}" replica_key
  fi
  for bucket in "${known[dumps]} $REGION dumps" "${known[replica]} $REPLICA_REGION dumps" "${known[repository]} $REGION repository"; do
    local words
    read -ra words <<<"$bucket"
    for_bucket "${words[0]}" "${words[1]}"
    bucket_policy "bucket_${words[2]}"
    call "${words[1]}" s3api put-bucket-policy --bucket "${words[0]}" --policy "$filled" >/dev/null
  done
  echo "policies"
}

# Sets `filled`, as document does.
bucket_policy() {
  if [ "$store" = aws ]; then
    document "$1"
    return
  fi
  known[bucket_key]=none
  grants
  document "$1"
  # A statement about what such a store does not know would be about every request.
  local unknown='["WriteOnce", "NoOtherKey", "NoOtherEncryption", "LocksAreBounded"'
  case "${S3_URL:-}" in http://*) unknown+=', "TlsOnly"' ;; esac
  filled=$(jq -c --argjson unknown "$unknown]" --argjson granted "$granted" '.Statement |=
    (map(select(.Sid as $sid | $unknown | index($sid) | not)) + $granted |
     map(.Action |= ([.] | flatten - ["s3:GetEncryptionConfiguration", "s3:PutEncryptionConfiguration"])))' <<<"$filled")
}

# Where identities have no policies, the bucket's says what each may do: what theirs would, as far as it is about this one.
# Sets `granted`.
grants() {
  local name statements=""
  known[key]=none known[replica_key]=none
  for name in writer pruner restorer watcher; do
    document $name
    statements+=$(jq -c --arg who "${known[$name]}" --arg role "$name" --arg bucket "arn:aws:s3:::${known[bucket]}" '
      .Statement[] | .Resource |= ([.] | flatten | map(select(. == $bucket or . == $bucket + "/*" or
        . == $bucket + "/alerts/*"))) |
      select(.Resource != []) | .Principal = {AWS: [$who]} | .Sid = $role + .Sid' <<<"$filled")
  done
  [ -z "${KEEPER:-}" ] || statements+=$(keeper_grants)
  granted=$(jq -cs . <<<"$statements")
}

# Reads everything; adds copies to the replica, and elsewhere only sidecars and what verifying found.
keeper_grants() {
  local adds='["/rewrapped/*", "/verifications/*"]'
  [ "${known[bucket]}" != "${known[replica]}" ] || adds='["/*"]'
  jq -nc --arg who "$KEEPER" --arg bucket "arn:aws:s3:::${known[bucket]}" --argjson adds "$adds" '
    {Effect: "Allow", Principal: {AWS: [$who]}} as $allow |
    ($allow + {Sid: "keeperReads", Resource: ($bucket + "/*"), Action: ["s3:GetObject", "s3:GetObjectVersion"]}),
    ($allow + {Sid: "keeperLists", Resource: $bucket, Action: ["s3:ListBucket", "s3:ListBucketVersions",
      "s3:ListBucketMultipartUploads", "s3:GetBucketLocation", "s3:GetBucketVersioning"]}),
    ($allow + {Sid: "keeperAdds", Resource: [$bucket + $adds[]], Action: ["s3:PutObject", "s3:PutObjectRetention",
      "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]})'
}

# A role that was made a moment ago may not be known to KMS yet.
put_key_policy() {
  local try said
  document "$3"
  for try in 1 2 3 4 5 6; do
    if said=$(call "$1" kms put-key-policy --key-id "$2" --policy-name default --policy "$filled" 2>&1 >/dev/null); then return 0; fi
    [[ $said == *MalformedPolicyDocument* ]] || break
    sleep $((try * 2))
  done
  fail "$said"
}

replication() {
  local try said
  document replication
  for try in 1 2 3 4 5 6; do
    if said=$(call "$REGION" s3api put-bucket-replication --bucket "${known[dumps]}" \
      --replication-configuration "$filled" 2>&1 >/dev/null); then
      echo "replication of ${known[dumps]} to ${known[replica]}"
      return 0
    fi
    [[ $said == *InvalidRequest* || $said == *InvalidArgument* ]] || break # S3 may not know the role yet
    sleep $((try * 2))
  done
  fail "$said"
}

steps=("$@")
[ $# -gt 0 ] || steps=(roles keys buckets policies replication)
for step in "${steps[@]}"; do
  case "$step" in
    roles) roles ;;
    keys) keys make ;;
    buckets | policies | replication)
      if [ "$store" = aws ] && [ -z "${known[key]:-}" ]; then keys; fi
      "$step"
      ;;
    *) fail "there is no step '$step'" ;;
  esac
done
[ "$store" != aws ] || [ -z "${known[key]:-}" ] || echo "BACKUP_KMS_KEY_ID=${known[key]}"
