#!/usr/bin/env bash
# The sandbox without faults, driven by curl, jq and a WebSocket client.
. "${0%/*}/../lib/tap.sh"
. "$tests_dir/lib/sandbox.sh"

# ---- as a command
run kandy sandbox -- sh -c 'echo "$KANDY_BASE_URL $KANDY_CLIENT_ID"; test -s "$KANDY_CACERT" && echo "$KANDY_CACERT" >cacert; exit 7'
is "$status" 7 'the exit status is that of the command'
like "$out" '^https://127\.0\.0\.1:[0-9]+ PUB-sandbox$' 'the command gets the URL and the client ID'
ok 'the command can read the certificate' test -s cacert
ok 'the certificate file is removed' test ! -e "$(cat cacert)"
run kandy sandbox --no-tls -- sh -c 'echo "$KANDY_BASE_URL ${KANDY_CACERT-none}"'
like "$out" '^http://127\.0\.0\.1:[0-9]+ none$' '--no-tls: the URL is http, and there is no KANDY_CACERT'
run kandy sandbox -- sh -c 'kill -9 $$'
is "$status" 137 'exit status of a killed command'
run kandy sandbox -- ./no-such-command
is "$status" 127 'exit status for a missing command'
like "$err" 'no-such-command' 'the error names the missing command'
kandy sandbox -- sh -c 'trap "curl -sS --cacert $KANDY_CACERT $KANDY_BASE_URL/ >answer; exit 5" TERM; : >started; while :; do sleep 0.1; done' 2>"$err" & pid=$!
wait_for test -e started
kill $pid
wait $pid
is $? 5 'SIGTERM is passed to the command'
like answer requestError 'the sandbox serves until the command has ended'
mkfifo pipe
kandy sandbox <pipe >exports & pid=$!
exec 9>pipe
ok 'prints export lines' wait_for grep -q KANDY_CLIENT_ID exports
is "$(sed 's/=.*//' exports | tr '\n' ' ')" 'export KANDY_BASE_URL export KANDY_CACERT export KANDY_CLIENT_ID ' 'one export per line'
exec 9>&-
wait $pid
is $? 0 'the end of stdin stops the sandbox'
ok 'the certificate file is removed at the end of stdin' test ! -e "$(. ./exports; echo "$KANDY_CACERT")"
run kandy sandbox --fault nonsense
is "$status" 64 'exit status for an invalid fault'
run kandy sandbox --fault 'POST x 1:bogus'
like "$err" "invalid fault 'bogus': expected an HTTP status, drop, .*, cut/N, .*, redirect/URL " 'the error lists the fault kinds'
run kandy sandbox --record /no/such/dir/file
is "$status" 73 'exit status for a record that cannot be opened'
cat >strict.cnf <<'EOS'
openssl_conf = all
[all]
ssl_conf = ssl
[ssl]
system_default = system
[system]
CipherString = DEFAULT@SECLEVEL=4
EOS
run env OPENSSL_CONF="$PWD/strict.cnf" kandy sandbox -- true
is "$status" 78 'exit status if OpenSSL refuses the certificate'
like "$err" 'OpenSSL does not accept the certificate of the sandbox; .*--no-tls$' 'the error names the certificate'

