#!/usr/bin/env bash
# Fault injection, protocol variants, limits, and the load generator of the sandbox.
. "${0%/*}/../lib/tap.sh"
. "$tests_dir/lib/sandbox.sh"

ms() { date +%s%3N; }

order() { control '{"do":"clear-faults"}'; control "$(jq -nc --arg f "$1" '{do:"fault",fault:$f}')"; }
in_history() { as_bob "$(bob_from alice@sandbox.example)?max=1"; jq -r '.chatMessageList.chatMessage[0].text' "$out"; }

serve --fault 'POST messages 1:503,2:429/7,3:429/date'
# ---- responses
say a
is "$http" 503 'an HTTP status is injected'
json "$out" '.requestError.serviceException.variables' '["injected"]' 'the injected status has an error body'
as_alice -D headers -H "$json_type" -d '{"chatMessage":{"text":"b"}}' "$(alice_to bob@sandbox.example)"
is "$http" 429 'the second request gets the second rule'
like headers '^Retry-After: 7' 'Retry-After in seconds'
before=$(date +%s)
as_alice -D headers -H "$json_type" -d '{"chatMessage":{"text":"b"}}' "$(alice_to bob@sandbox.example)"
after=$(date +%s)
at=$(date -d "$(sed -n 's/^Retry-After: //p' headers | tr -d '\r')" +%s)
ok 'Retry-After as a date two seconds ahead' test "$at" -ge $((before + 2)) -a "$at" -le $((after + 2))
say 'the fourth'
is "$http" 201 'a request without a rule is processed'
is "$(in_history)" 'the fourth' 'the requests with an injected status are not processed'
is "$(recorded 'select(.json.chatMessage) | [.status, .fault]' | tr '\n' ' ')" '[503,"503"] [429,"429/7"] [429,"429/date"] [201,null] ' 'the record names the fault'

order 'POST messages 1:drop,2:reset,3:lost'
say dropped
is "$curl_status" 52 'drop: the connection is closed'
say reset
is "$curl_status" 56 'reset: the connection is reset'
is "$(in_history)" 'the fourth' 'drop and reset: the requests are not processed'
say lost
is "$curl_status" 52 'lost: no response'
is "$(in_history)" lost 'lost: the request is processed'
order 'POST messages 1:slow/400'
start=$(ms)
say slow
ok 'slow: the response is delayed' test $(($(ms) - start)) -ge 400
is "$http" 201 'slow: the request is processed'
order 'POST messages 1:hang'
as_alice -m 3 -H "$json_type" -d '{"chatMessage":{"text":"hung"}}' "$(alice_to bob@sandbox.example)"
is "$curl_status" 28 'hang: no response and no end'
is "$(in_history)" hung 'hang: the request is processed'
order 'POST messages 1:trickle/10'
start=$(ms)
say trickle
is "$http" 201 'trickle: the response is complete'
ok 'trickle: a short response is throttled' test $(($(ms) - start)) -ge 400
order 'POST messages 1:html,2:empty,3:badjson,4:redirect/https://elsewhere.example/x,5:401'
as_alice -D headers -H "$json_type" -d '{"chatMessage":{"text":"b"}}' "$(alice_to bob@sandbox.example)"
is "$http" 200 'html: 200'
like headers '^Content-Type: text/html' 'html: the type of the page'
say empty
is "$http $(wc -c <"$out")" '200 0' 'empty: 200 with an empty body'
say badjson
is "$http" 201 'badjson: 201'
jq . "$out" >/dev/null 2>&1
ok 'badjson: the JSON is truncated' test $? -ne 0 -a -s "$out"
as_alice -D headers -H "$json_type" -d '{"chatMessage":{"text":"b"}}' "$(alice_to bob@sandbox.example)"
is "$http" 302 'redirect: 302'
like headers '^Location: https://elsewhere.example/x' 'redirect: the URL'
say unauthorized
is "$http" 401 'a 401 is injected'
order 'GET sessions 2%:500'
for wanted in 200 500 200 500; do
	as_alice "$base/cpaas/chat/v1/$alice_id/oneToOne/sessions"
	is "$http" "$wanted" '2%: every second request'
