#!/usr/bin/env bash
# subscribe against a server that fails.
. "${0%/*}/../lib/tap.sh"
cache=$HOME/.local/state/kandy/default.json
export KANDY_RETRY_DELAY=20ms KANDY_USERNAME=alice@sandbox.example
begin() { # FAULT...: a sandbox with these, and alice logged in
	local options=()
	for fault in "$@"; do options+=(--fault "$fault"); done
	restart_sandbox "${options[@]}"
	KANDY_PASSWORD=alice-secret kandy login -q >/dev/null
}
posts() { jq -s "map(select(.method==\"POST\" and (.path|endswith(\"/$1\"))))|length" "$sandbox_record"; }

begin 'POST channels 1:html'
run kandy subscribe chat
is "$status" 76 'HTML instead of an answer'
like "$err" 'response to POST /cpaas/notificationchannel/v1/[^ ]*/channels: status 200, not JSON \(text/html' 'status, type and where'
is "$(wc -l <"$err")" 1 'in one line'
is "$(posts channels)" 1 'which is not repeated'
run kandy subscribe chat
is "$status" 0 'then all is well'

begin 'POST channels 1:503,2:429/0,3:503'
run kandy subscribe chat
is "$status" 0 'turned away three times'
is "$(posts channels)" 4 'accepted at the fourth attempt'
begin 'POST channels 1+:503'
run kandy subscribe chat
is "$status" 69 'turned away for ever'
is "$(posts channels)" 4 'after three retries'
like "$err" 'status 503' 'which is said'
begin 'POST channels 1+:429'
run kandy subscribe chat --retry 1
is "$status $(posts channels)" '75 2' 'rate limited'
begin 'POST channels 1+:403'
run kandy subscribe chat
is "$status $(posts channels)" '77 1' 'refused'
begin 'POST channels 1:empty'
run kandy subscribe chat
is "$status" 76 'an empty answer'
like "$err" "has no 'channelURL'|has no 'resourceURL'" 'names what is missing'
begin 'POST channels 1:badjson'
run kandy subscribe chat
is "$status" 76 'broken JSON'
begin 'POST channels 1:redirect/https://127.0.0.1:1/'
run kandy subscribe chat
is "$status" 76 'a redirect is not followed'
like "$err" 'status 302, redirect' 'the error calls it a redirect'

# a lost response: a POST is not retried
begin 'POST channels 1:lost'
run kandy subscribe chat
is "$status $(posts channels)" '75 1' 'a lost answer'
is "$(jq -c .channelURL "$cache")" null 'leaves no channel'
run kandy subscribe chat
is "$status" 0 'the next call makes one'

# a new channel without all of its subscriptions is deleted
begin 'POST subscriptions 2:403'
run kandy subscribe chat sms
is "$status" 77 'one of two subscriptions is refused'
like "$err" 'cannot subscribe to sms: ' 'the error names it'
is "$(jq -c '[.channelURL,.subscriptions]' "$cache")" '[null,null]' 'a new channel is not kept then'
is "$(jq -s 'map(select(.method=="DELETE" and .status==204))|length' "$sandbox_record")" 1 'but deleted'
run kandy subscribe chat
is "$status" 0 'the next call works'

# unsubscribe without a connection keeps the session
run kandy unsubscribe --proxy http://127.0.0.1:1 --retry 0
is "$status" 69 'nobody answers'
is "$(jq -c '.subscriptions|map(.service)' "$cache")" '["chat"]' 'what could not be removed is still known'
finish
