#!/usr/bin/env bash
# A spooled message is sent as the user, and by the service, that it was spooled for, and as nobody else.
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
json <(as alice kandy spool | head -n 1) '[.userId,.username,.baseUrl]' "$(jq -c '[.userId,.username,.baseUrl]' whoami)" 'a message knows its sender'
ok 'another user logs in' login bob
store three
run as alice kandy flush -q
is "$status $(texts)" '77 three' 'flush sends his messages, and not those of the first: 77'
like "$err" "^kandy: flush: 2 messages are still waiting: spooled by 'alice@sandbox.example', and 'bob@sandbox.example' is logged in; run 'kandy login' as 'alice" \
	'and says why, and what to do'
is "$(wc -l <"$err")" 1 'in one line'
is "$(as alice kandy spool | jq -c '[.state,.text,(.error|test("spooled by"))]' | paste -sd' ')" '["waiting","one",true] ["waiting","two",true]' 'both wait, and know why'
run as alice kandy flush -q --max-age 1ms
is "$status $(as alice kandy spool | jq -r .state | paste -sd' ')" '1 failed failed' 'for --max-age'
as alice kandy spool retry --all
login alice
run as alice kandy flush -q
is "$status $(texts)" '0 three one two' 'as the first user, flush sends them'

# stored without a login: the name that is configured counts
rm -rf "$state"
mkdir "$state"
store four -u alice@sandbox.example
json <(as alice kandy spool) '[.userId,.username]' '[null,"alice@sandbox.example"]' 'without a login, the name of the settings is known'
login bob
run as alice kandy flush -q
is "$status $(texts)" '77 three one two' 'and bob does not send it'
login alice
run as alice kandy flush -q
is "$status $(texts)" '0 three one two four' 'but alice does'

# nothing was known, or an earlier version has stored it
store five
sed -i 's/,"userId":.*}/}/' "$dir"/new/*/message.json
login bob
run as alice kandy flush -q
is "$status $(texts)" '0 three one two four five' 'a message that knows no sender goes as ever'

# another service
login alice
store six
first=$KANDY_BASE_URL
rm -f "$sandbox_record"
sandbox
rm -f "$state/kandy/default.json"
login alice
run as alice kandy flush -q
is "$status $(texts)" '77 ' 'another service does not get it'
like "$err" "1 message is still waiting: spooled for $first, and this is $KANDY_BASE_URL; give --base-url $first" 'and why'

finish
