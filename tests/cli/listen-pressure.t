#!/usr/bin/env bash
# listen before a reader that takes nothing while 200,000 messages wait: bounded memory, and in the end all of them, once, in order.
. "${0%/*}/../lib/tap.sh"

control() { curl -sS --max-time "$patience" --cacert "$KANDY_CACERT" -d "$1" "$KANDY_BASE_URL/sandbox/control" >"$scratch/control" 2>&1; }
bursts() { control '{"do":"stats"}' && jq -e ".bursts == $1" "$scratch/control"; }
count=200000

sandbox
export KANDY_KEEPALIVE=1s
as alice kandy whoami >/dev/null
mkfifo pipe
sleep 900 <pipe & # holds the pipe open, and reads nothing
holder=$!
tap_pids+=("$holder")
XDG_STATE_HOME=$scratch/state-alice timeout --foreground 600 "$KANDY_BIN" listen --heartbeat beat >pipe 2>listen.err &
listener_pid=$!
wait_for test -e beat
kandy_pid=$(pgrep -P "$listener_pid")
control "{\"do\":\"burst\",\"from\":\"bob@sandbox.example\",\"to\":\"alice@sandbox.example\",\"count\":$count,\"conversations\":4,\"size\":200,\"label\":\"P\",\"hold\":false}"
wait_for bursts 0
sleep 3 # ten missed connAcks: the silence is of our own making
ok 'the listener lives' kill -0 "$kandy_pid"
cat pipe >all &
cat_pid=$!
wait_for test -s all
kill "$holder"
all_there() { [ "$(wc -l <all)" -ge "$count" ]; }
wait_for all_there
memory=$(awk '/VmHWM/ { print $2 }' "/proc/$kandy_pid/status")
kill "$listener_pid"
wait "$listener_pid"
is $? 143 'a clean end'
wait "$cat_pid"
is "$(jq -r '.parts[0].text' all | awk -v count="$count" '
	{ if ($3 != last[$2] + 1) disorder++; last[$2] = $3 } END { print NR, disorder + 0, last[1], last[2], last[3], last[4] }')" \
	"$count 0 $((count / 4)) $((count / 4)) $((count / 4)) $((count / 4))" "$count messages, each once, in order"
case ${KANDY_WRAP:-}$(nm -D "$KANDY_BIN" 2>/dev/null | grep -c __asan_init) in
0) ok "in at most 32 MiB of memory ($memory kB)" test "$memory" -le 32768 ;;
*) diag "memory under a checker: $memory kB" ;;
esac
finish
