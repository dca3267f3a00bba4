# What the demo shows: numbered steps with their times, commands as one would type them, tables. Sourced by story.sh.

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
  bold=$'\e[1m' dim=$'\e[2m' red=$'\e[31m' green=$'\e[32m' cyan=$'\e[36m' plain=$'\e[0m'
else
  bold='' dim='' red='' green='' cyan='' plain=''
fi

began=$EPOCHREALTIME
step_began=$began
step_number=0
step_title=''

# Seconds from $1 until $2 (default: now), with one decimal.
seconds_since() { awk -v from="$1" -v to="${2:-$EPOCHREALTIME}" 'BEGIN { printf "%.1f", to - from }'; }

# Bytes for a person, three digits, as seawall itself writes them: 314572800 -> 315 MB
human() {
  awk -v n="$1" 'BEGIN { split("B kB MB GB TB", unit, " "); i = 1; while (n >= 999.5 && i < 5) { n /= 1000; i++ }
                         digits = i == 1 || n >= 99.95 ? 0 : n >= 9.995 ? 1 : 2
                         printf("%.*f %s", digits, n, unit[i]) }'
}

end_step() {
  [ -z "$step_title" ] || printf '    %s%s s%s\n' "$dim" "$(seconds_since "$step_began")" "$plain"
  step_title=''
}

step() {
  end_step
  step_number=$((step_number + 1)) step_title=$1 step_began=$EPOCHREALTIME
  printf '\n%s%2d  %s%s\n' "$bold$cyan" "$step_number" "$step_title" "$plain"
}

say() { printf '    %s\n' "$*"; }
good() { printf '    %s%s%s\n' "$green" "$*" "$plain"; }
bad() { printf '    %s%s%s\n' "$red" "$*" "$plain"; }
indent() { sed -u 's/^/      /'; }

# Runs a command in view: the line as one would type it, then what it answers. Progress stays on a terminal.
shown() {
  local line=''
  for word in "$@"; do
    case $word in
      *[[:space:]\'\"]*) line+=" \"$word\"" ;;
      *) line+=" $word" ;;
    esac
  done
  printf '    %s$%s%s\n' "$bold" "${line//"$home"/\~}" "$plain"
  if [ -t 2 ]; then "$@" | indent; else "$@" 2>&1 | indent; fi
}

# Runs a command out of view; what it says is shown only if something fails.
quietly() { "$@" >>"$home/quiet.log" 2>&1; }

# A line that is rewritten on a terminal, and left out of a log.
passing() { [ ! -t 1 ] || printf '\r\e[K    %s%s%s' "$dim" "$*" "$plain"; }
passed() { [ ! -t 1 ] || printf '\r\e[K'; }

# Tab-separated lines on standard input as columns; the first line is the head.
table() {
  awk -F'\t' -v bold="$bold" -v plain="$plain" '
    { for (i = 1; i <= NF; i++) { cell[NR, i] = $i; if (length($i) > width[i]) width[i] = length($i) } columns[NR] = NF }
    END {
      for (row = 1; row <= NR; row++) {
        line = ""
        for (i = 1; i <= columns[row]; i++) line = line sprintf((i < columns[row] ? "%-" (width[i] + 2) "s" : "%s"), cell[row, i])
        printf "      %s%s%s\n", row == 1 ? bold : "", line, row == 1 ? plain : ""
      }
    }'
}
