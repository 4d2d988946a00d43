#!/usr/bin/env bash
# The sandbox's misbehaviour: each fault to order, its limits, and the load generator.
. "${0%/*}/../lib/tap.sh"
. "$tests_dir/lib/sandbox.sh"

ms() { date +%s%3N; }

order() { control '{"do":"clear-faults"}'; control "$(jq -nc --arg f "$1" '{do:"fault",fault:$f}')"; }
in_history() { as_bob "$(bob_from alice@sandbox.example)?max=1"; jq -r '.chatMessageList.chatMessage[0].text' "$out"; }

serve --fault 'POST messages 1:503,2:429/7,3:429/date'
# ---- answers of requests
say a
is "$http" 503 'an HTTP status'
json "$out" '.requestError.serviceException.variables' '["injected"]' 'with an error body'
as_alice -D headers -H "$json_type" -d '{"chatMessage":{"text":"b"}}' "$(alice_to bob@sandbox.example)"
is "$http" 429 'the second request'
like headers '^Retry-After: 7' 'Retry-After in seconds'
before=$(date +%s)
as_alice -D headers -H "$json_type" -d '{"chatMessage":{"text":"b"}}' "$(alice_to bob@sandbox.example)"
after=$(date +%s)
at=$(date -d "$(sed -n 's/^Retry-After: //p' headers | tr -d '\r')" +%s)
ok 'Retry-After as a date two seconds ahead' test "$at" -ge $((before + 2)) -a "$at" -le $((after + 2))
say 'the fourth'
is "$http" 201 'the fourth passes'
is "$(in_history)" 'the fourth' 'and is the only one that was processed'
is "$(recorded 'select(.json.chatMessage) | [.status, .fault]' | tr '\n' ' ')" '[503,"503"] [429,"429/7"] [429,"429/date"] [201,null] ' 'the record names the fault'

order 'POST messages 1:drop,2:reset,3:lost'
say dropped
is "$curl_status" 52 'drop: the connection is closed'
say reset
is "$curl_status" 56 'reset: it is reset'
is "$(in_history)" 'the fourth' 'neither was processed'
say lost
is "$curl_status" 52 'lost: no answer'
is "$(in_history)" lost 'but it was processed'
order 'POST messages 1:slow/400'
start=$(ms)
say slow
ok 'slow: it takes its time' test $(($(ms) - start)) -ge 400
is "$http" 201 'and is answered'
order 'POST messages 1:hang'
as_alice -m 3 -H "$json_type" -d '{"chatMessage":{"text":"hung"}}' "$(alice_to bob@sandbox.example)"
is "$curl_status" 28 'hang: no answer and no end'
is "$(in_history)" hung 'and processed'
order 'POST messages 1:trickle/20'
start=$(ms)
say trickle
is "$http" 201 'trickle: a whole answer'
ok 'slowly' test $(($(ms) - start)) -ge 50
order 'POST messages 1:html,2:empty,3:badjson,4:redirect/https://elsewhere.example/x,5:401'
as_alice -D headers -H "$json_type" -d '{"chatMessage":{"text":"b"}}' "$(alice_to bob@sandbox.example)"
is "$http" 200 'html: 200'
like headers '^Content-Type: text/html' 'with a page'
say empty
is "$http $(wc -c <"$out")" '200 0' 'empty: 200 with nothing'
say badjson
is "$http" 201 'badjson: 201'
jq . "$out" >/dev/null 2>&1
ok 'with half an answer' test $? -ne 0 -a -s "$out"
as_alice -D headers -H "$json_type" -d '{"chatMessage":{"text":"b"}}' "$(alice_to bob@sandbox.example)"
is "$http" 302 'redirect: 302'
like headers '^Location: https://elsewhere.example/x' 'to there'
say unauthorized
is "$http" 401 '401'
order 'GET sessions 2%:500'
for wanted in 200 500 200 500; do
	as_alice "$base/cpaas/chat/v1/$alice_id/oneToOne/sessions"
	is "$http" "$wanted" 'each second one'
done

# ---- uploads and downloads
head -c 3000000 /dev/urandom >file
order 'POST objects 1:drop/100000,2:early,3:503'
upload file image/png f
ok 'an upload that is cut off' test "$curl_status" -ne 0
upload file image/png f
is "$http" 201 'one that is answered early'
json "$out" . '{}' 'with nothing in it'
upload file image/png f
is "$http" 503 'one that is refused'
upload file image/png f
is "$http" 201 'one that passes'
control '{"do":"stats"}'
json "$out" '[.attachments, .attachmentBytes]' '[1,3000000]' 'what was broken off is not kept'
order 'GET payload 1:cut/1000000,2:stall/1000,3:lost'
as_bob "$object_link"
is "$curl_status $(wc -c <"$out")" '18 1000000' 'cut: a download that ends too soon'
as_bob -m 3 "$object_link"
is "$curl_status $(wc -c <"$out")" '28 1000' 'stall: one that stops and does not end'
as_bob "$object_link"
is "$curl_status" 52 'lost'
as_bob "$object_link"
same "$out" file 'and one that is whole'