serve --token-size 3000
run kandy sandbox --port "${base##*:}" -- true
is "$status" 69 'exit status if the port is in use'
like "$err" "cannot listen on port ${base##*:} of 127.0.0.1; is it in use\\?$" 'the error names the port'
# ---- tokens
password_grant alice
is "$http" 200 'password grant: status'
json "$out" '[.token_type, .expires_in, .refresh_expires_in, (.access_token|length >= 3000), (.id_token|split(".")|length)]' '["bearer",3600,43200,true,3]' 'password grant: tokens have the requested size'
jwt "$(jq -r .access_token "$out")" >claims
json claims '[."services-identity", (.preferred_username|test("^[0-9a-f]{8}-[0-9a-f]{4}-")), .exp - .iat]' '["alice@sandbox.example",true,3600]' 'claims of the access token'
refresh=$(jq -r .refresh_token "$out")
jwt "$(jq -r .id_token "$out")" >claims
json claims '."services-identity"' '"alice@sandbox.example"' 'claims of the ID token'
as_nobody -d client_id=PUB-sandbox -d grant_type=refresh_token --data-urlencode "refresh_token=$refresh" "$base/cpaas/auth/v1/token"
is "$http" 200 'refresh grant: status'
alice=$(jq -r .access_token "$out") again=$(jq -r .refresh_token "$out")
ok 'each use gives another refresh token' test "$refresh" != "$again"
as_nobody -d client_id=PUB-sandbox -d grant_type=refresh_token --data-urlencode "refresh_token=$refresh" "$base/cpaas/auth/v1/token"
json "$out" .error '"invalid_grant"' 'a refresh token cannot be used twice'
password_grant alice wrong
is "$http" 401 'a wrong password is refused'
json "$out" '[.error, .error_description]' '["invalid_grant","Invalid user credentials"]' 'the error has the form of OAuth'
as_nobody -d client_id=other -d grant_type=password "$base/cpaas/auth/v1/token"
json "$out" .error '"invalid_client"' 'an unknown client is refused'
as_nobody -d client_id=PUB-sandbox -d grant_type=client_credentials -d client_secret=sandbox-secret -d scope=openid "$base/cpaas/auth/v1/token"
is "$http" 200 'client credentials grant'
as_nobody -d client_id=PUB-sandbox -d grant_type=client_credentials -d client_secret=wrong "$base/cpaas/auth/v1/token"
is "$http" 401 'a wrong client secret is refused'
as_nobody "$base/cpaas/chat/v1/$alice_id/oneToOne/sessions"
is "$http" 401 'a request without a token is refused'
as_nobody -H 'Authorization: Bearer a.b.c' "$base/cpaas/chat/v1/$alice_id/oneToOne/sessions"
is "$http" 401 'an invalid token is refused'
as_nobody -H "Authorization: Bearer ${alice%?}x" "$base/cpaas/chat/v1/$alice_id/oneToOne/sessions"
is "$http" 401 'a forged token is refused'
as_bob "$base/cpaas/chat/v1/$alice_id/oneToOne/sessions"
is "$http" 403 'the path of another user is refused'
json "$out" '.requestError.policyException.messageId' '"POL0001"' 'the refusal is a policy exception'

# ---- channels and subscriptions
make_channel
is "$http" 201 'a channel and a subscription are created'
as_bob "$base/cpaas/notificationchannel/v1/$bob_id/channels"
json "$out" '.notificationChannelList.notificationChannel | map([.channelType, .channelLifetime, .clientCorrelator])' '[["websockets",3600,"test"]]' 'channels are listed'
as_bob -X PUT -H "$json_type" -d '{"notificationChannelLifetime":{"channelLifetime":7200}}' "$base/cpaas/notificationchannel/v1/$bob_id/channels/$channel/channelLifetime"
json "$out" '.notificationChannelLifetime.channelLifetime' 7200 'a channel is extended'
as_bob "$base/cpaas/chat/v1/$bob_id/subscriptions"
json "$out" '.chatNotificationSubscriptionList.chatNotificationSubscription | map(.callbackReference.notifyURL) == ["'"$channel"'"]' true 'subscriptions are listed'
subscription=$(jq -r '.chatNotificationSubscriptionList.chatNotificationSubscription[0].resourceURL' "$out")

# ---- the socket
socket --send '{"connCheck":{"interval":30}}' --count 1
json "$out" . '{"connAck":{}}' 'connCheck gets a connAck'
node "$tests_dir/lib/websocket.cjs" "$channel_url?access_token=$bob" --ca "$KANDY_CACERT" --send '{"connCheck":{}}' --count 1 >"$out"
json "$out" . '{"connAck":{}}' 'a token of 3 kB in the URL is accepted'
node "$tests_dir/lib/websocket.cjs" "$channel_url?access_token=$alice" --ca "$KANDY_CACERT" >"$out"
json "$out" . '{"http":403}' 'the token of another user is refused'
node "$tests_dir/lib/websocket.cjs" "$channel_url" --ca "$KANDY_CACERT" >"$out"
json "$out" . '{"http":401}' 'an upgrade without a token is refused'
channel_url=${channel_url/ws-/ws-0} socket
json "$out" . '{"http":404}' 'an upgrade on a missing channel is refused'
socket --hex 890548656c6c6f
json "$out" . '{"close":1002}' 'an unmasked frame closes the socket'
socket --send 'not json'
json "$out" . '{"close":1007}' 'a text that is not JSON closes the socket'
ping=$(printf '8984000000007069%s' 6e67)
socket --hex "$ping" --count 1
like "$out" '"pong":"ping"' 'a ping gets a pong'

