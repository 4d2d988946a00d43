#!/usr/bin/env bash
# kandy send: requests, output, exit status.
. "${0%/*}/../lib/tap.sh"
sandbox

# the recorded requests: `posts FILTER` of the message bodies, `uploads FILTER` of the files
posts() { jq -c 'select(.kind=="request" and .method=="POST" and (.path|endswith("/messages")))|'"$1" "$sandbox_record"; }
uploads() { jq -c 'select(.kind=="request" and .method=="POST" and (.path|endswith("/objects")))|.parts[1]|'"$1" "$sandbox_record"; }
nothing_sent() { is "$(jq -c 'select(.path|test("chat"))' "$sandbox_record" | wc -l)" "$before" "$1"; }
count() { before=$(jq -c 'select(.path|test("chat"))' "$sandbox_record" | wc -l); }

# one message
run as alice kandy send -t bob@sandbox.example -m 'hello "you" \ é'
is "$status" 0 'a text is sent'
json "$out" 'del(.messageId,.timestamp)' '{"event":"sent","type":"chat-oneToOne","destination":["bob@sandbox.example"],"address":"bob@sandbox.example","status":"Sent","attempts":1}' 'the result line has recipient and status'
json "$out" '(.messageId|type=="string" and length>0) and (.timestamp>1500000000000)' true 'the result line has ID and time'
is "$(posts .json)" '{"chatMessage":{"text":"hello \"you\" \\ é"}}' 'the service gets the text unchanged'
is "$(jq -r 'select(.path|test("messages"))|.path|split("/")[-4:]|join("/")' "$sandbox_record")" 'oneToOne/bob@sandbox.example/adhoc/messages' 'the message is posted to its conversation'
like "$sandbox_record" '"x-cpaas-agent":"kandy/' 'the request has x-cpaas-agent'
like "$sandbox_record" '"user-agent":"kandy/' 'the request has user-agent'

run as alice kandy send BOB@Sandbox.Example carol@sandbox.example -t bob@sandbox.example -m x
is "$(jq -r '.destination[0]' "$out" | paste -sd' ')" 'bob@sandbox.example carol@sandbox.example' 'recipients as operands and options: lower case, without duplicates'

# text from stdin
printf 'a\0b\377\r\n\r\n' > text
run_in text as alice kandy send -t bob@sandbox.example
is "$(posts .json.chatMessage.text | tail -1)" '"a�b�\r\n"' 'stdin: one newline is removed, NUL and invalid bytes become U+FFFD'
printf 'no newline' > text
run_in text as alice kandy send -t bob@sandbox.example
is "$(posts .json.chatMessage.text | tail -1)" '"no newline"' 'stdin without a newline'

# attachments
head -c 300000 /dev/urandom > 'photo é "1".png'
printf log > log.txt.gz
run as alice kandy send -t bob@sandbox.example -t carol@sandbox.example -m files -a 'photo é "1".png' -a log.txt.gz
is "$status" 0 'two attachments to two users'
is "$(uploads .sha256 | wc -l)" 2 'each file is uploaded once'
is "$(uploads .sha256 | sort | tr -d '"' | paste -sd' ')" "$(sha256sum 'photo é "1".png' log.txt.gz | cut -d' ' -f1 | sort | paste -sd' ')" 'the files arrive unchanged'
is "$(uploads '[.name,.type]' | sort | paste -sd' ')" '["raw","application/gzip"] ["raw","image/png"]' 'the uploads have names and types'
is "$(jq -c 'select(.path|endswith("/objects"))|[.parts[].name]' "$sandbox_record" | sort -u)" '["root-fields","raw"]' 'the file follows root-fields'
is "$(posts '.json.chatMessage.attachment//empty|map(.name)' | tail -1)" '["photo é \"1\".png","log.txt.gz"]' 'the message names the files in their order'
is "$(posts '.json.chatMessage.attachment//empty|map(."x-id")' | tail -2 | uniq | wc -l)" 1 'both messages refer to the same objects'
printf stream > stream
run_in stream as alice kandy send -t bob@sandbox.example -a - --name 'out.txt' --mime-type 'text/x-log'
is "$(uploads '[.filename,.type,.bytes]' | tail -1)" '["out.txt","text/x-log",6]' 'stdin as an attachment, with name and type'
is "$(posts .json.chatMessage.text | tail -1)" '""' 'an attachment from stdin: the text is empty'
: > empty
run as alice kandy send -t bob@sandbox.example -m x -a empty
is "$(uploads .bytes | tail -1)" 0 'an empty file'
run as alice kandy send -t group:nogroup -m x
is "$status" 77 'an unknown group: refused'
like "$err" 'status 404' 'an unknown group: the error has the status of the service'
run as alice kandy send -t sms:+16131234567 -m 'by sms'
is "$(jq -c 'select(.path|endswith("/requests"))|.json.outboundSMSMessageRequest|[.address,.outboundSMSTextMessage.message,(.clientCorrelator|length>0)]' "$sandbox_record")" '[["+16131234567"],"by sms",true]' 'an SMS'
json "$out" '[.type,.destination]' '["sms",["+16131234567"]]' 'an SMS: the result line'