done

# ---- uploads and downloads
head -c 3000000 /dev/urandom >file
order 'POST objects 1:drop/100000,2:early,3:503'
upload file image/png f
ok 'drop/N: an upload is broken off' test "$curl_status" -ne 0
upload file image/png f
is "$http" 201 'early: 201'
json "$out" . '{}' 'early: the body is empty'
upload file image/png f
is "$http" 503 'an upload gets an injected status'
upload file image/png f
is "$http" 201 'an upload without a rule is processed'
control '{"do":"stats"}'
json "$out" '[.attachments, .attachmentBytes]' '[1,3000000]' 'an upload that was broken off is not kept'
order 'GET payload 1:cut/1000000,2:stall/1000,3:lost'
as_bob "$object_link"
is "$curl_status $(wc -c <"$out")" '18 1000000' 'cut: a download ends early'
as_bob -m 3 "$object_link"
is "$curl_status $(wc -c <"$out")" '28 1000' 'stall: a download stops and does not end'
as_bob "$object_link"
is "$curl_status" 52 'lost: a download'
as_bob "$object_link"
same "$out" file 'a download without a rule is complete'

# ---- sockets
control '{"do":"clear-faults"}'
make_channel
for how in drop reset close; do
	socket_behind socket.out
	control '{"do":"drop-sockets","how":"'$how'"}'
	json "$out" .count 1 "sockets are dropped: $how"
	wait "$socket_pid"
	case $how in drop) wanted='{"end":true}' ;; reset) wanted='{"error":"ECONNRESET"}' ;; close) wanted='{"close":1001}' ;; esac
	json socket.out . "$wanted" "the client sees the drop: $how"
done
control '{"do":"fault","fault":"GET websocket 1:403,2:503,3:drop"}'
for wanted in '{"http":403}' '{"http":503}' '{"end":true}'; do
	socket
	json "$out" . "$wanted" 'an upgrade is refused'
done
control '{"do":"sockets","fragment":3,"duplicate":2}'
socket_behind socket.out --count 3
say one; say two
wait "$socket_pid"
is "$(jq -r .chatMessageNotification.chatMessage.text socket.out | tr '\n' ' ')" 'one two two ' 'fragments are reassembled, and every second notification comes twice'
is "$(jq -r .chatMessageNotification.id socket.out | sort -u | wc -l)" 2 'a duplicate has the same id'
socket_behind socket.out --count 10 --frames
say fragments
wait "$socket_pid"
ok 'fragments have 1 to 3 bytes' jq -se 'all(.bytes >= 1 and .bytes <= 3) and (map(.final)|any|not) and .[0].kind == 1 and .[1].kind == 0' socket.out
control '{"do":"sockets","fragment":0,"duplicate":0,"reorder":2}'
socket_behind socket.out --count 4
for i in 1 2 3 4; do say $i; done
wait "$socket_pid"
is "$(jq -r .chatMessageNotification.chatMessage.text socket.out | tr '\n' ' ')" '1 3 2 4 ' 'reorder: every second notification comes after its successor'
control '{"do":"sockets","reorder":0,"mute":true}'
socket_behind socket.out --send '{"connCheck":{}}' --count 1
say after
wait "$socket_pid"
unlike socket.out connAck 'mute: no connAck'
control '{"do":"sockets","mute":false}'
socket_behind socket.out --send '{"connCheck":{}}'
wait_for grep -q connAck socket.out
control '{"do":"half-open"}'
json "$out" .count 1 'half-open: the number of sockets'
say unheard
control '{"do":"notify","to":"bob@sandbox.example","json":{"x":1}}'
json "$out" .count 0 'half-open: no notification is sent'
ok 'half-open: the socket stays open' kill -0 "$socket_pid"
unlike socket.out unheard 'half-open: the client receives nothing'
kill "$socket_pid"
password_grant bob; other=$(jq -r .access_token "$out")
socket_behind socket.out --count 1
for off in true false; do
	control '{"do":"sockets","no-outbound":'$off'}'
	as_nobody -H "Authorization: Bearer $other" -H "$json_type" -d '{"chatMessage":{"text":"no-outbound '$off'"}}' "$(bob_from alice@sandbox.example)"
