#!/usr/bin/env bash
# group: from creation to deletion.
. "${0%/*}/../lib/tap.sh"
sandbox
for who in alice bob carol; do as $who kandy whoami >/dev/null || exit 1; done
last() { jq -sc "map(select(.kind==\"request\"))|.[-1]|$1" "$sandbox_record"; }
people() { jq -sc 'map(.participants[]|[(.address|split("@")[0]),.status,.isAdmin])' "$out"; }

run as alice kandy group list
is "$status $(wc -c <"$out")" '0 0' 'no groups'
run as alice kandy group create --name 'the té"am' --subject why BOB@sandbox.example carol@sandbox.example
is "$status" 0 'create'
json "$out" '[.event,.type,.name,.subject,.image]' '["group","chat-group","the té\"am","why",null]' 'the line'
is "$(people)" '[["alice","Connected",true],["bob","Invited",false],["carol","Invited",false]]' 'who is in it'
is "$(last '.json.groupChatSessionInformation|[."x-name",.subject,."x-type",(.participant|map([.address,."x-isAdmin"]))]')" \
	'["the té\"am","why","closed",[["alice@sandbox.example",true],["bob@sandbox.example",false],["carol@sandbox.example",false]]]' 'what is sent'
id=$(jq -r '.destination[0]' "$out")

run as bob kandy group list
is "$(jq -r '.destination[0]' "$out")" "$id" 'an invited one sees it'
run as bob kandy group join "group:$id"
is "$status $(people)" '0 [["bob","Connected",false]]' 'join'
is "$(last '[.method,(.path|split("/")|.[-3:]),.json.participantSessionStatus.status]')" \
	'["PUT",["participants","bob@sandbox.example","status"],"Connected"]' 'what is sent'
run as bob kandy send -t "group:$id" -m 'hello all'
is "$status" 0 'send to it'
run as alice kandy group list --format text
is "$(cat "$out")" "group $id 'the té\"am': alice@sandbox.example (Connected), bob@sandbox.example (Connected), carol@sandbox.example (Invited)" '--format text'
as bob kandy listen --heartbeat typing.beat -n 1 >typing.out 2>typing.err &
listener=$!
wait_for test -e typing.beat
run as alice kandy typing "group:$id"
is "$status" 0 'typing in a group'
wait "$listener"
json typing.out '[.event, .type, .destination == ["'"$id"'"], .sender, .state]' \
	'["typing","chat-group",true,"alice@sandbox.example","active"]' 'is seen by the others'
run as alice kandy history "group:$id"
is "$(jq -sc 'map([.type,.destination,.sender,.parts[0].text])' "$out")" "[[\"chat-group\",[\"$id\"],\"bob@sandbox.example\",\"hello all\"]]" 'its history'
run as alice kandy conversations --type group
is "$(jq -sc 'map([.type,.destination[0]])' "$out")" "[[\"chat-group\",\"$id\"]]" 'it is a conversation'

# the address in a line can be used as a recipient
address=group:$id
is "$(jq -r .address "$out")" "$address" 'conversations: the address, as -t takes it'
as alice kandy history "$(jq -r .address "$out")" >history
is "$(jq -r .address history)" "$address" 'history takes it, and gives it'
jq -c '{to: .address, text: "re 1"}' history >answer
run_in answer as alice kandy send --jsonl
is "$status $(jq -r .address "$out")" "0 $address" 'an answer to .address'
jq -c '{address, text: "re 2"}' history >answer
run_in answer as alice kandy send --jsonl --failed failed
is "$status $(jq -r .address "$out")" "0 $address" 'a line with an address alone'
run_in history as alice kandy send --jsonl
is "$status $(jq -r .address "$out")" "0 $address" 'a message line as it is'
jq -nc '{address: "nobody"}, {to: "bob@sandbox.example", address: "nobody", text: "x"}' >lines
run_in lines as alice kandy send --jsonl -N
is "$(jq -c '[.event, .address]' "$out" | xargs)" '[error,nobody] [dry-run,bob@sandbox.example]' '"to" comes first'
# without valgrind, which has no pidfd_open(2)
run as bob "$KANDY_BIN" listen --since all --once --exec sh -- -c 'kandy send -N -t "$KANDY_ADDRESS" -m re >"$0"' said
is "$status $(jq -r .address said)" "0 $address" '--exec has it in a variable'
as bob kandy listen --since all --once >lines
is "$(jq -r .address lines | sort -u)" "$address" 'listen: the address'

run as alice kandy group invite "$id" dave@sandbox.example --admin
is "$status $(people)" '0 [["dave","Invited",true]]' 'invite'
run as alice kandy group remove "$id" carol@sandbox.example
is "$status $(people)" '0 [["carol","Removed",false]]' 'remove'
run as alice kandy group remove "$id" carol@sandbox.example
is "$status" 0 'again: gone already'
run as bob kandy group leave "$id"
is "$status $(people)" '0 [["bob","Removed",false]]' 'leave'
run as alice kandy group show "$id"
is "$(people)" '[["alice","Connected",true],["dave","Invited",true]]' 'show'
run as bob kandy group show "$id"
is "$status" 77 'but not to those who have left'
like "$err" 'status 404' 'which the server does not explain'
run as alice kandy group invite "$id" nobody@sandbox.example
is "$status" 77 'somebody who does not exist'
like "$err" 'SVC0004' "the service's code is shown"
run as alice kandy group delete group:..
is "$status" 64 'what names no group'
run as alice kandy group delete "$id"
is "$status $(jq -r .eventType "$out")" '0 SessionEnded' 'delete'
run as alice kandy group delete "$id"
is "$status" 0 'again: gone already'

run as alice kandy group
is "$status" 64 'group what?'
run as alice kandy group creat bob@sandbox.example
is "$status" 64 'no such verb'
like "$err" "unknown verb 'creat'; did you mean 'create'" 'the error has a hint'
run as alice kandy group create
is "$status" 64 'a group of one'
run as alice kandy group create sms:+16135550199
is "$status" 64 'a number is no user'
run as alice kandy group show
is "$status" 64 'which group?'
run as alice kandy group show group:
is "$status" 64 'an empty ID'
run as alice kandy group leave "$id" bob@sandbox.example
is "$status" 64 'leave takes no addresses'
for call in 'list --name x' 'show G --subject x' 'invite G bob@sandbox.example --image x'; do
	run as alice kandy group $call
	is "$status" 64 "group $call"
	like "$err" "does not apply to .*, but to 'kandy group create'" 'an option of another verb is refused'
done
run as alice kandy group create --admin bob@sandbox.example
is "$status" 64 '--admin with create'
like "$err" "does not apply to .*, but to 'kandy group invite'" 'create does not take it'
run as alice kandy group show '../../other?x'
is "$(last '.path|split("/")|.[-1]')" '"..%2F..%2Fother%3Fx"' 'an ID stays one segment of the path'

# every verb has its own help
for call in 'group create --help' 'help group create'; do
	run kandy $call
	is "$status" 0 "kandy $call"
	like "$out" '^usage: kandy group create .*ADDRESS' "kandy $call: the usage"
	like "$out" '--subject TEXT' "kandy $call: an option of the verb"
	unlike "$out" '--admin' "kandy $call: no option of another verb"
done
finish