# errors that are found before anything is sent
count
run as alice kandy send -t bob@sandbox.example -m x -a log.txt.gz -a missing.pdf
is "$status" 66 'a missing attachment: 66'
like "$err" "^kandy: send: cannot attach 'missing.pdf': No such file" 'a missing attachment: the error names it'
is "$(cat "$out")" '' 'a missing attachment: nothing on stdout'
run as alice kandy send -t bob@sandbox.example -m x -a .
is "$status" 66 'a directory: 66'
run as alice kandy send -t bob@sandbox.example
is "$status" 64 'nothing to send: 64'
like "$err" 'use -m TEXT or -a FILE' 'nothing to send: the error has a hint'
run as alice kandy send -t bob@sandbox.example <&-
is "$status" 64 'stdin closed: 64'
run as alice kandy send -m x
is "$status" 64 'no recipient: 64'
run as alice kandy send -t bob -m x
is "$status" 64 'invalid address: 64'
run kandy send -t bob@sandbox.example,carol@sandbox.example -m x
is "$status $(cat "$err")" "64 kandy: send: invalid address 'bob@sandbox.example,carol@sandbox.example': more than one '@'; give each address separately" \
	'two addresses in one: the error names the fix'
run as alice kandy send -t sms:+123456 -m x -a log.txt.gz
is "$status" 65 'an SMS with an attachment: 65'
run as alice kandy send -t bob@sandbox.example -a -
is "$status" 64 'a stream without a name: 64'
run as alice kandy send -t bob@sandbox.example -m x --lines
is "$status" 64 '-m with --lines: 64'
run as alice kandy send -t bob@sandbox.example -m x -N -a log.txt.gz
json "$out" . '{"event":"dry-run","type":"chat-oneToOne","destination":["bob@sandbox.example"],"address":"bob@sandbox.example","text":"x","files":[{"name":"log.txt.gz","mimeType":"application/gzip","size":3,"path":"log.txt.gz"}]}' 'a dry run says what it would do'
nothing_sent 'nothing is sent after invalid arguments or by a dry run'
run kandy send -t bob@sandbox.example -m x
is "$status" 77 'not logged in: 77'
like "$err" 'kandy login' 'not logged in: the error names the command'

# lines
printf 'one\n\n two \nthree' > lines
run_in lines as alice kandy send --lines -t bob@sandbox.example
is "$status" 0 'lines'
is "$(posts .json.chatMessage.text | tail -3 | paste -sd' ')" '"one" " two " "three"' '--lines: each line is a message, blank ones are not'
is "$(jq -c .line "$out" | paste -sd' ')" '1 3 4' '--lines: each result has its line number'