# ---- chat
socket_behind socket.out --count 3
text=$'a "quoted" back\\slash,\nnew line, \u00e9 and \U1F600'
say "$text"
is "$http" 201 'a message is accepted'
json "$out" '.chatMessage | [.senderAddress, .status, (.dateTime < 100000000000)]' '["alice@sandbox.example","Sent",true]' 'the response has the message'
head -c 300000 /dev/urandom >file.bin
upload file.bin image/png 'pic "é" 1.png'
is "$http" 201 'an upload is accepted'
first=$object_id first_link=$object_link
is "$(attribute name)" 'pic "é" 1.png' 'the attachment has its name'
is "$(attribute size)$(attribute type)" 300000image/png 'the attachment has its size and type'
: >empty
upload empty application/x-empty empty
as_alice -H "$json_type" -d '{"chatMessage":{"attachment":[{"name":"pic.png","x-id":"'"$first"'"},{"name":"../e","x-id":"'"$object_id"'"}]}}' "$(alice_to BOB@sandbox.example)"
is "$http" 201 'a message with two attachments is accepted'
as_alice -H "$json_type" -d '{"isComposing":{"contenttype":"text/plain","refresh":"60","state":"active","lastactive":1525895987000}}' "$(alice_to bob@sandbox.example)"
is "$http" 201 'a typing indicator is accepted'
wait "$socket_pid"
is $? 0 'three notifications arrive'
sed -n 1p socket.out >n1; sed -n 2p socket.out >n2; sed -n 3p socket.out >n3
is "$(jq -r .chatMessageNotification.chatMessage.text n1)" "$text" 'the text arrives unchanged'
json n1 '.chatMessageNotification | [(.id|length>0), (.dateTime>100000000000), .chatMessage.senderAddress, .chatMessage."x-destinationAddress", .chatMessage."x-type", .link[0].rel]' \
	'[true,true,"alice@sandbox.example","bob@sandbox.example","inbound","chatMessage"]' 'the other members of the notification'
is "$(jq -r '.chatMessageNotification.link[0].href' n1)" "/cpaas/chat/v1/$bob_id/oneToOne/alice@sandbox.example/adhoc/messages/$message_id" 'the link is that of the message'
json n2 '.chatMessageNotification.chatMessage.attachment | map([.name, .size, .type])' '[["pic.png",300000,"image/png"],["../e",0,"application/x-empty"]]' 'the attachments arrive'
json n3 '.chatMessageNotification | [.isComposing.state, .isComposing.senderAddress, .link[0].rel]' '["active","alice@sandbox.example","chatSession"]' 'the typing indicator arrives'
as_alice -H "$json_type" -d '{"chatMessage":{"text":"x"}}' "$(alice_to nobody@sandbox.example)"
is "$http" 404 'an unknown recipient: status'
json "$out" '.requestError.serviceException | [.messageId, .variables[0]]' '["SVC0004","nobody@sandbox.example"]' 'an unknown recipient: error ID'
as_alice -H "$json_type" -d '{"chatMessage":{"attachment":[{"name":"x","x-id":"unknown"}]}}' "$(alice_to bob@sandbox.example)"
is "$http" 400 'an unknown attachment is refused'
for body in '{' '[]' '{"chatMessage":{}}' '{"chatMessage":"x"}' ''; do
	as_alice -H "$json_type" -d "$body" "$(alice_to bob@sandbox.example)"
	is "$http" 400 "refused: $body"
done

