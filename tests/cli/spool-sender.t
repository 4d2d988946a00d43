#!/usr/bin/env bash
# A spooled message is delivered only by the account and service that it was queued for.
. "${0%/*}/../lib/tap.sh"
state=$scratch/state-alice
dir=$state/kandy/default.spool
away=http://127.0.0.1:9 # nobody listens there
texts() { jq -r 'select(.kind=="request" and .method=="POST" and (.path|endswith("/messages")))|.json.chatMessage.text' "$sandbox_record" | paste -sd' '; }
login() { KANDY_PASSWORD=$1-secret as alice kandy login -q -u "$1@sandbox.example" >/dev/null; }
store() { KANDY_PROXY=$away as alice kandy send --spool -q --retry 0 -t carol@sandbox.example -m "$@" >"$out"; }

sandbox
as alice kandy whoami >whoami
store one
store two
json <(as alice kandy spool | head -n 1) '[.userId,.username,.baseUrl]' "$(jq -c '[.userId,.username,.baseUrl]' whoami)" 'a message has the account that queued it'
ok 'another user logs in' login bob
store three
run as alice kandy flush -q
is "$status $(texts)" '77 three' 'flush sends only the messages of the account: 77'
like "$err" "^kandy: flush: 2 messages are still queued: queued by 'alice@sandbox.example', but 'bob@sandbox.example' is logged in; run 'kandy login' as 'alice" \
	'the error has the reason and the commands'
is "$(wc -l <"$err")" 1 'the error is one line'
is "$(as alice kandy spool | jq -c '[.state,.text,(.error|test("queued by"))]' | paste -sd' ')" '["waiting","one",true] ["waiting","two",true]' 'both messages stay queued with the error'
run as alice kandy flush -q --max-age 1ms
is "$status $(as alice kandy spool | jq -r .state | paste -sd' ')" '1 failed failed' '--max-age applies to messages of another account'
as alice kandy spool retry --all
login alice
run as alice kandy flush -q
is "$status $(texts)" '0 three one two' 'flush as the first account sends them'

# queued without a login: the configured user name counts
rm -rf "$state"
mkdir "$state"
store four -u alice@sandbox.example
json <(as alice kandy spool) '[.userId,.username]' '[null,"alice@sandbox.example"]' 'without a login, the configured user name is stored'
login bob
run as alice kandy flush -q
is "$status $(texts)" '77 three one two' 'flush as another user does not send it'
login alice
run as alice kandy flush -q
is "$status $(texts)" '0 three one two four' 'flush as the configured user sends it'

# no account was known, or an older version stored it
store five
sed -i 's/,"userId":.*}/}/' "$dir"/new/*/message.json
login bob
run as alice kandy flush -q
is "$status $(texts)" '0 three one two four five' 'a message without an account is sent by any'

# another service
login alice
store six
first=$KANDY_BASE_URL
rm -f "$sandbox_record"
sandbox
rm -f "$state/kandy/default.json"
login alice
run as alice kandy flush -q
is "$status $(texts)" '77 ' 'flush for another service does not send it'
like "$err" "1 message is still queued: queued for $first, but the base URL is $KANDY_BASE_URL; use --base-url $first" 'another service: the error has both URLs'

finish