# ---- sockets
control '{"do":"clear-faults"}'
make_channel
for how in drop reset close; do
	socket_behind socket.out
	control '{"do":"drop-sockets","how":"'$how'"}'
	json "$out" .count 1 "sockets are dropped: $how"
	wait "$socket_pid"
	case $how in drop) wanted='{"end":true}' ;; reset) wanted='{"error":"ECONNRESET"}' ;; close) wanted='{"close":1001}' ;; esac
	json socket.out . "$wanted" 'and the client sees it'
done
control '{"do":"fault","fault":"GET websocket 1:403,2:503,3:drop"}'
for wanted in '{"http":403}' '{"http":503}' '{"end":true}'; do
	socket
	json "$out" . "$wanted" 'an upgrade that is refused'
done
control '{"do":"sockets","fragment":3,"duplicate":2}'
socket_behind socket.out --count 3
say one; say two
wait "$socket_pid"
is "$(jq -r .chatMessageNotification.chatMessage.text socket.out | tr '\n' ' ')" 'one two two ' 'fragments put together, each second notification twice'
is "$(jq -r .chatMessageNotification.id socket.out | sort -u | wc -l)" 2 'with the same id'
socket_behind socket.out --count 10 --frames
say fragments
wait "$socket_pid"
ok 'fragments of 1 to 3 bytes' jq -se 'all(.bytes >= 1 and .bytes <= 3) and (map(.final)|any|not) and .[0].kind == 1 and .[1].kind == 0' socket.out
control '{"do":"sockets","fragment":0,"duplicate":0,"reorder":2}'
socket_behind socket.out --count 4
for i in 1 2 3 4; do say $i; done
wait "$socket_pid"
is "$(jq -r .chatMessageNotification.chatMessage.text socket.out | tr '\n' ' ')" '1 3 2 4 ' 'reorder: behind its successor'
control '{"do":"sockets","reorder":0,"mute":true}'
socket_behind socket.out --send '{"connCheck":{}}' --count 1
say after
wait "$socket_pid"
unlike socket.out connAck 'mute: no connAck'
control '{"do":"sockets","mute":false}'
socket_behind socket.out --send '{"connCheck":{}}'
wait_for grep -q connAck socket.out
control '{"do":"half-open"}'
json "$out" .count 1 'half open'
say unheard
control '{"do":"notify","to":"bob@sandbox.example","json":{"x":1}}'
json "$out" .count 0 'nothing reaches it'
ok 'and it does not end' kill -0 "$socket_pid"
unlike socket.out unheard 'nor hear'
kill "$socket_pid"
socket_behind socket.out --count 2
control '{"do":"notify","to":"bob@sandbox.example","text":"{\"broken\""}'
control '{"do":"send","from":"alice@sandbox.example","to":"bob@sandbox.example","text":"t","attachment":[{"name":"../../x","link":"https://evil.example/a","size":"7"}]}'
wait "$socket_pid"
is "$(sed -n 1p socket.out)" '{"broken"' 'any bytes'
sed -n 2p socket.out >n
json n .chatMessageNotification.chatMessage.attachment '[{"name":"../../x","link":"https://evil.example/a","size":"7"}]' 'any attachment'
socket_behind socket.out --count 1
control '{"do":"cancel-subscriptions","user":"bob@sandbox.example"}'
wait "$socket_pid"
json socket.out 'keys' '["chatSubscriptionCancellationNotification"]' 'a subscription is cancelled'
socket_behind socket.out
control '{"do":"forget-channels"}'
wait "$socket_pid"
json socket.out . '{"close":1000}' 'a channel is forgotten'
socket
json "$out" . '{"http":404}' 'for good'
password_grant alice
refresh=$(jq -r .refresh_token "$out")
control '{"do":"expire-tokens"}'
as_alice "$base/cpaas/chat/v1/$alice_id/oneToOne/sessions"
is "$http" 401 'tokens are revoked'
as_nobody -d client_id=PUB-sandbox -d grant_type=refresh_token --data-urlencode "refresh_token=$refresh" "$base/cpaas/auth/v1/token"
is "$http" 200 'and can be refreshed'
refresh=$(jq -r .refresh_token "$out")
control '{"do":"expire-tokens","refresh":true}'
as_nobody -d client_id=PUB-sandbox -d grant_type=refresh_token --data-urlencode "refresh_token=$refresh" "$base/cpaas/auth/v1/token"
is "$http" 400 'unless those are, too'
for bad in '{"do":"nothing"}' '{}' '[]' '{"do":"fault","fault":"x"}' '{"do":"send","from":"nobody@x","to":"bob@sandbox.example"}' '{"do":"burst","from":"alice@sandbox.example","to":"bob@sandbox.example","count":-1}'; do
	control "$bad"
	is "$http" 400 "no control request: $bad"
done

# ---- other readings of the protocol, and lifetimes
serve --no-tls --last-message-time until --next offset --no-range --relative-links --milliseconds --history-delay 200ms \
	--history-grows 1 --check-interval 100ms