# ---- downloads
as_bob "$first_link"
same "$out" file.bin 'an attachment is downloaded'
as_bob -r 100- "$first_link" -D headers
is "$http" 206 'Range: status'
tail -c +101 file.bin >wanted
same "$out" wanted 'Range: the rest of the file'
like headers 'Content-Range: bytes 100-299999/300000' 'Range: Content-Range'
etag=$(sed -n 's/^ETag: //p' headers | tr -d '\r')
as_bob -r 5-9 -H "If-Range: $etag" "$first_link"
is "$http $(wc -c <"$out")" '206 5' 'If-Range with the ETag'
as_bob -r 5-9 -H 'If-Range: "other"' "$first_link"
is "$http $(wc -c <"$out")" '200 300000' 'If-Range with another ETag'
as_bob -r -7 "$first_link"
is "$http $(wc -c <"$out")" '206 7' 'the last bytes'
as_bob -r 300000- "$first_link" -D headers
is "$http" 416 'a range after the end is refused'
like headers 'Content-Range: bytes \*/300000' 'the refusal has the size'
as_nobody "$first_link"
is "$http" 401 'a download without a token is refused'
as_bob "${base}/cpaas/nms/v1/chat/$alice_id/objects/none/payload"
is "$http" 404 'a missing attachment'
as_alice -F "raw=@file.bin" -F 'root-fields={"object":{}}' "$base/cpaas/nms/v1/chat/$alice_id/objects"
is "$http" 400 'an upload with parts in the wrong order is refused'
as_alice -F 'root-fields={}' -F "raw=@file.bin" "$base/cpaas/nms/v1/chat/$alice_id/objects"
is "$http" 400 'an upload without the object is refused'
as_nobody -F 'root-fields={"object":{}}' -F "raw=@file.bin" "$base/cpaas/nms/v1/chat/$alice_id/objects"
is "$http" 401 'an upload without a token is refused'

# ---- history
for i in 1 2 3 4 5; do say "number $i"; done
as_bob "$(bob_from alice@sandbox.example)?max=2"
json "$out" '.chatMessageList.chatMessage | map(.text)' '["number 5","number 4"]' 'a page of history, newest first'
next=$(jq -r .chatMessageList.next "$out")
say 'in between'
as_bob "$(bob_from alice@sandbox.example)?max=4&next=$next"
json "$out" '.chatMessageList.chatMessage | map(.text)[0:3]' '["number 3","number 2","number 1"]' 'the next page continues after the previous one'
as_bob "$(bob_from alice@sandbox.example)?max=50"
json "$out" '.chatMessageList | [(.chatMessage|length), has("next")]' '[8,false]' 'the last page has no next'
as_bob "$(bob_from alice@sandbox.example)?lastMessageTime=$(($(date +%s) + 10))"
json "$out" '.chatMessageList.chatMessage' '[]' 'messages older than lastMessageTime are omitted'
as_bob "$(bob_from alice@sandbox.example)/$message_id"
json "$out" .chatMessage.text '"in between"' 'a single message'
as_bob -X DELETE "$(bob_from alice@sandbox.example)/$message_id"
is "$http" 204 'a message is deleted'
as_bob "$(bob_from alice@sandbox.example)/$message_id"
is "$http" 404 'a deleted message is not found'
as_alice "$(alice_to bob@sandbox.example)/$message_id"
is "$http" 200 'the other user keeps a deleted message'
as_bob "$base/cpaas/chat/v1/$bob_id/oneToOne/sessions"
json "$out" '.chatSessionList.chatSession | map([.remoteAddress, .localAddress, .sessionDetails.lastText])' '[["alice@sandbox.example","bob@sandbox.example","number 5"]]' 'sessions are listed'
as_bob -X DELETE "$(bob_from alice@sandbox.example)"
as_bob "$base/cpaas/chat/v1/$bob_id/oneToOne/sessions"
json "$out" '.chatSessionList.chatSession' '[]' 'a cleared conversation is not listed'

# ---- groups
socket_behind socket.out --count 4
as_alice -H "$json_type" -d '{"groupChatSessionInformation":{"participant":[{"address":"alice@sandbox.example","x-isAdmin":true},{"address":"bob@sandbox.example"}],"subject":"s","x-name":"team","x-type":"closed"}}' "$base/cpaas/chat/v1/$alice_id/group"
is "$http" 201 'a group is created'
group=$(jq -r '.groupChatSessionInformation.resourceURL | sub(".*/"; "")' "$out")
as_bob -X PUT -H "$json_type" -d '{"participantSessionStatus":{"status":"Connected"}}' "$base/cpaas/chat/v1/$bob_id/group/$group/participants/bob@sandbox.example/status"
is "$http" 200 'an invitation is accepted'
as_alice -H "$json_type" -d '{"participantInformation":{"address":"carol@sandbox.example","x-isAdmin":false}}' "$base/cpaas/chat/v1/$alice_id/group/$group/participants"
is "$http" 201 'a participant is invited'
as_alice -H "$json_type" -d '{"chatMessage":{"text":"to all"}}' "$base/cpaas/chat/v1/$alice_id/group/$group/messages"
is "$http" 201 'a message to a group is accepted'
as_bob "$base/cpaas/chat/v1/$bob_id/group/$group/messages"
json "$out" '.chatMessageList.chatMessage | map(.text)' '["to all"]' 'a message is in the history of the group'
as_alice -X DELETE "$base/cpaas/chat/v1/$alice_id/group/$group"
wait "$socket_pid"
jq -c 'keys[0]' socket.out >kinds
is "$(tr '\n' ' ' <kinds)" '"groupChatSessionInvitationNotification" "chatParticipantStatusNotification" "chatMessageNotification" "chatEventNotification" ' 'notifications about the group'
sed -n 3p socket.out >n3
is "$(jq -r '.chatMessageNotification | "\(.chatMessage."x-destinationAddress") \(.link[0].href)"' n3 | sed 's/messages.*/messages/')" "$group /cpaas/chat/v1/$bob_id/group/$group/messages" 'the group is the destination of the message'

