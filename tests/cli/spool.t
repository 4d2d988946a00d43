#!/usr/bin/env bash
# send --spool, flush, spool: what cannot be sent now waits on disk, and is sent once.
. "${0%/*}/../lib/tap.sh"
sandbox
state=$scratch/state-alice
dir=$state/kandy/default.spool
texts() { jq -r 'select(.kind=="request" and .method=="POST" and (.path|endswith("/messages")))|.json.chatMessage.text' "$sandbox_record"; }
down() { kill "$sandbox_pid"; wait "$sandbox_pid" 2>/dev/null; rm -f "$sandbox_record"; }

run as alice kandy send --spool -t bob@sandbox.example -m straight
is "$status" 0 'with --spool, what can be sent is sent'
json "$out" .event '"sent"' 'at once'
ok 'and nothing is made' test ! -e "$dir"
run as alice kandy flush
is "$status$(cat "$out" "$err")" 0 'nothing to flush'
run as alice kandy spool
is "$status$(cat "$out" "$err")" 0 'nothing to show'

# the service is away
export KANDY_PROXY=http://127.0.0.1:9 # nobody listens there
printf 'report' > r.pdf
run as alice kandy send --spool --retry 0 -t bob@sandbox.example -t carol@sandbox.example -m one -a r.pdf
is "$status" 0 'without a service, the message is kept: 0'
is "$(jq -c '[.event,.destination[0],(.spoolId|length>10),.error.kind]' "$out" | paste -sd' ')" '["spooled","bob@sandbox.example",true,"unavailable"] ["spooled","carol@sandbox.example",true,"unavailable"]' 'and said to be, for each recipient'
like "$err" 'spooled for .kandy flush' 'stderr says it too'
run as alice kandy send --spool -q --retry 0 -t bob@sandbox.example -m two
is "$status$(cat "$err")" 0 'with -q it does not'
printf '%s\n' '{"to":"bob@sandbox.example","text":"three","ref":3}' '{"to":"bob","text":"bad"}' '{"to":"bob@sandbox.example","text":"four","files":["r.pdf"]}' > in
run_in in as alice kandy send --spool -q --retry 0 --jsonl
is "$status" 1 'a line that is wrong is no case for the spool'
is "$(jq -c '[.event,.line,.ref]' "$out" | paste -sd' ')" '["spooled",1,3] ["error",2,null] ["spooled",3,null]' 'the others are'
rm r.pdf
is "$(find "$dir" -type f -perm /077 | wc -l) $(find "$dir" -type d -perm /077 | wc -l)" '0 0' 'nobody else can read it'
is "$(find "$dir/new" -name 0 -size 6c | wc -l) $(find "$dir/new" -name 0 -links 2 | wc -l)" '3 2' 'copies of the attachment, one for both recipients'
run as alice kandy spool
is "$(jq -c '[.state,.to,.text,(.files|map([.name,.size]))]' "$out" | paste -sd' ')" '["waiting","bob@sandbox.example","one",[["r.pdf",6]]] ["waiting","carol@sandbox.example","one",[["r.pdf",6]]] ["waiting","bob@sandbox.example","two",[]] ["waiting","bob@sandbox.example","three",[]] ["waiting","bob@sandbox.example","four",[["r.pdf",6]]]' 'spool shows what waits, oldest first'
run as alice kandy flush --retry 0
is "$status" 69 'flush cannot send it yet: 69'
like "$err" '5 messages are still waiting' 'and says so in one line'
is "$(ls "$dir/new" | wc -l) $(ls "$dir/cur" | wc -l)" '5 0' 'all of it still waits'

# it is back
unset KANDY_PROXY
run as alice kandy flush -j 8
is "$status" 0 'when the service is back, flush sends all'
is "$(jq -r .event "$out" | sort | uniq -c | tr -s ' ')" ' 5 sent' 'a line for each'
is "$(jq -r 'select(.kind=="request" and .method=="POST" and (.path|endswith("bob@sandbox.example/adhoc/messages")))|.json.chatMessage.text' "$sandbox_record" | paste -sd' ')" 'straight one two three four' 'in each conversation in the order in which they came'
is "$(find "$dir" -mindepth 2)" '' 'nothing is left'
run as alice kandy flush
is "$status$(cat "$out" "$err")" 0 'a second flush has nothing to do'

