#!/usr/bin/env bash
# kandy send: what goes out, what is printed, which code comes back.
. "${0%/*}/../lib/tap.sh"
sandbox

# what the service was sent: `posts FILTER` of the bodies of messages, `uploads` of the files
posts() { jq -c 'select(.kind=="request" and .method=="POST" and (.path|endswith("/messages")))|'"$1" "$sandbox_record"; }
uploads() { jq -c 'select(.kind=="request" and .method=="POST" and (.path|endswith("/objects")))|.parts[1]|'"$1" "$sandbox_record"; }
nothing_sent() { is "$(jq -c 'select(.path|test("chat"))' "$sandbox_record" | wc -l)" "$before" "$1"; }
count() { before=$(jq -c 'select(.path|test("chat"))' "$sandbox_record" | wc -l); }

# one message
run as alice kandy send -t bob@sandbox.example -m 'hello "you" \ é'
is "$status" 0 'a text is sent'
json "$out" 'del(.messageId,.timestamp)' '{"event":"sent","type":"chat-oneToOne","destination":["bob@sandbox.example"],"address":"bob@sandbox.example","status":"Sent","attempts":1}' 'the line says so'
json "$out" '(.messageId|type=="string" and length>0) and (.timestamp>1500000000000)' true 'with ID and milliseconds'
is "$(posts .json)" '{"chatMessage":{"text":"hello \"you\" \\ é"}}' 'the service got the text as it was'
is "$(jq -r 'select(.path|test("messages"))|.path|split("/")[-4:]|join("/")' "$sandbox_record")" 'oneToOne/bob@sandbox.example/adhoc/messages' 'at the right place'
like "$sandbox_record" '"x-cpaas-agent":"kandy/' 'with the agent'
like "$sandbox_record" '"user-agent":"kandy/' 'under both names'

run as alice kandy send BOB@Sandbox.Example carol@sandbox.example -t bob@sandbox.example -m x
is "$(jq -r '.destination[0]' "$out" | paste -sd' ')" 'bob@sandbox.example carol@sandbox.example' 'recipients as operands and options: in lower case, each once'

# text from stdin
printf 'a\0b\377\r\n\r\n' > text
run_in text as alice kandy send -t bob@sandbox.example
is "$(posts .json.chatMessage.text | tail -1)" '"a�b�\r\n"' 'stdin: one newline at its end goes, NUL and invalid bytes become U+FFFD'
printf 'no newline' > text
run_in text as alice kandy send -t bob@sandbox.example
is "$(posts .json.chatMessage.text | tail -1)" '"no newline"' 'stdin without a newline'

# attachments
head -c 300000 /dev/urandom > 'photo é "1".png'
printf log > log.txt.gz
run as alice kandy send -t bob@sandbox.example -t carol@sandbox.example -m files -a 'photo é "1".png' -a log.txt.gz
is "$status" 0 'two attachments to two people'
is "$(uploads .sha256 | wc -l)" 2 'are uploaded once'
is "$(uploads .sha256 | sort | tr -d '"' | paste -sd' ')" "$(sha256sum 'photo é "1".png' log.txt.gz | cut -d' ' -f1 | sort | paste -sd' ')" 'whole'
is "$(uploads '[.name,.type]' | sort | paste -sd' ')" '["raw","application/gzip"] ["raw","image/png"]' 'with their types'
is "$(jq -c 'select(.path|endswith("/objects"))|[.parts[].name]' "$sandbox_record" | sort -u)" '["root-fields","raw"]' 'behind root-fields'
is "$(posts '.json.chatMessage.attachment//empty|map(.name)' | tail -1)" '["photo é \"1\".png","log.txt.gz"]' 'and named in their order'
is "$(posts '.json.chatMessage.attachment//empty|map(."x-id")' | tail -2 | uniq | wc -l)" 1 'the same objects to both'
printf stream > stream
run_in stream as alice kandy send -t bob@sandbox.example -a - --name 'out.txt' --mime-type 'text/x-log'
is "$(uploads '[.filename,.type,.bytes]' | tail -1)" '["out.txt","text/x-log",6]' 'stdin as an attachment, with name and type'
is "$(posts .json.chatMessage.text | tail -1)" '""' 'and no text'
: > empty
run as alice kandy send -t bob@sandbox.example -m x -a empty
is "$(uploads .bytes | tail -1)" 0 'an empty file'
run as alice kandy send -t group:nogroup -m x
is "$status" 77 'a group that is none: refused'
like "$err" 'status 404' 'as the service says'
run as alice kandy send -t sms:+16131234567 -m 'by sms'
is "$(jq -c 'select(.path|endswith("/requests"))|.json.outboundSMSMessageRequest|[.address,.outboundSMSTextMessage.message,(.clientCorrelator|length>0)]' "$sandbox_record")" '[["+16131234567"],"by sms",true]' 'an SMS'
json "$out" '[.type,.destination]' '["sms",["+16131234567"]]' 'and its line'