# ---- SMS
number=$(as_bob -H "$json_type" -d '{"outboundSMSMessageRequest":{"address":["+16135550199"],"outboundSMSTextMessage":{"message":"x"}}}' "$base/cpaas/smsmessaging/v1/$bob_id/outbound/default/requests"; jq -r .outboundSMSMessageRequest.senderAddress "$out")
as_bob -H "$json_type" -d '{"subscription":{"callbackReference":{"notifyURL":"'"$channel"'"},"clientCorrelator":"test","destinationAddress":"'"$number"'"}}' "$base/cpaas/smsmessaging/v1/$bob_id/inbound/subscriptions"
is "$http" 201 'an SMS subscription is created'
as_bob -H "$json_type" -d '{"deliveryReceiptSubscription":{"callbackReference":{"notifyURL":"'"$channel"'"}}}' "$base/cpaas/smsmessaging/v1/$bob_id/outbound/$bob_id/subscriptions"
is "$http" 201 'a subscription to receipts is created'
socket_behind socket.out --count 3
as_alice -H "$json_type" -d '{"outboundSMSMessageRequest":{"address":["'"$number"'"],"clientCorrelator":"c","outboundSMSTextMessage":{"message":"short"}}}' "$base/cpaas/smsmessaging/v1/$alice_id/outbound/default/requests"
json "$out" '.outboundSMSMessageRequest | [.outboundSMSTextMessage.message, .deliveryInfoList.deliveryInfo[0].deliveryStatus, (.resourceURL|test("/remoteAddresses/.*/localAddresses/.*/messages/"))]' '["short","DeliveredToNetwork",true]' 'an SMS is accepted'
as_bob -H "$json_type" -d '{"outboundSMSMessageRequest":{"address":["+16135550199"],"outboundSMSTextMessage":{"message":"x"}}}' "$base/cpaas/smsmessaging/v1/$bob_id/outbound/default/requests"
wait "$socket_pid"
sed -n 1p socket.out >n1
json n1 '.inboundSMSMessageNotification.inboundSMSMessage.message' '"short"' 'an SMS arrives'
is "$(jq -r '.deliveryInfoNotification.deliveryInfo.deliveryStatus // empty' socket.out | tr '\n' ' ')" 'DeliveredToNetwork DeliveryImpossible ' 'receipts of an SMS to an unknown number'
as_bob "$base/cpaas/smsmessaging/v1/$bob_id/remoteAddresses"
json "$out" '.smsThreadList.smsThread | map(.threadDetails.length)' '[2,1]' 'SMS conversations are listed'
as_bob "$base$(jq -r '.smsThreadList.smsThread[1].resourceURL' "$out")/messages"
json "$out" '.smsMessageList.smsMessage | map([.message, .type])' '[["short","inbound"]]' 'the messages of an SMS conversation'

# ---- the end of a subscription and of a channel
as_bob -X DELETE "$base$subscription"
is "$http" 204 'a subscription is deleted'
as_bob -X DELETE "$base$subscription"
is "$http" 404 'a deleted subscription is not found'
socket_behind socket.out
as_bob -X DELETE "$base/cpaas/notificationchannel/v1/$bob_id/channels/$channel"
is "$http" 204 'a channel is deleted'
wait "$socket_pid"
json socket.out . '{"close":1000}' 'the socket of a deleted channel is closed'
socket
json "$out" . '{"http":404}' 'an upgrade on a deleted channel is refused'

