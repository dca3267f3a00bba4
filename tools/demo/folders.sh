# Backups in folders of the demo's own. What buckets.sh does for buckets; sourced by story.sh.

places_words="a folder of this demo; 'make demo-s3' has them in buckets of two regions"
watcher=() restorer=() from_where=() # one user does it all

places_begin() { :; }
places_end() { :; }

make_policy() { shown seawall init --preset breezycorp --database "$database_url" --store "$home/backups"; }

first_proofs() { :; }
copy_dump() { :; }
keys_story() { :; }
check_backups() { shown seawall verify; }
lose_first_place() { :; }

strategy_of_places() {
  printf 'Logical dumps\t03:30 SGT, 90 days\t%s\n' \
    "$(human "${dump_bytes:-0}") in ${dump_seconds:-} s; restored elsewhere in ${dump_restore_seconds:-} s, content compared"
}