# login not possible
mkdir "$scratch/state-nobody"
XDG_STATE_HOME=$scratch/state-nobody run kandy send --spool -q -t bob@sandbox.example -m later
is "$status" 0 'not logged in: kept as well'
XDG_STATE_HOME=$scratch/state-nobody run kandy flush
is "$status" 77 'flush says what is missing'
XDG_STATE_HOME=$scratch/state-nobody KANDY_PASSWORD=alice-secret run kandy flush --username alice@sandbox.example
is "$status" 0 'and sends it after a login'
down

# lost answers, refusals, temporary failures in one conversation
sandbox --fault 'POST messages 2:lost,3:503,4:400'
rm -rf "$state"
as alice kandy send -q -t carol@sandbox.example -m zero > /dev/null
run as alice kandy send --spool --retry 0 --on-unknown fail -q -t bob@sandbox.example -m lost
json "$out" .event '"spooled"' 'an answer that got lost'
run as alice kandy spool
json "$out" .state '"uncertain"' 'leaves the message uncertain'
run as alice kandy send --spool --retry 0 -q -t bob@sandbox.example -m 503
json "$out" .event '"spooled"' 'a 503 after all retries'
run as alice kandy send --spool --retry 0 -q -t bob@sandbox.example -m refused
is "$status" 77 'a refusal is a failure'
run as alice kandy flush
is "$status" 0 'flush'
is "$(texts | paste -sd' ')" 'zero lost 503 refused 503' 'finds the uncertain one in history, and sends the other'
is "$(jq -r .event "$out" | paste -sd' ')" 'sent sent' 'both are sent then'
down

# in flush: a temporary failure holds the conversation, refusals and old ones are set aside
sandbox --fault 'POST messages 1:429,3:400'
rm -rf "$state"
as alice kandy whoami > /dev/null
for m in a b c; do KANDY_PROXY=http://127.0.0.1:9 as alice kandy send --spool -q --retry 0 -t bob@sandbox.example -m $m > /dev/null; done
KANDY_PROXY=http://127.0.0.1:9 as alice kandy send --spool -q --retry 0 -t carol@sandbox.example -m d > /dev/null
run as alice kandy flush --retry 0 -j 1
is "$status" 75 'a temporary failure: 75'
is "$(texts | paste -sd' ')" 'a d' 'holds what is behind it in its conversation, and nothing else'
run as alice kandy flush --retry 0 -j 1
is "$status" 1 'a refusal: 1'
is "$(texts | paste -sd' ')" 'a d a b c' 'and the rest goes on'
run as alice kandy spool
json "$out" '[.state,.text,(.error|test("status 400"))]' '["failed","a",true]' 'what was refused is set aside with the reason'
id=$(jq -r .spoolId "$out")
run as alice kandy spool retry "$id"
run as alice kandy flush
is "$(texts | tail -1)" a 'retry puts it back in'
KANDY_PROXY=http://127.0.0.1:9 as alice kandy send --spool -q --retry 0 -t bob@sandbox.example -m old > /dev/null
KANDY_PROXY=http://127.0.0.1:9 run as alice kandy flush --retry 0 --max-age 1ms
is "$status" 1 'what could not be sent for --max-age'
json <(as alice kandy spool) .state '"failed"' 'is given up'
run as alice kandy spool remove nosuch
is "$status" 66 'removing what is not there: 66'
run as alice kandy spool remove
is "$status" 64 'removing nothing: 64'
run as alice kandy spool remove "$(as alice kandy spool | jq -r .spoolId)"
is "$status$(as alice kandy spool)" 0 'removing one'
down

