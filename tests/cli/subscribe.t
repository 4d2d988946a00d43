#!/usr/bin/env bash
# subscribe and unsubscribe: the requests, the cache, and a server that has lost channels or subscriptions.
. "${0%/*}/../lib/tap.sh"
sandbox --channel-max-life 30m
cache=$HOME/.local/state/kandy/default.json
KANDY_PASSWORD=alice-secret kandy login -q -u alice@sandbox.example >/dev/null
user=$(jq -r .userId "$cache")

# The requests since the last call: "METHOD last-segment status"
seen=$scratch/seen
asked() {
	jq -sr --argjson from "$(cat "$seen")" \
		'.[$from:][] | select(.kind=="request") | "\(.method) \(.path|split("/")|.[-1]) \(.status)"' "$sandbox_record" |
		sed -E 's/ (ws-)?[0-9a-f]{32} / ID /' | paste -sd,
	jq -s length "$sandbox_record" >"$seen"
}
jq -s length "$sandbox_record" >"$seen"
nth() { jq -sc --arg p "$1" "map(select(.path|endswith(\$p))) | .[-1] | $2" "$sandbox_record"; }
lines() { jq -sc "map($1)" "$out"; }

run kandy subscribe --list
is "$status" 0 'nothing is subscribed'
is "$(wc -c <"$out")" 0 'so nothing is listed'
is "$(asked)" '' 'no request is sent'

run kandy subscribe chat
is "$status" 0 'subscribe to chat'
is "$(asked)" 'POST channels 201,POST subscriptions 201' 'makes a channel and a subscription'
is "$(nth /channels '.json.notificationChannel|[.channelLifetime,.channelType,."x-connCheckRole",.clientCorrelator]')" \
	"[3600,\"Websockets\",\"client\",\"$(jq -r .correlator "$cache")\"]" 'the channel as it should be asked for'
is "$(nth /subscriptions .path)" "\"/cpaas/chat/v1/$user/subscriptions\"" 'the subscription where it should be'
is "$(nth /subscriptions '.json.chatNotificationSubscription|[.callbackReference.notifyURL,.clientCorrelator]')" \
	"$(jq -c '[.channelCallback,.correlator]' "$cache")" 'it names that channel'
is "$(lines '[.event,.service,.number,.made,.lifetime]')" '[["subscription","chat",null,true,1800]]' 'the line, with the lifetime that was granted'
is "$(jq '.channelExpires - .channelLifetime < now*1000' "$cache")" true 'when it ends is known'
channel=$(jq -r .channelCallback "$cache")

run kandy subscribe chat
is "$(asked)" 'PUT channelLifetime 200,GET subscriptions 200' 'again: the channel is extended, the subscription looked for, and nothing made'
is "$(nth /channelLifetime '.json|tostring')" '"{\"notificationChannelLifetime\":{\"channelLifetime\":3600}}"' 'by this'
is "$(lines '[.service,.made]')" '[["chat",false]]' 'the line says so'
run kandy subscribe
is "$(asked)" 'PUT channelLifetime 200,GET subscriptions 200' 'without operands: what there is'

run kandy subscribe sms=+16135550199 receipts --lifetime 10m --conn-check server
is "$status" 0 'SMS and receipts'
is "$(asked)" 'PUT channelLifetime 200,GET subscriptions 200,POST subscriptions 201,POST subscriptions 201' 'on the same channel'
is "$(lines '[.service,.number,.made,.lifetime]')" '[["chat",null,false,600],["sms","+16135550199",true,600],["receipts",null,true,600]]' 'a line each'
is "$(jq -sc 'map(select(.json.subscription))|.[-1]|[.path,.json.subscription.destinationAddress]' "$sandbox_record")" \
	"[\"/cpaas/smsmessaging/v1/$user/inbound/subscriptions\",\"+16135550199\"]" 'SMS, for the number'
is "$(jq -sc 'map(select(.json.deliveryReceiptSubscription))|.[-1].path' "$sandbox_record")" \
	"\"/cpaas/smsmessaging/v1/$user/outbound/$user/subscriptions\"" 'receipts'
run kandy subscribe --list
is "$(asked)" 'GET ID 200,GET subscriptions 200,GET subscriptions 200,GET subscriptions 200' '--list asks what of it lives'
is "$(lines .service)" '["chat","sms","receipts"]' '--list shows all'

# ---- cancelled while no listener was connected
doctor() { run kandy doctor; }
control '{"do":"cancel-subscriptions","service":"sms"}'
run kandy subscribe --list
is "$status $(lines .service)" '0 ["chat","receipts"]' '--list does not show a subscription that the server has cancelled'
doctor
like "$out" '1 of 3 subscriptions are missing on the server' 'doctor tells'
asked >/dev/null
run kandy subscribe chat
is "$(asked)" 'PUT channelLifetime 200,GET subscriptions 200,GET subscriptions 200,DELETE ID 404,POST subscriptions 201,GET subscriptions 200' \
	'subscribe makes it anew'
is "$(lines '[.service,.number,.made]')" '[["chat",null,false],["receipts",null,false],["sms","+16135550199",true]]' 'for its number, and says so'
control '{"do":"fault","fault":"GET subscriptions *:405"}'
run kandy subscribe --list
is "$status $(lines .service)" '0 ["chat","receipts","sms"]' 'a server that has no lists: --list shows what there should be'
asked >/dev/null
run kandy subscribe
is "$status" 0 'subscribe succeeds without lists'
is "$(asked)" "PUT channelLifetime 200$(for service in chat receipts sms; do printf ',GET subscriptions 405,DELETE ID 204,POST subscriptions 201'; done)" \
	'makes all of them anew, each instead of the one before'