# what is wrong is found before anything is sent
count
run as alice kandy send -t bob@sandbox.example -m x -a log.txt.gz -a missing.pdf
is "$status" 66 'a missing attachment: 66'
like "$err" "^kandy: send: cannot attach 'missing.pdf': No such file" 'one sentence names it'
is "$(cat "$out")" '' 'nothing on stdout'
run as alice kandy send -t bob@sandbox.example -m x -a .
is "$status" 66 'a directory: 66'
run as alice kandy send -t bob@sandbox.example
is "$status" 64 'nothing to send: 64'
like "$err" 'give -m TEXT, -a FILE' 'with a hint'
run as alice kandy send -t bob@sandbox.example <&-
is "$status" 64 'stdin closed: 64'
run as alice kandy send -m x
is "$status" 64 'nobody to send to: 64'
run as alice kandy send -t bob -m x
is "$status" 64 'no address: 64'
run kandy send -t bob@sandbox.example,carol@sandbox.example -m x
is "$status $(cat "$err")" "64 kandy: send: invalid address 'bob@sandbox.example,carol@sandbox.example': more than one '@'; give each address separately" \
	'two addresses in one: 64, and how else'
run as alice kandy send -t sms:+123456 -m x -a log.txt.gz
is "$status" 65 'an SMS with an attachment: 65'
run as alice kandy send -t bob@sandbox.example -a -
is "$status" 64 'a stream without a name: 64'
run as alice kandy send -t bob@sandbox.example -m x --lines
is "$status" 64 '-m with --lines: 64'
run as alice kandy send -t bob@sandbox.example -m x -N -a log.txt.gz
json "$out" . '{"event":"dry-run","type":"chat-oneToOne","destination":["bob@sandbox.example"],"address":"bob@sandbox.example","text":"x","files":[{"name":"log.txt.gz","mimeType":"application/gzip","size":3,"path":"log.txt.gz"}]}' 'a dry run says what it would do'
nothing_sent 'and nothing of all that was sent'
run kandy send -t bob@sandbox.example -m x
is "$status" 77 'not logged in: 77'
like "$err" 'kandy login' 'with what to do'

# lines
printf 'one\n\n two \nthree' > lines
run_in lines as alice kandy send --lines -t bob@sandbox.example
is "$status" 0 'lines'
is "$(posts .json.chatMessage.text | tail -3 | paste -sd' ')" '"one" " two " "three"' 'each is a message, blank ones are not'
is "$(jq -c .line "$out" | paste -sd' ')" '1 3 4' 'and each result has its number'

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
is "$(jq -c '[.event,.line]' "$out" | paste -sd' ')" '["sent",1] ["sent",2] ["sent",2] ["error",3] ["error",4] ["sent",5] ["error",6] ["error",7] ["error",8]' 'a line a recipient, in order'
like "$out" '"ref":10000000000000000001,' 'ref comes back digit by digit'
is "$(sed -n 2p "$out" | jq -c .ref)" '{"a":[1,2]}' 'or as an object'
json <(sed -n 4p "$out") '[.destination,.status,.command,.error.kind,.error.retryable]' '[[],"failed","send","data",false]' 'what is no JSON is an error in its place'
json <(sed -n 7p "$out") '[.destination,.error.kind,.error.http,.error.code]' '[["nobody@nowhere.example"],"refused",404,"SVC0004"]' 'so is what the service refuses, with its code'
json <(sed -n 8p "$out") '.error.kind' '"no-input"' 'and a missing file'
like "$err" '^kandy: send: 5 of 9 messages were not sent$' 'the sum is on stderr'
is "$(uploads '[.filename,.type]' | tail -2 | sort | paste -sd' ')" '["a.pdf","application/pdf"] ["b.pdf","application/x-b"]' 'names and types of a message line'
xid=$(posts '.json.chatMessage|select(.attachment)|.attachment[0]."x-id"' | tail -1)
echo "{\"destination\":[\"bob@sandbox.example\"],\"parts\":[{\"type\":\"file\",\"name\":\"again\",\"x-id\":$xid}]}" > fwd
count
run_in fwd as alice kandy send --jsonl
is "$(posts .json.chatMessage.attachment | tail -1)" "[{\"name\":\"again\",\"x-id\":$xid}]" 'a file part by its x-id is not uploaded again'