# each message has its own files, whatever the memory of the one before is used for
sandbox
rm -rf "$state"
as alice kandy whoami > /dev/null
for i in {1..1100}; do echo "report $i" > "file-$i"; echo "{\"to\":\"user$i@sandbox.example\",\"text\":\"$i\",\"files\":[\"file-$i\"]}"; done > in
KANDY_PROXY=http://127.0.0.1:9 run_in in as alice kandy send --spool --jsonl -q --retry 0
is "$status $(jq -r .event "$out" | sort | uniq -c | tr -s ' ')" '0  1100 spooled' 'more messages with files than are kept in memory'
mixed() { # (a jq for each would take a minute)
	local dir message
	for dir in "$1"/*; do
		message=$(<"$dir/message.json")
		[[ $message == *'"text":"'"$(sed 's/^report //' "$dir/0")"'"'* ]] || echo "$dir: $message"
	done
}
is "$(ls "$dir/new" | wc -l) $(mixed "$dir/new")" '1100 ' 'each has its own file'
rm -rf "$dir" file-*
mkfifo lines
KANDY_PROXY=http://127.0.0.1:9 XDG_STATE_HOME=$state "$KANDY_BIN" send --spool --jsonl -q --retry 0 < lines > "$out" 2> "$err" &
pid=$!
exec 8> lines
for name in a b c; do
	echo "for $name" > "$name.txt"
	echo "{\"to\":\"$name@sandbox.example\",\"text\":\"$name\",\"files\":[\"$name.txt\"]}" >&8
	wait_for grep -q "\"$name@" "$out"
done
exec 8>&-
wait "$pid"
is "$(for d in "$dir"/new/*; do cat "$d/0"; done | paste -sd,)" 'for a,for b,for c' 'the same one by one'
rm -rf "$dir" lines
printf x > a.txt
KANDY_PROXY=http://127.0.0.1:9 run as alice kandy send --spool -q --retry 0 -t sms:+16131112222 -m x -a a.txt
is "$status $(as alice kandy spool)" '65 ' 'an SMS with a file is no case for the spool'
echo '{"to":"sms:+16131112222","text":"1","files":["a.txt"]}' > in
KANDY_PROXY=http://127.0.0.1:9 run_in in as alice kandy send --spool --jsonl -q --retry 0
json "$out" '[.event,.error.message]' '["error","an SMS carries no attachments"]' 'nor as a line'

# what lets others in is not used
KANDY_PROXY=http://127.0.0.1:9 as alice kandy send --spool -q --retry 0 -t bob@sandbox.example -m private > /dev/null
for path in "$dir" "$dir/new" "$dir/new/"*/message.json; do
	chmod go+r "$path"
	run as alice kandy flush
	is "$status" 78 "${path##*/} that others can read"
	like "$err" "run 'chmod [76]00 $path'" 'is refused, with what to do'
	chmod go-r "$path"
done
chmod 777 "$dir/new"
run as alice kandy send --spool -q -t bob@sandbox.example -m x
run as alice kandy spool
is "$status" 78 'kandy spool refuses it, too'
chmod 700 "$dir/new"
run as alice kandy flush -q
is "$status$(cat "$err")" 0 'and with its mode put right it works on'
# as much as a line may hold
{ printf '{"to":"bob@sandbox.example","text":"wide","ref":['; head -c 2097100 /dev/zero | sed 's/\x0\x0/1,/g'; printf '1]}\n{"to":"bob@sandbox.example","text":"deep","ref":'; head -c 63 /dev/zero | tr '\0' '['; head -c 63 /dev/zero | tr '\0' ']'; echo '}'; } > in
KANDY_PROXY=http://127.0.0.1:9 run_in in as alice kandy send --spool --jsonl -q --retry 0
is "$(cut -c 1-18 "$out" | paste -sd' ')" '{"event":"spooled" {"event":"spooled"' 'a wide and a deep line are spooled'
run as alice kandy flush -q
is "$status $(cut -c 1-15 "$out" | paste -sd' ')" '0 {"event":"sent" {"event":"sent"' 'and sent'
down

# ---- a login that ends in the middle ----

sandbox
rm -rf "$state"
as alice kandy whoami > /dev/null
for m in m1 m2; do KANDY_PROXY=http://127.0.0.1:9 as alice kandy send --spool -q --retry 0 -t bob@sandbox.example -m $m > /dev/null; done
control '{"do":"expire-tokens","refresh":true}'
run as alice kandy flush
is "$status" 77 'flush without a login: 77'
is "$(as alice kandy spool | jq -c '[.state,.text]' | paste -sd' ')" '["waiting","m1"] ["waiting","m2"]' 'and everything waits'
run as alice kandy send --spool -q -t bob@sandbox.example -m m3
is "$status $(jq -r .event "$out")" '0 spooled' 'send --spool keeps what it cannot log in for'
printf '{"to":"bob@sandbox.example","text":"m%d"}\n' 4 5 > in
run_in in as alice kandy send --spool -q --jsonl
is "$status $(jq -r .event "$out" | paste -sd' ')" '0 spooled spooled' 'a batch, too'
run_in in as alice kandy send --jsonl --failed failed
is "$status" 77 'without --spool a batch ends with 77'
is "$(jq -c '[.event,.line]' "$out" | paste -sd' ')" '["error",1] ["error",2]' 'with a line for each'
same in failed 'and all of it is among the failed ones'
KANDY_PASSWORD=alice-secret run as alice kandy flush -q
is "$(texts | paste -sd' ' | sed 's/.*m1 m2/m1 m2/')" 'm1 m2 m3 m4 m5' 'after a login all is sent, in its order'
down

# ---- pages and failures that are not the messages' fault ----

sandbox --fault 'POST messages 1-3:html'
rm -rf "$state"
as alice kandy whoami > /dev/null
for m in m1 m2; do KANDY_PROXY=http://127.0.0.1:9 as alice kandy send --spool -q --retry 0 -t "$m@sandbox.example" -m $m > /dev/null; done
run as alice kandy flush
is "$status $(as alice kandy spool | jq -r .state | paste -sd' ')" '76 waiting waiting' 'a page that comes instead of the service is no reason to give up'
run as alice kandy send --spool -q -t bob@sandbox.example -m m3
is "$status $(jq -r .event "$out")" '0 spooled' 'nor to lose a message'
down
sandbox --fault 'POST token 2:503'
rm -rf "$state"
as alice kandy whoami > /dev/null
control '{"do":"expire-tokens"}'
printf '{"to":"bob@sandbox.example","text":"m%d"}\n' 1 2 3 > in
run_in in as alice kandy send --spool -q --retry 0 -j 1 --jsonl
run as alice kandy flush -q
is "$(texts | paste -sd' ' | sed 's/.*m1 m2/m1 m2/')" 'm1 m2 m3' 'a renewal that fails for now does not change the order'
down

# ---- SMS: nobody can look whether it was sent ----

sandbox --fault 'POST requests 1:lost'
rm -rf "$state"
run as alice kandy send --spool -q -t sms:+16131112222 -m one
is "$status" 75 'an SMS whose answer is lost is not spooled: nobody will know more later'
like "$err" 'an SMS has no history to check' 'which is said'
down

# ---- given up as unknown, and tried again ----

sandbox --fault 'POST messages 1:lost' --fault 'GET messages 1:500'
rm -rf "$state"
run as alice kandy send --spool -q --on-unknown fail -t bob@sandbox.example -m once
run as alice kandy flush --retry 0 --max-age 1ms -q
is "$status $(as alice kandy spool | jq -r .state)" '1 failed' 'what cannot be told for --max-age is given up'
is "$(wc -l < "$err")" 1 'with -q in one line'
as alice kandy spool retry --all
is "$(as alice kandy spool | jq -r .state)" uncertain 'put back in, it is as uncertain as it was'
run as alice kandy flush
is "$status $(texts | paste -sd' ')" '0 once' 'and is looked for before it is posted'
down

# ---- one that is damaged among those given up ----

sandbox --fault 'POST messages 1-2:400'
rm -rf "$state"
as alice kandy whoami > /dev/null
for m in m1 m2 m3; do KANDY_PROXY=http://127.0.0.1:9 as alice kandy send --spool -q --retry 0 -t "$m@sandbox.example" -m $m > /dev/null; done
first=$(find "$dir/new" -mindepth 1 -maxdepth 1 | sort | head -n 1)
echo '{' > "$first/message.json"
run as alice kandy flush -q
is "$(ls "$dir/failed" | wc -l)" 3 'refused ones, and a damaged one'
run as alice kandy spool retry --all
is "$status $(ls "$dir/new" | wc -l)" '65 2' 'retry puts back all that can be read'
like "$err" "${first##*/}' is damaged" 'and names the other'
down

# numbers that nobody has written into a message are no reason for a sum to overflow
sandbox
rm -rf "$state"
as alice kandy whoami > /dev/null
export KANDY_PROXY=http://127.0.0.1:9
as alice kandy send --spool -q --retry 0 -t bob@sandbox.example -m odd > /dev/null
sed -i 's/"created":[0-9]*/"created":-9223372036854775808/; s/"attempts":[0-9]*/"attempts":9223372036854775807/' "$dir"/new/*/message.json
run as alice kandy flush --retry 0
is "$status" 1 'a message from before 1970 is too old, and given up'
is "$(as alice kandy spool | jq -c '[.state, .created, .attempts > 1]')" '["failed",0,true]' 'its numbers are cut to what can be'
unset KANDY_PROXY
down

# a full disk: a small file system where one can be had, else a limit on the size of files
sandbox
rm -rf "$state"
head -c 900000 /dev/urandom > big
as alice kandy whoami > /dev/null
full=$PWD/full
mkdir "$full"
if unshare -m true 2>/dev/null; then
	full() {
		unshare -m bash -c 'mount -t tmpfs -o size=1m tmpfs "$0" && mkdir -m 700 "$0/kandy" && cp -p "$1/kandy/default.json" "$0/kandy/" || exit
			export XDG_STATE_HOME=$0; shift; "$@"; code=$?; find "$0" -path "*/default.spool/*" -type f ! -name lock > left; exit $code' \
			"$full" "$state" "$@"
	}
else
	full() { (trap '' XFSZ; ulimit -f 1000; export XDG_STATE_HOME=$state; "$@"); code=$?; find "$dir" -type f > left; return $code; }
fi
cat big big > bigger
KANDY_PROXY=http://127.0.0.1:9 run full kandy send --spool -q --retry 0 -t bob@sandbox.example -m full -a bigger
is "$status" 74 'a full disk: 74'
like "$err" "and it cannot be spooled: cannot keep a copy of 'bigger': (No space left|File too large)" 'both reasons in one sentence'
is "$(cat left)" '' 'and nothing is left half written'
is "$(wc -l < "$err")" 1 'one line'
down

# one flush at a time, damaged entries
sandbox
rm -rf "$state"
as alice kandy whoami > /dev/null
KANDY_PROXY=http://127.0.0.1:9 as alice kandy send --spool -q --retry 0 -t bob@sandbox.example -m x > /dev/null
exec 9> "$dir/lock"
flock 9
run as alice kandy flush
is "$status" 75 'a second flush does not start'
exec 9>&-
echo '{' > "$dir/new/$(ls "$dir/new")/message.json"
run as alice kandy flush
is "$status" 1 'a damaged message'
is "$(ls "$dir/failed" | wc -l) $(ls "$dir/new" | wc -l)" '1 0' 'is set aside'
run as alice kandy spool remove --all
is "$(ls "$dir/failed" | wc -l)" 0 'and can be removed'

# what is one, and what is not there
as alice kandy send --spool -q --retry 0 --proxy http://127.0.0.1:9 -t bob@sandbox.example -m x > /dev/null
KANDY_PROXY=http://127.0.0.1:9 run as alice kandy flush --retry 0
like "$err" ': 1 message is still waiting: ' 'one message is'
run as alice kandy flush --max-age 1ms --retry 0 --proxy http://127.0.0.1:9
like "$err" ': 1 of 1 message is given up: ' 'one of one is'
id=$(as alice kandy spool | jq -r .spoolId)
run as alice kandy spool remove nosuch "$id" nor-this
is "$status $(cat "$err")" "66 kandy: spool: 'nosuch', 'nor-this' are not in the spool" 'which IDs are not there is said'
is "$(as alice kandy spool | wc -l)" 0 'the other one is removed'
run as alice kandy spool retry "$id"
is "$status $(cat "$err")" "66 kandy: spool: '$id' is not in the spool as failed" 'one alone'
run as alice kandy spool list "$id"
is "$status" 64 'list takes no IDs'
run as alice kandy spool --all
is "$status" 64 'and no --all'
finish