# JSON lines
mkdir -p sub && printf a > sub/a.pdf
cat > in.jsonl <<'EOF'
{"to":"bob@sandbox.example","text":"1","ref":10000000000000000001}
{"to":["bob@sandbox.example","carol@sandbox.example"],"text":"2","files":["sub/a.pdf"],"ref":{"a":[1, 2]}}
nonsense
{"to":"bob@sandbox.example"}
{"event":"message","type":"chat-oneToOne","destination":["carol@sandbox.example"],"messageId":"m","parts":[{"type":"text","text":"fwd"},{"type":"file","name":"b.pdf","path":"sub/a.pdf","mimeType":"application/x-b"}],"unknown":{}}
{"to":"nobody@nowhere.example","text":"5"}
{"to":"bob@sandbox.example","text":"6","files":["nope"]}
{"text":"7"}
EOF
run_in in.jsonl as alice kandy send --jsonl -j 8
is "$status" 1 'JSON lines, some of them bad: 1'
is "$(jq -c '[.event,.line]' "$out" | paste -sd' ')" '["sent",1] ["sent",2] ["sent",2] ["error",3] ["error",4] ["sent",5] ["error",6] ["error",7] ["error",8]' '--jsonl: one result for each recipient, in order'
like "$out" '"ref":10000000000000000001,' 'ref keeps all digits of a number'
is "$(sed -n 2p "$out" | jq -c .ref)" '{"a":[1,2]}' 'ref keeps an object'
json <(sed -n 4p "$out") '[.destination,.status,.command,.error.kind,.error.retryable]' '[[],"failed","send","data",false]' 'invalid JSON: an error line in its place'
json <(sed -n 7p "$out") '[.destination,.error.kind,.error.http,.error.code]' '[["nobody@nowhere.example"],"refused",404,"SVC0004"]' 'a rejected message: an error line with the code of the service'
json <(sed -n 8p "$out") '.error.kind' '"no-input"' 'a missing file: an error line'
like "$err" '^kandy: send: 5 of 9 messages were not sent$' 'a batch: the summary is on stderr'
is "$(uploads '[.filename,.type]' | tail -2 | sort | paste -sd' ')" '["a.pdf","application/pdf"] ["b.pdf","application/x-b"]' 'a message line: file names and types are kept'
xid=$(posts '.json.chatMessage|select(.attachment)|.attachment[0]."x-id"' | tail -1)
echo "{\"destination\":[\"bob@sandbox.example\"],\"parts\":[{\"type\":\"file\",\"name\":\"again\",\"x-id\":$xid}]}" > fwd
count
run_in fwd as alice kandy send --jsonl
is "$(posts .json.chatMessage.attachment | tail -1)" "[{\"name\":\"again\",\"x-id\":$xid}]" 'a file by x-id is not uploaded again'

# --failed, and resubmission
run_in in.jsonl as alice kandy send --jsonl --failed failed.jsonl
is "$(wc -l < failed.jsonl)" 5 '--failed has the failed lines'
same <(sed -n '3p;4p;6p;7p;8p' in.jsonl) failed.jsonl '--failed has the lines unchanged'
echo '{"to":["bob@sandbox.example","nobody@nowhere.example"],"text":"both","ref":"r","n":1}' > two
run_in two as alice kandy send --jsonl --failed failed.jsonl
json failed.jsonl . '{"to":["nobody@nowhere.example"],"text":"both","ref":"r","n":1}' '--failed: only the recipient without the message is left'
run_in failed.jsonl as alice kandy send --jsonl --failed failed.jsonl
is "$status" 64 '--failed cannot be the input file'
ok '--failed: the input file is not truncated' grep -q both failed.jsonl
for i in 1 2 3 4 5 6; do echo "{\"to\":\"bob@sandbox.example\",\"text\":\"f$i\"}"; [ $i = 2 ] && echo '{"to":"nobody@nowhere.example","text":"bad"}'; done > ff
run_in ff as alice kandy send --jsonl -j 1 --fail-fast --failed failed.jsonl
is "$status" 1 '--fail-fast'
is "$(($(grep -c '"sent"' "$out") + $(wc -l < failed.jsonl)))" 7 '--fail-fast: untried lines are in FILE'
is "$(posts .json.chatMessage.text | grep -c '"f[3-6]"')" 0 '--fail-fast: nothing is posted after the failure'
is "$(jq -c '[.line,.event]' "$out" | paste -sd' ')" '[1,"sent"] [2,"sent"] [3,"error"] [4,"error"] [5,"error"] [6,"error"] [7,"error"]' '--fail-fast: each line has a result'
json <(tail -n 1 "$out") '[.error.kind,.error.retryable,.attempts]' '["temporary",true,0]' '--fail-fast: the result of an untried line'