# --failed, and in again
run_in in.jsonl as alice kandy send --jsonl --failed failed.jsonl
is "$(wc -l < failed.jsonl)" 5 '--failed has the lines that failed'
same <(sed -n '3p;4p;6p;7p;8p' in.jsonl) failed.jsonl 'as they were'
echo '{"to":["bob@sandbox.example","nobody@nowhere.example"],"text":"both","ref":"r","n":1}' > two
run_in two as alice kandy send --jsonl --failed failed.jsonl
json failed.jsonl . '{"to":["nobody@nowhere.example"],"text":"both","ref":"r","n":1}' 'of two recipients, the one who did not get it'
run_in failed.jsonl as alice kandy send --jsonl --failed failed.jsonl
is "$status" 64 'the input cannot be the file of failures'
ok 'which is still there' grep -q both failed.jsonl
for i in 1 2 3 4 5 6; do echo "{\"to\":\"bob@sandbox.example\",\"text\":\"f$i\"}"; [ $i = 2 ] && echo '{"to":"nobody@nowhere.example","text":"bad"}'; done > ff
run_in ff as alice kandy send --jsonl -j 1 --fail-fast --failed failed.jsonl
is "$status" 1 '--fail-fast'
is "$(($(grep -c '"sent"' "$out") + $(wc -l < failed.jsonl)))" 7 'what was not tried is among the failed'
is "$(posts .json.chatMessage.text | grep -c '"f[3-6]"')" 0 'nothing is begun behind the failure'
is "$(jq -c '[.line,.event]' "$out" | paste -sd' ')" '[1,"sent"] [2,"sent"] [3,"error"] [4,"error"] [5,"error"] [6,"error"] [7,"error"]' 'and each line has its result'
json <(tail -n 1 "$out") '[.error.kind,.error.retryable,.attempts]' '["temporary",true,0]' 'that of one that was not tried says so'

# a reader that is not there
count
as alice kandy send -t bob@sandbox.example -m unseen >&- 2> "$err"
is "$?" 74 'stdout is closed: 74'
nothing_sent 'and nothing is sent that could not be told'
as alice kandy send -t bob@sandbox.example -m seen > /dev/full 2> "$err"
is "$?" 74 'a disk that is full: 74'
like "$err" '^kandy: send: the message was sent: cannot write the output: No space left' 'with the whole truth'

# a line with a bad address
count
printf '%s\n' '{"to":["bob@sandbox.example","bad"],"text":"x"}' '{"to":"worse","text":"y"}' > in
run_in in as alice kandy send --jsonl
is "$(jq -c '[.line,.destination[0],.status]' "$out" | paste -sd' ')" '[1,"bob@sandbox.example","failed"] [1,"bad","failed"] [2,"worse","failed"]' 'a bad address spoils its line, and each recipient has a result'
nothing_sent 'nothing of it is sent'

# a filter in front, streamed: results come while the input is open
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
is "$?" 0 'and the end of stdin is the end'
is "$(wc -l < streamed)" 2 'with all results'
: > none
run_in none as alice kandy send --jsonl
is "$status" 0 'no lines at all are no failure'
# nothing to say
count
for text in '' '\n\n' ' \t\r\n '; do
	printf "$text" >text
	run_in text as alice kandy send -t bob@sandbox.example -E
	is "$status $(wc -c <"$out")$(cat "$err")" '0 0' "-E: '$text' on stdin is not sent, and nothing is said"
done
run as alice kandy send -t bob@sandbox.example --skip-empty -m ''
is "$status $(wc -c <"$out")" '0 0' 'nor is an empty -m'
run as alice kandy send -t nobody -E
is "$status" 64 'but a bad address is one'
nothing_sent 'nothing was sent'
printf ' x \n' >text
run_in text as alice kandy send -t bob@sandbox.example -E
is "$status $(posts .json.chatMessage.text | tail -n 1)" '0 " x "' 'what is not empty is sent as it is'
run as alice kandy send -t bob@sandbox.example -E -a log.txt.gz
is "$status" 0 'so is a file alone'
run as alice kandy send -t bob@sandbox.example -m one -m two
is "$status $(cat "$err")" "64 kandy: send: option '-m' was given twice" 'a second text does not take the place of the first'

# words for types; a byte order mark
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
is "$status $(jq -r .text "$out")" '0 x' '--jsonl: a byte order mark is passed over'
run_in lines as alice kandy fetch-links
is "$status $(jq -r .text "$out")" '0 x' 'by fetch-links, too'

# what would be read is not there at all
for command in 'send -t bob@sandbox.example' 'send -t bob@sandbox.example -a - --name x' 'send --jsonl' 'send -t bob@sandbox.example --lines' fetch-links; do
	as alice kandy $command <&- >"$out" 2>"$err"
	is $? 74 "kandy $command: 74 where stdin is closed"
	like "$err" 'Bad file descriptor' 'and why'
done
as alice kandy send -t bob@sandbox.example -m x <&- >"$out" 2>"$err"
is $? 0 'but not where nothing would be read'

finish