done
wait "$socket_pid"
json socket.out '.chatMessageNotification.chatMessage | [.text, ."x-type"]' '["no-outbound false","outbound"]' 'no-outbound: no push to other logins of the sender'
socket_behind socket.out --count 2
control '{"do":"notify","to":"bob@sandbox.example","text":"{\"broken\""}'
control '{"do":"send","from":"alice@sandbox.example","to":"bob@sandbox.example","text":"t","attachment":[{"name":"../../x","link":"https://evil.example/a","size":"7"}]}'
wait "$socket_pid"
is "$(sed -n 1p socket.out)" '{"broken"' 'notify sends any bytes'
sed -n 2p socket.out >n
json n .chatMessageNotification.chatMessage.attachment '[{"name":"../../x","link":"https://evil.example/a","size":"7"}]' 'send copies any attachment'
socket_behind socket.out --count 1
control '{"do":"cancel-subscriptions","user":"bob@sandbox.example"}'
wait "$socket_pid"
json socket.out 'keys' '["chatSubscriptionCancellationNotification"]' 'cancel-subscriptions is notified'
socket_behind socket.out
control '{"do":"forget-channels"}'
wait "$socket_pid"
json socket.out . '{"close":1000}' 'forget-channels closes the socket'
socket
json "$out" . '{"http":404}' 'an upgrade on a forgotten channel is refused'
password_grant alice
refresh=$(jq -r .refresh_token "$out")
control '{"do":"expire-tokens"}'
as_alice "$base/cpaas/chat/v1/$alice_id/oneToOne/sessions"
is "$http" 401 'expire-tokens revokes access tokens'
as_nobody -d client_id=PUB-sandbox -d grant_type=refresh_token --data-urlencode "refresh_token=$refresh" "$base/cpaas/auth/v1/token"
is "$http" 200 'expire-tokens keeps refresh tokens'
refresh=$(jq -r .refresh_token "$out")
control '{"do":"expire-tokens","refresh":true}'
as_nobody -d client_id=PUB-sandbox -d grant_type=refresh_token --data-urlencode "refresh_token=$refresh" "$base/cpaas/auth/v1/token"
is "$http" 400 'expire-tokens with refresh revokes refresh tokens'
for bad in '{"do":"nothing"}' '{}' '[]' '{"do":"fault","fault":"x"}' '{"do":"send","from":"nobody@x","to":"bob@sandbox.example"}' '{"do":"burst","from":"alice@sandbox.example","to":"bob@sandbox.example","count":-1}'; do
	control "$bad"
	is "$http" 400 "invalid control request: $bad"
done

# ---- protocol variants and lifetimes
serve --no-tls --last-message-time until --next offset --no-range --relative-links --milliseconds --history-delay 200ms \
	--history-grows 1 --check-interval 100ms