control '{"do":"clear-faults"}'
control '{"do":"fault","fault":"GET subscriptions *:503"}'
run kandy subscribe --retry 0
is "$status $(jq -c '.subscriptions|map(.service)' "$cache")" '69 ["chat","receipts","sms"]' 'one that cannot say so now: later'
control '{"do":"clear-faults"}'
control '{"do":"cancel-subscriptions"}'
control '{"do":"fault","fault":"POST subscriptions 2:503"}'
run kandy subscribe --retry 0
is "$status $(jq -c '.subscriptions|map(.service)|sort' "$cache")" '69 ["chat","receipts","sms"]' 'one of three that cannot be made now is not forgotten'
control '{"do":"clear-faults"}'
run kandy subscribe
is "$status $(lines '[.service,.made]' | jq -c sort)" '0 [["chat",false],["receipts",true],["sms",true]]' 'the next call makes the missing ones'
control '{"do":"fault","fault":"PUT channelLifetime 1:403"}'
asked >/dev/null
channel=$(jq -r .channelCallback "$cache")
run kandy subscribe
is "$status" 0 'a channel that the server does not extend'
like <(asked) '^PUT channelLifetime 403,POST channels 201,(POST subscriptions 201,){3}DELETE ID 204$' 'is replaced, and deleted'
control '{"do":"clear-faults"}'
# a channel that vanishes between two requests
control '{"do":"forget-channels"}'
control '{"do":"fault","fault":"PUT channelLifetime 1:empty"}'
asked >/dev/null
run kandy subscribe
is "$status" 0 'a channel that goes while it is looked at'
like <(asked) '^PUT channelLifetime 200,GET subscriptions 200,DELETE ID 404,POST subscriptions 400,GET ID 404,POST channels 201,(POST subscriptions 201,?){3}' 'is replaced'
control '{"do":"clear-faults"}'
kandy unsubscribe sms >/dev/null; kandy unsubscribe receipts >/dev/null # for the order of what follows
kandy subscribe sms=+16135550199 receipts >/dev/null
channel=$(jq -r .channelCallback "$cache")

# ---- channels lost by the server
forget() {
	curl -sS -k -X DELETE -H "Authorization: Bearer $(jq -r .accessToken "$cache")" "$KANDY_BASE_URL$(jq -r .channelResource "$cache")"
	asked >/dev/null
}
forget
run kandy subscribe --list
is "$status $(wc -c <"$out") $(asked)" '0 0 GET ID 404' '--list does not show what the server has forgotten'
run kandy subscribe chat
is "$status" 0 'subscribe again'
is "$(asked)" 'PUT channelLifetime 404,POST channels 201,POST subscriptions 201,POST subscriptions 201,POST subscriptions 201' \
	'makes a new channel, with all that the old one had'
is "$(lines '[.service,.number,.made]')" '[["chat",null,true],["sms","+16135550199",true],["receipts",null,true]]' 'the lines say so'
ok 'it is another one' test "$(jq -r .channelCallback "$cache")" != "$channel"

# ---- unsubscribe
run kandy unsubscribe sms=+1999999
is "$status $(wc -c <"$out") $(asked)" '0 0 ' 'what is not subscribed is gone already'
run kandy unsubscribe sms
is "$(asked)" 'DELETE ID 204' 'SMS of any number'
is "$(lines '[.event,.service,.number,.removed]')" '[["subscription","sms","+16135550199",true]]' 'is gone'
curl -sS -k -X DELETE -H "Authorization: Bearer $(jq -r .accessToken "$cache")" \
	"$KANDY_BASE_URL$(jq -r '.subscriptions[]|select(.service=="receipts").url' "$cache")"
asked >/dev/null
run kandy unsubscribe receipts
is "$status $(asked)" '0 DELETE ID 404' 'what the server has forgotten is done'
is "$(lines .removed)" '[true]' 'the line says so'
run kandy unsubscribe
is "$status $(asked)" '0 DELETE ID 204,DELETE ID 204' 'the rest, and the channel'
is "$(jq -c '[.channelURL,.channelResource,.subscriptions]' "$cache")" '[null,null,null]' 'nothing is left in the cache'
run kandy unsubscribe
is "$status $(wc -c <"$out") $(asked)" '0 0 ' 'again: done'

# ---- usage errors
run kandy subscribe cats
is "$status" 64 'no such service'
like "$err" "did you mean 'chat'" 'is one for the user'
run kandy subscribe sms=hello
is "$status" 64 'no such number'
run kandy subscribe --list chat
is "$status" 64 '--list takes no services'
run kandy subscribe -p nobody
is "$status" 77 'not logged in'

# ---- concurrent calls create one channel
asked >/dev/null
kandy subscribe chat >one 2>&1 & kandy subscribe chat >two 2>&1 & kandy subscribe chat sms >three 2>&1 &
wait_jobs
is "$(jq -s 'map(select(.method=="POST" and (.path|endswith("/channels"))))|length' <(tail -n +$(($(cat "$seen") + 1)) "$sandbox_record"))" 1 \
	'three at once make one channel'
is "$(cat one two three | jq -s 'map(select(.service=="chat" and .made))|length')" 1 'one subscription to chat is made'
is "$(jq -c '.subscriptions|map(.service)|sort' "$cache")" '["chat","sms"]' 'no subscription is lost'
finish
