#!/usr/bin/env bash
# SMS in the listener: live and backfilled.
. "${0%/*}/../lib/tap.sh"
. "$tests_dir/lib/listener.sh"

sms() { as "$1" kandy send -q -t "sms:$2" -m "$3" >/dev/null; } # FROM NUMBER TEXT

sandbox
# the sandbox gives its users their numbers in this order
alice=+16135550100 bob=+16135550101 carol=+16135550102
sms bob $alice 'before it all'
as alice kandy subscribe -q sms >/dev/null
listener live
sms bob $alice 'live 1'
ok 'an SMS comes' wait_for listener_got live 'live 1'
as bob kandy send -q -t alice@sandbox.example -m 'no chat was subscribed' >/dev/null
stop_listener
json live.out '[.type, .sender, .destination, .direction, .parts[0].text]' "[\"sms\",\"$bob\",[\"$bob\"],\"inbound\",\"live 1\"]" \
	"the sender's number is printed, and no earlier message"

# --- away
sms bob $alice 'away 1'
sms carol $alice 'away 2'
sms alice $bob 'sent by herself'
sms bob $alice 'away 3'
listener again
ok 'after a restart, all that came meanwhile' wait_for listener_got again 'away 2'
wait_for listener_got again 'away 3'
sms bob $alice 'live 2'
ok 'live SMS follow' wait_for listener_got again 'live 2'
stop_listener
is "$(jq -r 'select(.type == "sms" and .backfilled) | .parts[0].text' again.out | sort | tr '\n' ,)" 'away 1,away 2,away 3,' 'SMS are backfilled'
is "$(jq -r --arg n $bob 'select(.destination == [$n]) | .parts[0].text' again.out | tr '\n' ,)" 'away 1,away 3,live 2,' 'messages of each number are in order'
is "$(jq -r 'select(.type == "sms") | .direction' again.out | sort | uniq -c | tr -s ' ')" ' 4 inbound' 'own messages are not printed'
ok 'the history was asked by both numbers' grep -q "remoteAddresses/[^/]*${bob#+}/localAddresses/[^/]*${alice#+}/messages" "$sandbox_record"
is "$(cat again.err)" '' 'stderr is empty'
sms bob $alice 'for cron'
sms alice $bob 'an answer'
run as alice kandy listen --once --outbound
is "$status $(jq -r 'select(.type == "sms") | .direction + " " + .parts[0].text' "$out" | tr '\n' ,)" '0 inbound for cron,outbound an answer,' \
	'--once --outbound: both directions'
run as alice kandy listen --once
is "$status $(wc -c <"$out")" '0 0' 'no SMS is printed twice'

# --- SMS that are not subscribed come neither live nor from the history
as bob kandy send -q -t alice@sandbox.example -m 'no chat was subscribed' >/dev/null
sms bob $alice 'an SMS'
run as alice kandy listen --once
is "$status $(texts "$out")" '0 an SMS,' 'a chat message to one who subscribed to SMS alone'

# --- two numbers, each with a conversation of its own with the same correspondent
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
ok 'live SMS to the second number' wait_for listener_got numbers 'live to the second'
control '{"do":"drop-sockets"}'
sms bob $alice 'after that'
ok 'a message arrives after a lost connection' wait_for listener_got numbers 'after that'
stop_listener
is "$(texts numbers.out)" 'live to the second,after that,' 'each once'

# --- lost by the socket
export KANDY_KEEPALIVE=300ms
listener lost
control '{"do":"half-open"}'
sms carol $alice 'into the void'
ok 'one that the socket lost' wait_for listener_got lost 'into the void'
stop_listener
is "$(texts lost.out)" 'into the void,' 'comes once'

# --- unsubscribed while somebody listens
export KANDY_KEEPALIVE=60s
finished() { ! kill -0 "$listener_pid" 2>/dev/null; }
listener gone
as alice kandy unsubscribe >/dev/null
wait_for finished || kill -KILL "$listener_pid"
wait_listener
is "$listener_status" 77 'a listener that nothing is subscribed for any more ends with 77'
like gone.err "no subscriptions left; run 'kandy subscribe'" 'the error names the next step'
run as alice kandy subscribe --list
is "$status $(wc -c <"$out")" '0 0' 'nothing was subscribed'
as alice kandy subscribe -q sms >/dev/null
listener gone
as alice kandy unsubscribe sms >/dev/null
control '{"do":"drop-sockets"}'
wait_for finished || kill -KILL "$listener_pid"
wait_listener
is "$listener_status" 77 'exit 77 if the channel still exists, too'
finish