make_channel server
as_bob "$base/cpaas/notificationchannel/v1/$bob_id/channels"
json "$out" '.notificationChannelList.notificationChannel[0]."x-connCheckRole"' '"server"' 'a channel is created with x-connCheckRole server'
socket_behind socket.out --count 2
wait "$socket_pid"
json socket.out . $'{"connCheck":{"interval":1}}\n{"connCheck":{"interval":1}}' 'the server sends connChecks'
for i in 1 2 3; do say "m$i"; done
ok '--milliseconds: times in responses' jq -e '.chatMessage.dateTime > 100000000000' "$out"
start=$(ms)
as_bob "$(bob_from alice@sandbox.example)?max=2"
ok '--history-delay: a page is delayed' test $(($(ms) - start)) -ge 200
json "$out" '.chatMessageList | [[.chatMessage[].text], .next]' '[["m3","m2"],"o-2"]' '--next offset: a page'
as_bob "$(bob_from alice@sandbox.example)?max=2&next=o-2"
json "$out" '.chatMessageList.chatMessage | map(.text)' '["m2","m1"]' '--next offset: the next page shifts with a new message'
as_bob "$(bob_from alice@sandbox.example)?lastMessageTime=$((start / 1000 - 600))"
json "$out" '.chatMessageList.chatMessage' '[]' '--last-message-time until: newer messages are omitted'
upload file image/png f
like <(echo "$object_link") '^/cpaas/nms/' '--relative-links: a link'
as_bob -r 5-9 "$base$object_link"
is "$http $(wc -c <"$out")" '200 3000000' '--no-range: the whole file'
serve --no-tls --channel-max-life 1s
as_bob -H "$json_type" -d '{"notificationChannel":{"channelLifetime":3600,"channelType":"websockets"}}' "$base/cpaas/notificationchannel/v1/$bob_id/channels"
json "$out" .notificationChannel.channelLifetime 1 '--channel-max-life limits the lifetime'
channel=$(jq -r .notificationChannel.callbackURL "$out")
channel_gone() { as_bob "$base/cpaas/notificationchannel/v1/$bob_id/channels/$channel"; [ "$http" = 404 ]; }
ok 'a channel expires' wait_for channel_gone
serve --no-tls --token-life 1s
token_gone() { as_bob "$base/cpaas/chat/v1/$bob_id/oneToOne/sessions"; [ "$http" = 401 ]; }
ok 'a token expires' wait_for token_gone
serve --no-tls --drop-sockets-every 300ms --drop-sockets 1
make_channel
socket
like "$out" '"(end|close|error)"' '--drop-sockets-every drops a socket'
socket --send '{"connCheck":{}}' --count 1
json "$out" . '{"connAck":{}}' '--drop-sockets limits the drops'

# ---- load
serve --no-tls --keep-per-conversation 1000 --keep-messages 3000 --keep-bytes 1M --attachment-bytes 2M --queue-bytes 1M
make_channel
socket_behind socket.out --count 8000
control '{"do":"burst","from":"alice@sandbox.example","to":"bob@sandbox.example","count":8000,"conversations":4,"size":60,"label":"L"}'
wait "$socket_pid"
is $? 0 'a burst arrives'
ok 'a burst is complete and in order, in four conversations' jq -se '
	[.[].chatMessageNotification.chatMessage | {who: .senderAddress, n: (.text | split(" ")[2] | tonumber)}] | group_by(.who) |
	length == 4 and all(map(.n) == [range(1; 2001)])' socket.out
control '{"do":"stats"}'
ok 'stored messages are within the limits' jq -e '.messages <= 6000 and .messages >= 1000 and .messageBytes <= 1048576 and .bursts == 0' "$out"
as_bob "$(bob_from alice@sandbox.example)?max=1000"
ok 'the newest messages are kept' jq -e '.chatMessageList.chatMessage[0].text | startswith("L 1 2000 ")' "$out"
for i in 1 2; do upload file image/png f; is "$http" 413 'an attachment above the limit is refused'; done
head -c 1500000 file >smaller
for i in 1 2 3; do upload smaller image/png f; is "$http" 201 'an attachment below the limit is accepted'; done
control '{"do":"stats"}'
json "$out" '[.attachments, .attachmentBytes]' '[1,1500000]' 'the oldest attachments are dropped'
socket_behind socket.out --stall
control '{"do":"burst","from":"alice@sandbox.example","to":"bob@sandbox.example","count":30000,"size":1000,"hold":false}'
ok 'a connection that does not read is closed' wait_for sockets_are 0
rss=$(awk '/VmRSS/ {print $2}' "/proc/$sandbox_pid/status")
[ -n "${KANDY_WRAP:-}" ] || is_sanitized || # valgrind and sanitizers need more memory
	ok "memory after a burst to a stalled reader ($rss kB)" test "$rss" -lt 40000
kill "$socket_pid" 2>/dev/null
finish
