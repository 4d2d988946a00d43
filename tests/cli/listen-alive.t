#!/usr/bin/env bash
# listen is never deaf: whatever cuts it off is noticed within three keep-alive intervals and mended, and others can see that it is alive.
. "${0%/*}/../lib/tap.sh"
. "$tests_dir/lib/listener.sh"
listener_command=(timeout --foreground "$patience" kandy listen --events)

# Comes through, once
arrives() { # FILE TEXT NAME
	wait_for grep -q "\"$2\"" "$1"
	is "$(grep -c "\"$2\"" "$1")" 1 "$3" || diag "$(cat "${1%.out}.err")"
}

sandbox
export KANDY_KEEPALIVE=300ms
as alice kandy whoami >/dev/null

# --- silence
listener mute
control '{"do":"sockets","mute":true}'
wait_for grep -q disconnected mute.out
like mute.out 'no data for' 'a server that answers no connCheck is left'
control '{"do":"sockets","mute":false}'
send_text 'heard again'
arrives mute.out 'heard again' 'a message arrives after the reconnect'
stop_listener

listener half
control '{"do":"half-open"}'
send_text 'into the void'
arrives half.out 'into the void' 'a half-open connection is noticed, and what it swallowed comes from the history'
stop_listener

# --- channel, lifetime, tokens, subscriptions
listener forget
control '{"do":"forget-channels"}'
send_text 'nobody was subscribed'
arrives forget.out 'nobody was subscribed' 'a forgotten channel is re-created, and the gap backfilled'
send_text 'live again'
arrives forget.out 'live again' 'live messages arrive after the channel was re-created'
control '{"do":"cancel-subscriptions"}'
send_text 'between two subscriptions'
arrives forget.out 'between two subscriptions' 'a cancelled subscription is re-created, and the gap backfilled'
wait_for grep -q resubscribed forget.out
send_text 'subscribed again'
arrives forget.out 'subscribed again' 'live messages arrive after the subscription was re-created'
like forget.out '"status":"resubscribed"' '--events tells'
control '{"do":"expire-tokens"}'
control '{"do":"drop-sockets"}'
send_text 'with a new token'
arrives forget.out 'with a new token' 'a token that was revoked is renewed'
stop_listener

# --- cancelled while no connection was open
as alice kandy subscribe -q chat sms receipts >/dev/null
control '{"do":"cancel-subscriptions"}'
listener deaf
send_text 'are you there'
arrives deaf.out 'are you there' 'subscriptions that were cancelled meanwhile are re-created'
send_text 'and now'
arrives deaf.out 'and now' 'live messages arrive after the subscriptions were re-created'
json deaf.out 'select(.parts[0].text? == "and now") | .backfilled' null 'the message is live, not backfilled'
resubscribed() { [ "$(jq -r 'select(.status? == "resubscribed") | .reason' "$1" | sort -u | paste -sd,)" = "$2" ]; }
control '{"do":"cancel-subscriptions"}'
ok 'all subscriptions that are cancelled at once are re-created' wait_for resubscribed deaf.out 'chat,receipts,sms'
as bob kandy send -q -t sms:+16135550100 -m 'by SMS' >/dev/null
arrives deaf.out 'by SMS' 'SMS come again'
send_text 'by chat'
arrives deaf.out 'by chat' 'chat arrives too'
as alice kandy send -q -t sms:+16135550101 -m 'to be confirmed' >/dev/null
ok 'receipts arrive too' wait_for grep -q '"event":"receipt"' deaf.out
stop_listener

# --- refused upgrades
for fault in 401 403 404 429/0 503; do
	listener upgrade
	control "{\"do\":\"fault\",\"fault\":\"GET websocket 1:$fault\"}"
	control '{"do":"drop-sockets"}'
	send_text "behind $fault"
	arrives upgrade.out "behind $fault" "an upgrade refused with $fault is tried again"
	stop_listener
	control '{"do":"clear-faults"}'
done

listener refused
before=$(jq -r 'select(.method? == "POST" and (.path | endswith("/channels"))) | .path' "$sandbox_record" | wc -l)
control '{"do":"fault","fault":"GET websocket 1-6:404"}'
control '{"do":"drop-sockets"}'
send_text 'behind six refusals'
arrives refused.out 'behind six refusals' 'an upgrade that is refused for longer is tried again'
is "$(($(jq -r 'select(.method? == "POST" and (.path | endswith("/channels"))) | .path' "$sandbox_record" | wc -l) - before))" 1 'one new channel is created'
control '{"do":"stats"}'
is "$(jq .channels "$scratch/control")" 1 'the old channel is deleted'
like refused.err 'WebSocket handshake with .* failed \(HTTP 404\); reconnecting' 'the refusal is a warning'
stop_listener
control '{"do":"clear-faults"}'

