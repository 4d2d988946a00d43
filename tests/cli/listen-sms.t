#!/usr/bin/env bash
# SMS in the listener: live, and from the history of what came while nobody listened.
. "${0%/*}/../lib/tap.sh"

listener() { # NAME OPTION...: in the background, connected
	local name=$1
	shift
	rm -f "$name.beat"
	XDG_STATE_HOME=$scratch/state-alice kandy listen --heartbeat "$name.beat" "$@" >"$name.out" 2>"$name.err" &
	listener_pid=$!
	tap_pids+=("$listener_pid")
	wait_for test -e "$name.beat"
}
ended() { wait "$listener_pid"; ended_with=$?; }
sms() { as "$1" kandy send -q -t "sms:$2" -m "$3" >/dev/null; } # FROM NUMBER TEXT
texts() { jq -r '.parts[0].text' "$1" | tr '\n' ,; }
got() { grep -q "\"$2\"" "$1.out"; }

sandbox
# the sandbox gives its users their numbers in this order
alice=+16135550100 bob=+16135550101 carol=+16135550102
sms bob $alice 'before it all'
as alice kandy subscribe -q sms >/dev/null
listener live
sms bob $alice 'live 1'
ok 'an SMS comes' wait_for got live 'live 1'
as bob kandy send -q -t alice@sandbox.example -m 'no chat was subscribed' >/dev/null
kill "$listener_pid"
ended
json live.out '[.type, .sender, .destination, .direction, .parts[0].text]' "[\"sms\",\"$bob\",[\"$bob\"],\"inbound\",\"live 1\"]" \
	'with the number that it came from, and nothing of before'

# --- away
sms bob $alice 'away 1'
sms carol $alice 'away 2'
sms alice $bob 'sent by herself'
sms bob $alice 'away 3'
listener again
ok 'after a restart, all that came meanwhile' wait_for got again 'away 2'
wait_for got again 'away 3'
sms bob $alice 'live 2'
ok 'and then what comes' wait_for got again 'live 2'
kill "$listener_pid"
ended
is "$(jq -r 'select(.type == "sms" and .backfilled) | .parts[0].text' again.out | sort | tr '\n' ,)" 'away 1,away 2,away 3,' 'from the history'
is "$(jq -r --arg n $bob 'select(.destination == [$n]) | .parts[0].text' again.out | tr '\n' ,)" 'away 1,away 3,live 2,' 'in order for each number'
is "$(jq -r 'select(.type == "sms") | .direction' again.out | sort | uniq -c | tr -s ' ')" ' 4 inbound' 'without what she has sent herself'
ok 'the history was asked by both numbers' grep -q "remoteAddresses/[^/]*${bob#+}/localAddresses/[^/]*${alice#+}/messages" "$sandbox_record"
is "$(cat again.err)" '' 'and nothing was said'
sms bob $alice 'for cron'
sms alice $bob 'an answer'
run as alice kandy listen --once --outbound
is "$status $(jq -r 'select(.type == "sms") | .direction + " " + .parts[0].text' "$out" | tr '\n' ,)" '0 inbound for cron,outbound an answer,' \
	'--once --outbound: both directions'
run as alice kandy listen --once
is "$status $(wc -c <"$out")" '0 0' 'and nothing twice'

# --- lost by the socket
export KANDY_KEEPALIVE=300ms
listener lost
curl -sS --cacert "$KANDY_CACERT" -d '{"do":"half-open"}' "$KANDY_BASE_URL/sandbox/control" >control.out
sms carol $alice 'into the void'
ok 'one that the socket lost' wait_for got lost 'into the void'
kill "$listener_pid"
ended
is "$(texts lost.out)" 'into the void,' 'comes once'
finish
