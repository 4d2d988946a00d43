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

# --- what is not subscribed comes neither live nor from the history
as bob kandy send -q -t alice@sandbox.example -m 'no chat was subscribed' >/dev/null
sms bob $alice 'an SMS'
run as alice kandy listen --once
is "$status $(texts "$out")" '0 an SMS,' 'a chat message to one who subscribed to SMS alone'

# --- two numbers, each with a conversation of its own with the same correspondent
control() { curl -sS --max-time "$patience" --cacert "$KANDY_CACERT" -d "$1" "$KANDY_BASE_URL/sandbox/control" >"$scratch/control" 2>&1; }
second=+16135559999
control "{\"do\":\"number\",\"user\":\"alice@sandbox.example\",\"number\":\"$second\"}"
now=$(date +%s)
control "{\"do\":\"message-time\",\"at\":$((now - 100))000}"
sms bob $alice 'to the first'
sms bob $second 'to the second'
control '{"do":"message-time"}'
sms carol $alice 'newer'
run as alice kandy listen --once --since $((now - 200))
is "$status $(jq -r '.parts[0].text' "$out" | sort | tail -n 3 | paste -sd,)" '0 newer,to the first,to the second' 'both come from the history'
listener numbers
sms bob $second 'live to the second'
ok 'and live' wait_for got numbers 'live to the second'
curl -sS --cacert "$KANDY_CACERT" -d '{"do":"drop-sockets"}' "$KANDY_BASE_URL/sandbox/control" >control.out
sms bob $alice 'after that'
ok 'after a loss' wait_for got numbers 'after that'
kill "$listener_pid"
ended
is "$(texts numbers.out)" 'live to the second,after that,' 'each once'

# --- lost by the socket
export KANDY_KEEPALIVE=300ms
listener lost
curl -sS --cacert "$KANDY_CACERT" -d '{"do":"half-open"}' "$KANDY_BASE_URL/sandbox/control" >control.out
sms carol $alice 'into the void'
ok 'one that the socket lost' wait_for got lost 'into the void'
kill "$listener_pid"
ended
is "$(texts lost.out)" 'into the void,' 'comes once'

# --- unsubscribed while somebody listens
export KANDY_KEEPALIVE=60s
finished() { ! kill -0 "$listener_pid" 2>/dev/null; }
listener gone
as alice kandy unsubscribe >/dev/null
wait_for finished || kill -KILL "$listener_pid"
ended
is "$ended_with" 77 'a listener that nothing is subscribed for any more ends with 77'
like gone.err "nothing is subscribed any more; run 'kandy subscribe'" 'and says so'
run as alice kandy subscribe --list
is "$status $(wc -c <"$out")" '0 0' 'and has subscribed to nothing'
as alice kandy subscribe -q sms >/dev/null
listener gone
as alice kandy unsubscribe sms >/dev/null
curl -sS --cacert "$KANDY_CACERT" -d '{"do":"drop-sockets"}' "$KANDY_BASE_URL/sandbox/control" >control.out
wait_for finished || kill -KILL "$listener_pid"
ended
is "$ended_with" 77 'the same where the channel is still there'
finish