# --- history that fails, or has shifted
listener history
control '{"do":"fault","fault":"GET sessions 1-2:503"}'
control '{"do":"fault","fault":"GET messages 1:drop,2:badjson"}'
control '{"do":"drop-sockets"}'
send_text 'behind a history that fails'
arrives history.out 'behind a history that fails' 'a history that fails for a while is waited for'
stop_listener
control '{"do":"clear-faults"}'

# --- giving up
listener offline --max-offline 700ms
control '{"do":"fault","fault":"GET websocket *:503"}'
control '{"do":"drop-sockets"}'
wait_listener
is "$listener_status" 69 '--max-offline ends it with 69'
like offline.err 'no connection for' 'the error names the reason'
control '{"do":"clear-faults"}'
control '{"do":"expire-tokens","refresh":true}'
run as alice timeout --foreground "$patience" kandy listen
is "$status" 77 'exit 77 if there is no way to log in again'
like "$err" 'kandy login' 'the error names the next step'
KANDY_PASSWORD=alice-secret as alice kandy login -q --username alice@sandbox.example >/dev/null

# --- a channel that lives shortly
fresh_sandbox --channel-max-life 6s --token-life 6s
# it is not the keep-alive that is tried here
KANDY_KEEPALIVE=60s listener short
puts() { jq -r 'select(.path // "" | test("channelLifetime")) | .method' "$sandbox_record" | wc -l; }
outlived() { [ "$(puts)" -ge 3 ] && jq -se 'map(select(.form.grant_type? == "refresh_token")) | any' "$sandbox_record"; }
wait_for outlived
send_text 'still here'
arrives short.out 'still here' 'lifetimes of six seconds are extended in time'
is "$(jq -r 'select(.event=="connection") | .status' short.out)" connected 'one connection all the time'
ok 'by PUTs of the lifetime, and with new tokens' outlived
control '{"do":"cancel-subscriptions","silent":true}'
ok 'a subscription that has gone without a word is noticed at the next one' wait_for resubscribed short.out chat
send_text 'subscribed again'
arrives short.out 'subscribed again' 'the channel is re-created'
stop_listener

# --- a channel that cannot be extended; its socket stays open when it has expired
fresh_sandbox --channel-max-life 4s --silent-expiry --fault 'PUT channelLifetime *:503'
KANDY_KEEPALIVE=60s listener over --retry 0
ok 'an expired channel is dropped' wait_for grep -q 'has expired' over.out
like over.err 'cannot extend the notification channel: .*503.*; retrying, it expires in' 'the failure was a warning before'
connections() { [ "$(grep -c '"status":"connected"' over.out)" -ge "$1" ]; }
wait_for connections 2
send_text 'on a new one'
arrives over.out 'on a new one' 'the new channel is used'
stop_listener

# --- a token that cannot be renewed
fresh_sandbox --token-life 6s --refresh-life 1s
KANDY_KEEPALIVE=60s listener token
wait_listener
is "$listener_status" 77 'the listener exits with 77 when a token that cannot be renewed expires'
like token.err 'token refresh failed: .*; retrying, it expires in [0-9]+ s' 'a failed token refresh is a warning'

# --- a server that asks, and seldom
fresh_sandbox --check-interval 7s
as alice kandy subscribe -q --conn-check server chat >/dev/null
KANDY_KEEPALIVE=2s listener seldom
checked() { grep -q '"direction":"out".*"connCheck"' "$sandbox_record"; }
ok 'a server whose checks come less often than three of our intervals' wait_for checked
is "$(jq -r 'select(.event == "connection") | .status' seldom.out)" connected 'the connection is not dropped'
stop_listener

# --- systemd and others
perl -MSocket -e '$| = 1; socket(my $s, AF_UNIX, SOCK_DGRAM, 0) or die; bind($s, sockaddr_un("notify.sock")) or die;
	alarm shift; while (defined recv($s, my $m, 1000, 0)) { print "$m\n"; last if $m =~ /STOPPING/ }' "$patience" >notified &
perl_pid=$!
tap_pids+=("$perl_pid")
wait_for test -S notify.sock
NOTIFY_SOCKET=$PWD/notify.sock WATCHDOG_USEC=200000 listener systemd
wait_for grep -q WATCHDOG notified
touch -d '2020-01-01' systemd.beat
fresh() { [ "$(stat -c %Y systemd.beat)" -gt 1700000000 ]; }
ok '--heartbeat: the file is touched while the server answers' wait_for fresh
stop_listener
wait "$perl_pid" 2>/dev/null
is "$(grep -v WATCHDOG notified | tr '\n' ' ')" 'READY=1 STOPPING=1 ' 'systemd hears READY and STOPPING'
ok 'the watchdog is fed' grep -q WATCHDOG=1 notified
is "$listener_status" 143 'SIGTERM: 143'
finish
