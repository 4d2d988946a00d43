#!/usr/bin/env bash
# listen before a reader that takes nothing while 200,000 messages wait: bounded memory, and in the end all of them, once, in order.
. "${0%/*}/../lib/tap.sh"

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

# --- the same with a filter that drops the messages: they count for backpressure, too
sleep 900 <pipe &
holder=$!
tap_pids+=("$holder")
rm -f beat
XDG_STATE_HOME=$scratch/state-alice timeout --foreground 600 "$KANDY_BIN" listen --heartbeat beat \
	--select '.parts[0].text | startswith("pass")' >pipe 2>filter.err &
listener_pid=$!
wait_for test -e beat
filter_pid=$(pgrep -P "$listener_pid")
burst() { # COUNT LABEL
	control "{\"do\":\"burst\",\"from\":\"bob@sandbox.example\",\"to\":\"alice@sandbox.example\",\"count\":$1,\"conversations\":1,\"size\":200,\"label\":\"$2\",\"hold\":false}"
	wait_for bursts 0
}
burst 600 pass # more than the pipe holds
burst 60000 drop
cat pipe >filtered &
cat_pid=$!
wait_for test -s filtered
kill "$holder"
burst 1 pass-last
last_there() { grep -q pass-last filtered; }
ok 'behind 60,000 that a filter leaves out, what it lets through comes' wait_for last_there
filter_memory=$(awk '/VmHWM/ { print $2 }' "/proc/$filter_pid/status")
kill "$listener_pid"
wait "$listener_pid"
wait "$cat_pid"
is "$(wc -l <filtered)" 601 'all messages are printed'
case ${KANDY_WRAP:-}$(nm -D "$KANDY_BIN" 2>/dev/null | grep -c __asan_init) in
0) ok "in at most 32 MiB of memory ($memory kB, $filter_memory kB with a filter)" test "$((memory > filter_memory ? memory : filter_memory))" -le 32768 ;;
*) diag "memory under a checker: $memory kB" ;;
esac
finish