# ---- browsers
as_nobody -X OPTIONS -H 'Origin: https://app.example' -H 'Access-Control-Request-Method: POST' -H 'Access-Control-Request-Headers: authorization,x-cpaas-agent' -D headers "$(alice_to bob@sandbox.example)"
is "$http" 204 'CORS preflight: status'
like headers '^Access-Control-Allow-Origin: https://app.example' 'CORS preflight: origin'
like headers '^Access-Control-Allow-Headers: authorization,x-cpaas-agent' 'CORS preflight: headers'
as_alice -H 'Origin: https://app.example' -D headers "$base/cpaas/chat/v1/$alice_id/oneToOne/sessions"
like headers '^Access-Control-Allow-Origin: https://app.example' 'CORS: the response names the origin'

# ---- HTTP
as_alice -X PATCH "$base/cpaas/chat/v1/$alice_id/oneToOne/sessions"
is "$http" 405 'an unknown method is refused'
as_alice "$base/nowhere"
is "$http" 404 'an unknown path is refused'
as_alice -H "$json_type" -H 'Transfer-Encoding: chunked' -d '{"chatMessage":{"text":"in chunks"}}' "$(alice_to bob@sandbox.example)"
json "$out" .chatMessage.text '"in chunks"' 'a chunked body is accepted'
head -c 2000000 /dev/zero | tr '\0' ' ' >big
as_alice -H "$json_type" --data-binary @big "$(alice_to bob@sandbox.example)"
is "$http" 413 'a body that is too large is refused'
as_alice -H "X-Long: $(head -c 70000 /dev/zero | tr '\0' x)" "$base/"
is "$http" 431 'a header that is too long is refused'
as_alice "$base/$(head -c 20000 /dev/zero | tr '\0' x)"
is "$http" 414 'a URL that is too long is refused'
curl -sS --cacert "$KANDY_CACERT" -H "Authorization: Bearer $alice" "$base/a" "$base/b" "$base/c" -o /dev/null -o /dev/null -o /dev/null
is "$(recorded 'select(.path=="/a" or .path=="/b" or .path=="/c") | .connection' | sort -u | wc -l)" 1 'a connection is reused'
host=${base#https://}
printf 'GARBAGE\r\n\r\n' | openssl s_client -quiet -connect "$host" -CAfile "$KANDY_CACERT" -verify_return_error 2>/dev/null >"$out"
like "$out" '^HTTP/1.1 400 ' 'garbage is refused'
printf 'GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n' | openssl s_client -quiet -ign_eof -connect "$host" -CAfile "$KANDY_CACERT" 2>/dev/null >"$out"
is "$(grep -o 'HTTP/1.1 404 ' "$out" | wc -l)" 2 'two requests in one write get two responses'
openssl s_client -connect "$host" -CAfile "$KANDY_CACERT" -alpn h2,http/1.1 </dev/null >"$out" 2>/dev/null
like "$out" 'ALPN protocol: http/1.1' 'ALPN offers HTTP/1.1'
as_alice --http2 "$base/"
is "$http" 404 'a client that prefers HTTP/2 is served'

# ---- the record
like "$sandbox_record" '"text":"number 3"' 'the record has the message'
ok 'every line of the record is JSON' jq -e . "$sandbox_record"
for secret in alice-secret sandbox-secret "$alice" "$bob" "$refresh" "$again"; do
	grep -qF -- "$secret" "$sandbox_record"
	is $? 1 'the record has no secret'
done
is "$(recorded 'select(.path=="/cpaas/auth/v1/token") | .form.password // empty | test("^sha256:")' | sort -u)" true 'the record has hashed passwords'
recorded 'select(.parts) | select(.parts[1].filename=="pic \"é\" 1.png") | .parts | map([.name, .bytes, .type])' >parts
json parts . '[["root-fields",62,""],["raw",300000,"image/png"]]' 'the record has the parts of an upload'
is "$(recorded 'select(.parts) | .parts[1].sha256' | head -n 1)" "\"$(sha256sum file.bin | cut -d' ' -f1)\"" 'the record has the digest of an upload'
is "$(recorded 'select(.kind=="frame" and .direction=="in") | .json.connCheck // empty' | head -n 1)" '{"interval":30}' 'the record has frames'
kill "$sandbox_pid"
wait "$sandbox_pid"
is $? 143 'exit status after SIGTERM'
finish