make_channel server
as_bob "$base/cpaas/notificationchannel/v1/$bob_id/channels"
json "$out" '.notificationChannelList.notificationChannel[0]."x-connCheckRole"' '"server"' 'a channel on which the server checks'
socket_behind socket.out --count 2
wait "$socket_pid"
json socket.out . $'{"connCheck":{"interval":1}}\n{"connCheck":{"interval":1}}' 'the server checks'
for i in 1 2 3; do say "m$i"; done
ok 'times in milliseconds' jq -e '.chatMessage.dateTime > 100000000000' "$out"
start=$(ms)
as_bob "$(bob_from alice@sandbox.example)?max=2"
ok 'history takes its time' test $(($(ms) - start)) -ge 200
json "$out" '.chatMessageList | [[.chatMessage[].text], .next]' '[["m3","m2"],"o-2"]' 'a page'
as_bob "$(bob_from alice@sandbox.example)?max=2&next=o-2"
json "$out" '.chatMessageList.chatMessage | map(.text)' '["m2","m1"]' 'that shifts when something arrives'
as_bob "$(bob_from alice@sandbox.example)?lastMessageTime=$((start / 1000 - 600))"
json "$out" '.chatMessageList.chatMessage' '[]' 'what is newer than lastMessageTime is left out'
upload file image/png f
like <(echo "$object_link") '^/cpaas/nms/' 'a relative link'
as_bob -r 5-9 "$base$object_link"
is "$http $(wc -c <"$out")" '200 3000000' 'no ranges'
serve --no-tls --channel-max-life 1s
as_bob -H "$json_type" -d '{"notificationChannel":{"channelLifetime":3600,"channelType":"websockets"}}' "$base/cpaas/notificationchannel/v1/$bob_id/channels"
json "$out" .notificationChannel.channelLifetime 1 'less is granted than was asked for'
channel=$(jq -r .notificationChannel.callbackURL "$out")
channel_gone() { as_bob "$base/cpaas/notificationchannel/v1/$bob_id/channels/$channel"; [ "$http" = 404 ]; }
ok 'a channel runs out' wait_for channel_gone
serve --no-tls --token-life 1s
token_gone() { as_bob "$base/cpaas/chat/v1/$bob_id/oneToOne/sessions"; [ "$http" = 401 ]; }
ok 'a token runs out' wait_for token_gone
serve --no-tls --drop-sockets-every 300ms --drop-sockets 1
make_channel
socket
like "$out" '"(end|close|error)"' 'sockets are dropped from time to time'
socket --send '{"connCheck":{}}' --count 1
json "$out" . '{"connAck":{}}' 'but not more often than was asked for'

# ---- load
serve --no-tls --keep-per-conversation 1000 --keep-messages 3000 --keep-bytes 1M --attachment-bytes 2M --queue-bytes 1M
make_channel
socket_behind socket.out --count 8000
control '{"do":"burst","from":"alice@sandbox.example","to":"bob@sandbox.example","count":8000,"conversations":4,"size":60,"label":"L"}'
wait "$socket_pid"
is $? 0 'a burst arrives'
ok 'whole and in order, in four conversations' jq -se '
	[.[].chatMessageNotification.chatMessage | {who: .senderAddress, n: (.text | split(" ")[2] | tonumber)}] | group_by(.who) |
	length == 4 and all(map(.n) == [range(1; 2001)])' socket.out
control '{"do":"stats"}'
ok 'what is kept stays within its limits' jq -e '.messages <= 6000 and .messages >= 1000 and .messageBytes <= 1048576 and .bursts == 0' "$out"
as_bob "$(bob_from alice@sandbox.example)?max=1000"
ok 'the newest are kept' jq -e '.chatMessageList.chatMessage[0].text | startswith("L 1 2000 ")' "$out"
for mode in blast single; do
	socket_behind socket.out --count 5000 --quiet
	control '{"do":"burst","from":"alice@sandbox.example","to":"bob@sandbox.example","count":5000,"size":700,"mode":"'$mode'"}'
	wait "$socket_pid"
	json socket.out '[.messages, .bytes >= 3400000 and .bytes <= 3600000]' '[5000,true]' "a burst without history: $mode"
done
for i in 1 2; do upload file image/png f; is "$http" 413 'an attachment beyond all limits'; done
head -c 1500000 file >smaller
for i in 1 2 3; do upload smaller image/png f; is "$http" 201 'one within'; done
control '{"do":"stats"}'
json "$out" '[.attachments, .attachmentBytes]' '[1,1500000]' 'the oldest give way'
socket_behind socket.out --stall
control '{"do":"burst","from":"alice@sandbox.example","to":"bob@sandbox.example","count":30000,"size":1000,"hold":false}'
ok 'a reader that does not read is closed' wait_for sockets_are 0
rss=$(awk '/VmRSS/ {print $2}' "/proc/$sandbox_pid/status")
[ -n "${KANDY_WRAP:-}" ] || grep -q libasan "/proc/$sandbox_pid/maps" || # these take memory of their own
	ok "with little memory ($rss kB)" test "$rss" -lt 40000
kill "$socket_pid" 2>/dev/null
finish
