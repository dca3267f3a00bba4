#!/bin/sh
# Gives PostgreSQL one file of a seawall repository's WAL, without seawall:
#   restore_command = '/path/to/restore_command.sh /backup/wal/0001 %f %p'
# Exit 1 says that the archive does not have it, which is how recovery learns that it is at the end; 200 that it is damaged,
# which stops recovery.
wal=$1 name=$2 to=$3
case $name in
*.history) object=$wal/history/$name ;;
*) object=$wal/$(printf %.8s "$name")/$(printf %s "$name" | cut -c 9-16)/$name ;;
esac
if [ -e "$object.zst" ]; then
  zstd -dcq "$object.zst" >"$to" || exit 200
  exit 0
fi
# No whole segment: perhaps chunks of it, as they were streamed. They count from byte 0 up to the first hole.
end=00000000
ls "$object.d/$end"-*.zst >/dev/null 2>&1 || exit 1
: >"$to"
for chunk in "$object".d/*.zst; do
  range=$(basename "$chunk" .zst)
  [ "${range%-*}" = "$end" ] || continue
  zstd -dcq "$chunk" >>"$to" || exit 200
  end=${range#*-}
  segment_bytes=$(od -An -tu4 -j116 -N4 "$chunk")
done
truncate -s "$((segment_bytes))" "$to" # zeros behind the last byte that came
