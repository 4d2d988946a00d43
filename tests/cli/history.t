#!/usr/bin/env bash
# history, conversations, typing, read, delete.
. "${0%/*}/../lib/tap.sh"
sandbox
as alice kandy whoami >/dev/null || exit 1
as bob kandy whoami >/dev/null || exit 1
last() { jq -sc "map(select(.kind==\"request\"))|.[-1]|$1" "$sandbox_record"; }
bob=bob@sandbox.example

run as alice kandy history $bob
is "$status $(wc -c <"$out")" '0 0' 'a conversation that never was is empty'
is "$(cat "$err")" "kandy: history: no messages with '$bob'" 'which is said: it may be a slip'
run as alice kandy history group:nosuch
is "$status $(wc -c <"$out") $(cat "$err")" "0 0 kandy: history: no messages with 'group:nosuch'" 'of a group that is none, too'
run as alice kandy history $bob -q
is "$(cat "$err")" '' 'but not with -q'
run as alice kandy history $bob --since 1h
is "$(cat "$err")" '' 'no note with --since'
run as alice kandy conversations
is "$status $(wc -c <"$out")" '0 0' 'an empty list'

jq -nc --arg to $bob 'range(120)|{to:$to,text:"number \(.)"}' | as alice kandy send --jsonl >/dev/null
printf 'x\ny "z"\n\\' | as bob kandy send -t alice@sandbox.example >/dev/null
run as alice kandy history $bob
is "$status" 0 'history'
is "$(jq -s length "$out")" 50 'the last 50'
is "$(jq -sc '.[-1]|[.event,.type,.destination,.sender,.direction,.backfilled,.id,.parts]' "$out")" \
	'["message","chat-oneToOne",["bob@sandbox.example"],"bob@sandbox.example","inbound",true,null,[{"type":"text","text":"x\ny \"z\"\n\\"}]]' 'the newest comes last, as a message line'
is "$(jq -sc '.[-2]|[.direction,.sender,.destination,.parts[0].text]' "$out")" \
	'["outbound","alice@sandbox.example",["bob@sandbox.example"],"number 119"]' 'what one has sent oneself'
run as alice kandy history $bob --count 0
is "$(jq -s 'map(.parts[0].text)|.[0:120]==[range(120)|"number \(.)"]' "$out")" true 'all of them, in order, over three pages'
is "$(jq -s 'map(.messageId)|unique|length' "$out")" 121 'each once'
run as alice kandy history $bob -n 3
is "$(jq -sr 'map(.parts[0].text)|.[0:2]|join(",")' "$out")" 'number 118,number 119' '-n 3'
is "$(last '.path|split("/")|.[-1]|startswith("messages")')" true 'by one request'
run as alice kandy history BOB@sandbox.example -n 1
is "$(jq -s length "$out")" 1 'an address in capitals is the same'
run as alice kandy history $bob --since 2100-01-01
is "$status $(wc -c <"$out")" '0 0' 'since a time to come: nothing'
run as alice kandy history $bob --since $(($(date +%s) - 3600)) --count 0
is "$(jq -s length "$out")" 121 'since an hour ago: all'
run as alice kandy history $bob --since "$(TZ=XYZ3 date -d '1 hour' -Is)" --count 0
is "$status $(wc -l <"$out")" '0 0' 'since an hour hence, as `date -Is` writes it where it is earlier'
for since in 1h "$(TZ=XYZ-3 date -d '1 hour ago' -Is)" "@$(($(date +%s) - 3600))"; do
	run as alice kandy history $bob --since "$since" --count 0
	is "$status $(wc -l <"$out")" '0 121' "since ${since#@[0-9]*}: all"
done
for command in "history $bob" 'listen --once'; do
	run as alice kandy $command --since yesterday
	is "$status" 64 "$command --since what is no time"
	case $command in listen*) words='last, none, all, or a time: ' ;; *) words='' ;; esac
	is "$(cat "$err")" "kandy: ${command%% *}: invalid --since 'yesterday': expected ${words}2026-01-31, 2026-01-31T12:00 or 2026-01-31T12:00:00+01:00 (UTC without an offset), a duration such as 1h for so long ago, or @SECONDS since 1970" \
		"${command%% *}: the error lists the forms of a time"
	kandy help ${command%% *} | tr -s ' \n' ' ' >help
	like help '2026-01-31T12:00:00\+01:00.*1h.*@SECONDS' 'the help lists the forms'
done
run as alice kandy history nobody
is "$status" 64 'what is no address'
kandy history $bob >/dev/full 2>&1
is $? 77 'not logged in'
as alice kandy history $bob >/dev/full 2>"$err"
is $? 74 'stdout that takes nothing'