# stdout that cannot be written
count
as alice kandy send -t bob@sandbox.example -m unseen >&- 2> "$err"
is "$?" 74 'stdout is closed: 74'
nothing_sent 'stdout is closed: nothing is sent'
as alice kandy send -t bob@sandbox.example -m seen > /dev/full 2> "$err"
is "$?" 74 'stdout is full: 74'
like "$err" '^kandy: send: the message was sent: cannot write the output: No space left' 'stdout is full: the error says that the message was sent'

# a line with a bad address
count
printf '%s\n' '{"to":["bob@sandbox.example","bad"],"text":"x"}' '{"to":"worse","text":"y"}' > in
run_in in as alice kandy send --jsonl
is "$(jq -c '[.line,.destination[0],.status]' "$out" | paste -sd' ')" '[1,"bob@sandbox.example","failed"] [1,"bad","failed"] [2,"worse","failed"]' 'an invalid address: each recipient of the line has a result'
nothing_sent 'an invalid address: nothing of the line is sent'

# a pipe: results are printed while the input is open
mkfifo pipe
as alice kandy send --jsonl < pipe > streamed &
pid=$!
exec 7>pipe
echo '{"to":"bob@sandbox.example","text":"s1"}' >&7
ok 'a result comes while stdin is open' wait_for grep -q sent streamed
printf '{"to":"bob@sandbox.example",' >&7
echo '"text":"s2"}' >&7
exec 7>&-
wait $pid
is "$?" 0 'the batch ends at the end of stdin'
is "$(wc -l < streamed)" 2 'each line of the pipe has a result'
: > none
run_in none as alice kandy send --jsonl
is "$status" 0 'empty input is not a failure'
# --skip-empty
count
for text in '' '\n\n' ' \t\r\n '; do
	printf "$text" >text
	run_in text as alice kandy send -t bob@sandbox.example -E
	is "$status $(wc -c <"$out")$(cat "$err")" '0 0' "-E: '$text' on stdin is not sent, and nothing is printed"
done
run as alice kandy send -t bob@sandbox.example --skip-empty -m ''
is "$status $(wc -c <"$out")" '0 0' '-E: an empty -m is not sent'
run as alice kandy send -t nobody -E
is "$status" 64 '-E: an invalid address is an error'
nothing_sent '-E: nothing was sent'
printf ' x \n' >text
run_in text as alice kandy send -t bob@sandbox.example -E
is "$status $(posts .json.chatMessage.text | tail -n 1)" '0 " x "' '-E: a text that is not blank is sent unchanged'
run as alice kandy send -t bob@sandbox.example -E -a log.txt.gz
is "$status" 0 '-E: an attachment without text is sent'
run as alice kandy send -t bob@sandbox.example -m one -m two
is "$status $(cat "$err")" "64 kandy: send: option '-m' was given twice" 'a second -m is an error'

# names of types; a byte order mark
for type in im chat chat-oneToOne; do
	run as alice kandy send -N --type $type -t bob@sandbox.example -m x
	is "$status $(jq -r .type "$out")" '0 chat-oneToOne' "--type $type"
done
for type in group chat-group; do
	run as alice kandy send -N --type $type -t G1 -m x
	is "$status $(jq -r .address "$out")" '0 group:G1' "--type $type"
done
printf '\xef\xbb\xbf{"to":"bob@sandbox.example","text":"x"}\n' >lines
run_in lines as alice kandy send -N --jsonl
is "$status $(jq -r .text "$out")" '0 x' '--jsonl: a byte order mark is ignored'
run_in lines as alice kandy fetch-links
is "$status $(jq -r .text "$out")" '0 x' 'fetch-links: a byte order mark is ignored'

# stdin is closed
for command in 'send -t bob@sandbox.example' 'send -t bob@sandbox.example -a - --name x' 'send --jsonl' 'send -t bob@sandbox.example --lines' fetch-links; do
	as alice kandy $command <&- >"$out" 2>"$err"
	is $? 74 "kandy $command: 74 where stdin is closed"
	like "$err" 'Bad file descriptor' 'stdin is closed: the error names the reason'
done
as alice kandy send -t bob@sandbox.example -m x <&- >"$out" 2>"$err"
is $? 0 'stdin is closed, but not read: 0'

finish