run as alice kandy history $bob -n 2 --format text
is "$(cut -d' ' -f 2- "$out")" $'alice@sandbox.example to bob@sandbox.example: number 119\nbob@sandbox.example: x y "z" \\' '--format text'

as alice kandy send -t sms:+16135550199 -m 'by SMS' >/dev/null
run as alice kandy history sms:+16135550199
is "$(jq -sc 'map([.type,.destination,.parts[0].text])' "$out")" '[["sms",["+16135550199"],"by SMS"]]' 'of SMS, too'

# ---- conversations
as alice kandy send -t carol@sandbox.example -m hi >/dev/null
run as alice kandy conversations
is "$(jq -sc 'map([.event,.type,.destination[0],.lastText])|sort' "$out")" \
	'[["conversation","chat-oneToOne","bob@sandbox.example","x\ny \"z\"\n\\"],["conversation","chat-oneToOne","carol@sandbox.example","hi"],["conversation","sms","+16135550199","by SMS"]]' 'kandy conversations: type, recipient and last text of each'
is "$(jq -s 'map(.timestamp)|.==(sort|reverse) and all(.>1e12)' "$out")" true 'the newest first, in milliseconds'
run as alice kandy conversations --type sms
is "$(jq -sr 'map(.destination[0])|join(",")' "$out")" '+16135550199' 'of one kind'
run as alice kandy conversations --type sms --format text
is "$(cut -d' ' -f 2- "$out")" 'sms:+16135550199: by SMS' '--format text'
run as alice kandy conversations --type im
is "$(jq -sr 'map(.type)|unique|join(",")' "$out")" 'chat-oneToOne' 'of the kind that is also called im'

# ---- typing
run as alice kandy typing $bob
is "$status" 0 'typing'
json "$out" '[.event,.destination,.state,.direction]' '["typing",["bob@sandbox.example"],"active","outbound"]' 'the line'
is "$(last '[.method,(.path|endswith("/oneToOne/bob@sandbox.example/adhoc/messages")),.json.isComposing.state,.json.isComposing.refresh,.json.isComposing.contenttype,(.json.isComposing.lastactive>1e12)]')" \
	'["POST",true,"active","60","text/plain",true]' 'what is sent'
run as alice kandy typing --stop $bob
is "$(last .json.isComposing.state)" '"idle"' 'the indicator is cleared'
run as alice kandy typing sms:+16135550199
is "$status" 65 'not by SMS'

# ---- read
id=$(as alice kandy history $bob -n 1 | jq -r .messageId)
run as alice kandy read $bob "$id"
is "$status" 0 'read'
json "$out" '[.event,.messageId,.status]' "[\"receipt\",\"$id\",\"Displayed\"]" 'the line'
is "$(last '[.method,(.path|split("/")|.[-2:]),.json]')" "[\"PUT\",[\"$id\",\"status\"],{\"messageStatusReport\":{\"status\":\"Displayed\"}}]" 'what is sent'
run as alice kandy read $bob no-such-message
is "$status" 77 'a message that is not there'
run as alice kandy read $bob
is "$status" 64 'which message?'

# ---- delete
run as alice kandy delete $bob "$id" no/such?message
is "$status" 0 'delete, also what is not there'
is "$(jq -sc 'map([.event,.messageId])' "$out")" "[[\"deleted\",\"$id\"],[\"deleted\",\"no/such?message\"]]" 'a line each'
is "$(last '.path|split("/")|.[-1]')" '"no%2Fsuch%3Fmessage"' 'an ID stays one segment of the path'
is "$(as alice kandy history $bob --count 0 | jq -s length)" 120 'one less'
is "$(as bob kandy history alice@sandbox.example --count 0 | jq -s length)" 121 'but not for the other side'
for no in '' . ..; do
	before=$(wc -l <"$sandbox_record")
	run as alice kandy delete $bob "$id" "$no"
	is "$status $(wc -l <"$sandbox_record")" "64 $before" "'$no' is not a message ID, and nothing is deleted"
done
run as alice kandy delete group:.. --all
is "$status" 64 'a group ID that is not a segment'
run as alice kandy delete $bob
is "$status" 64 'without an ID, --all must be said'
run as alice kandy delete $bob --all x
is "$status" 64 '--all excludes IDs'
run as alice kandy delete $bob --all
is "$status $(as alice kandy history -q $bob | wc -l)" '0 0' '--all'
run as alice kandy delete sms:+16135550199 --all
is "$status $(as alice kandy history -q sms:+16135550199 | wc -l)" '0 0' 'an SMS conversation'
finish
