#!/usr/bin/env bash
# send --spool, flush, spool: undelivered messages are queued on disk, and sent once.
. "${0%/*}/../lib/tap.sh"
sandbox
state=$scratch/state-alice
dir=$state/kandy/default.spool
texts() { jq -r 'select(.kind=="request" and .method=="POST" and (.path|endswith("/messages")))|.json.chatMessage.text' "$sandbox_record"; }
down() { kill "$sandbox_pid"; wait "$sandbox_pid" 2>/dev/null; rm -f "$sandbox_record"; }

run as alice kandy send --spool -t bob@sandbox.example -m straight
is "$status" 0 '--spool: a message that can be sent is sent'
json "$out" .event '"sent"' '--spool: sent at once'
ok '--spool: no directory is created without need' test ! -e "$dir"
run as alice kandy flush
is "$status$(cat "$out" "$err")" 0 'flush: nothing to do'
run as alice kandy spool
is "$status$(cat "$out" "$err")" 0 'spool: nothing to list'

# the service is unreachable
export KANDY_PROXY=http://127.0.0.1:9 # nobody listens there
printf 'report' > r.pdf
run as alice kandy send --spool --retry 0 -t bob@sandbox.example -t carol@sandbox.example -m one -a r.pdf
is "$status" 0 '--spool without a service: 0'
is "$(jq -c '[.event,.destination[0],(.spoolId|length>10),.error.kind]' "$out" | paste -sd' ')" '["spooled","bob@sandbox.example",true,"unavailable"] ["spooled","carol@sandbox.example",true,"unavailable"]' '--spool: a spooled line for each recipient'
like "$err" 'queued for .kandy flush' '--spool: a note on stderr'
run as alice kandy send --spool -q --retry 0 -t bob@sandbox.example -m two
is "$status$(cat "$err")" 0 '--spool -q: nothing on stderr'
printf '%s\n' '{"to":"bob@sandbox.example","text":"three","ref":3}' '{"to":"bob","text":"bad"}' '{"to":"bob@sandbox.example","text":"four","files":["r.pdf"]}' > in
run_in in as alice kandy send --spool -q --retry 0 --jsonl
is "$status" 1 '--spool: an invalid line is an error'
is "$(jq -c '[.event,.line,.ref]' "$out" | paste -sd' ')" '["spooled",1,3] ["error",2,null] ["spooled",3,null]' '--spool: the valid lines are queued'
rm r.pdf
is "$(find "$dir" -type f -perm /077 | wc -l) $(find "$dir" -type d -perm /077 | wc -l)" '0 0' 'the queue is private'
is "$(find "$dir/new" -name 0 -size 6c | wc -l) $(find "$dir/new" -name 0 -links 2 | wc -l)" '3 2' 'the queue has copies of the attachment, one for both recipients'
run as alice kandy spool
is "$(jq -c '[.state,.to,.text,(.files|map([.name,.size]))]' "$out" | paste -sd' ')" '["waiting","bob@sandbox.example","one",[["r.pdf",6]]] ["waiting","carol@sandbox.example","one",[["r.pdf",6]]] ["waiting","bob@sandbox.example","two",[]] ["waiting","bob@sandbox.example","three",[]] ["waiting","bob@sandbox.example","four",[["r.pdf",6]]]' 'spool shows what waits, oldest first'
run as alice kandy flush --retry 0
is "$status" 69 'flush without a service: 69'
like "$err" '5 messages are still queued' 'flush without a service: one line on stderr'
is "$(ls "$dir/new" | wc -l) $(ls "$dir/cur" | wc -l)" '5 0' 'flush without a service: all messages stay queued'

# the service is reachable again
unset KANDY_PROXY
run as alice kandy flush -j 8
is "$status" 0 'flush with the service back: 0'
is "$(jq -r .event "$out" | sort | uniq -c | tr -s ' ')" ' 5 sent' 'flush: a line for each message'
is "$(jq -r 'select(.kind=="request" and .method=="POST" and (.path|endswith("bob@sandbox.example/adhoc/messages")))|.json.chatMessage.text' "$sandbox_record" | paste -sd' ')" 'straight one two three four' 'flush: each conversation is in order'
is "$(find "$dir" -mindepth 2)" '' 'flush: the queue is empty'
run as alice kandy flush
is "$status$(cat "$out" "$err")" 0 'a second flush has nothing to do'

# no login
mkdir "$scratch/state-nobody"
XDG_STATE_HOME=$scratch/state-nobody run kandy send --spool -q -t bob@sandbox.example -m later
is "$status" 0 '--spool without a login: 0'
XDG_STATE_HOME=$scratch/state-nobody run kandy flush
is "$status" 77 'flush without a login: 77'
XDG_STATE_HOME=$scratch/state-nobody KANDY_PASSWORD=alice-secret run kandy flush --username alice@sandbox.example
is "$status" 0 'flush with a password: 0'
down

# lost responses, rejected messages, temporary failures in one conversation
sandbox --fault 'POST messages 2:lost,3:503,4:400'
rm -rf "$state"
as alice kandy send -q -t carol@sandbox.example -m zero > /dev/null
run as alice kandy send --spool --retry 0 --on-unknown fail -q -t bob@sandbox.example -m lost
json "$out" .event '"spooled"' 'a lost response: spooled'
run as alice kandy spool
json "$out" .state '"uncertain"' 'a lost response: uncertain'
run as alice kandy send --spool --retry 0 -q -t bob@sandbox.example -m 503
json "$out" .event '"spooled"' '503 after all retries: spooled'
run as alice kandy send --spool --retry 0 -q -t bob@sandbox.example -m refused
is "$status" 77 'a rejected message is a failure'
run as alice kandy flush
is "$status" 0 'flush of uncertain and waiting messages: 0'
is "$(texts | paste -sd' ')" 'zero lost 503 refused 503' 'flush finds the uncertain message in the history, and sends the other'
is "$(jq -r .event "$out" | paste -sd' ')" 'sent sent' 'flush reports both as sent'
down

# in flush: a temporary failure blocks the conversation, rejected and old messages are moved to the failed queue
sandbox --fault 'POST messages 1:429,3:400'
rm -rf "$state"
as alice kandy whoami > /dev/null
for m in a b c; do KANDY_PROXY=http://127.0.0.1:9 as alice kandy send --spool -q --retry 0 -t bob@sandbox.example -m $m > /dev/null; done
KANDY_PROXY=http://127.0.0.1:9 as alice kandy send --spool -q --retry 0 -t carol@sandbox.example -m d > /dev/null
run as alice kandy flush --retry 0 -j 1
is "$status" 75 'flush: a temporary failure: 75'
is "$(texts | paste -sd' ')" 'a d' 'flush: a temporary failure blocks its conversation only'
run as alice kandy flush --retry 0 -j 1
is "$status" 1 'flush: a rejected message: 1'
is "$(texts | paste -sd' ')" 'a d a b c' 'flush: a rejected message does not block its conversation'
run as alice kandy spool
json "$out" '[.state,.text,(.error|test("status 400"))]' '["failed","a",true]' 'a rejected message is in the failed queue with the error'
id=$(jq -r .spoolId "$out")
run as alice kandy spool retry "$id"
run as alice kandy flush
is "$(texts | tail -1)" a 'spool retry queues a message again'
KANDY_PROXY=http://127.0.0.1:9 as alice kandy send --spool -q --retry 0 -t bob@sandbox.example -m old > /dev/null
KANDY_PROXY=http://127.0.0.1:9 run as alice kandy flush --retry 0 --max-age 1ms
is "$status" 1 'older than --max-age: 1'
json <(as alice kandy spool) .state '"failed"' 'older than --max-age: failed'
run as alice kandy spool remove nosuch
is "$status" 66 'spool remove: unknown ID: 66'
run as alice kandy spool remove
is "$status" 64 'spool remove without an ID: 64'
run as alice kandy spool remove "$(as alice kandy spool | jq -r .spoolId)"
is "$status$(as alice kandy spool)" 0 'spool remove: one message'
down

# each message has its own files, even if memory is reused
sandbox
rm -rf "$state"
as alice kandy whoami > /dev/null
for i in {1..1100}; do echo "report $i" > "file-$i"; echo "{\"to\":\"user$i@sandbox.example\",\"text\":\"$i\",\"files\":[\"file-$i\"]}"; done > in
KANDY_PROXY=http://127.0.0.1:9 run_in in as alice kandy send --spool --jsonl -q --retry 0
is "$status $(jq -r .event "$out" | sort | uniq -c | tr -s ' ')" '0  1100 spooled' 'more messages with attachments than fit in memory'
mixed() { # (a jq for each would take a minute)
	local dir message
	for dir in "$1"/*; do
		message=$(<"$dir/message.json")
		[[ $message == *'"text":"'"$(sed 's/^report //' "$dir/0")"'"'* ]] || echo "$dir: $message"
	done
}
is "$(ls "$dir/new" | wc -l) $(mixed "$dir/new")" '1100 ' 'each message has its own attachment'
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
is "$(for d in "$dir"/new/*; do cat "$d/0"; done | paste -sd,)" 'for a,for b,for c' 'each message has its own attachment if they come one by one'
rm -rf "$dir" lines
printf x > a.txt
KANDY_PROXY=http://127.0.0.1:9 run as alice kandy send --spool -q --retry 0 -t sms:+16131112222 -m x -a a.txt
is "$status $(as alice kandy spool)" '65 ' '--spool: an SMS with an attachment is an error'
echo '{"to":"sms:+16131112222","text":"1","files":["a.txt"]}' > in
KANDY_PROXY=http://127.0.0.1:9 run_in in as alice kandy send --spool --jsonl -q --retry 0
json "$out" '[.event,.error.message]' '["error","SMS do not support attachments"]' '--spool: an SMS with an attachment is an error line'

# unsafe modes are refused
KANDY_PROXY=http://127.0.0.1:9 as alice kandy send --spool -q --retry 0 -t bob@sandbox.example -m private > /dev/null
for path in "$dir" "$dir/new" "$dir/new/"*/message.json; do
	chmod go+r "$path"
	run as alice kandy flush
	is "$status" 78 "${path##*/} that others can read"
	like "$err" "run 'chmod [76]00 $path'" 'the error names the fix'
	chmod go-r "$path"
done
chmod 777 "$dir/new"
run as alice kandy send --spool -q -t bob@sandbox.example -m x
run as alice kandy spool
is "$status" 78 'spool refuses a directory with an unsafe mode'
chmod 700 "$dir/new"
run as alice kandy flush -q
is "$status$(cat "$err")" 0 'the queue works again with a safe mode'
# lines at the limits
{ printf '{"to":"bob@sandbox.example","text":"wide","ref":['; head -c 2097100 /dev/zero | sed 's/\x0\x0/1,/g'; printf '1]}\n{"to":"bob@sandbox.example","text":"deep","ref":'; head -c 63 /dev/zero | tr '\0' '['; head -c 63 /dev/zero | tr '\0' ']'; echo '}'; } > in
KANDY_PROXY=http://127.0.0.1:9 run_in in as alice kandy send --spool --jsonl -q --retry 0
is "$(cut -c 1-18 "$out" | paste -sd' ')" '{"event":"spooled" {"event":"spooled"' 'a wide and a deep line are spooled'
run as alice kandy flush -q
is "$status $(cut -c 1-15 "$out" | paste -sd' ')" '0 {"event":"sent" {"event":"sent"' 'a wide and a deep line are sent'
down

# ---- the login is lost ----

sandbox
rm -rf "$state"
as alice kandy whoami > /dev/null
for m in m1 m2; do KANDY_PROXY=http://127.0.0.1:9 as alice kandy send --spool -q --retry 0 -t bob@sandbox.example -m $m > /dev/null; done
control '{"do":"expire-tokens","refresh":true}'
run as alice kandy flush
is "$status" 77 'flush after the login was lost: 77'
is "$(as alice kandy spool | jq -c '[.state,.text]' | paste -sd' ')" '["waiting","m1"] ["waiting","m2"]' 'flush after the login was lost: all messages stay queued'
run as alice kandy send --spool -q -t bob@sandbox.example -m m3
is "$status $(jq -r .event "$out")" '0 spooled' '--spool after the login was lost: spooled'
printf '{"to":"bob@sandbox.example","text":"m%d"}\n' 4 5 > in
run_in in as alice kandy send --spool -q --jsonl
is "$status $(jq -r .event "$out" | paste -sd' ')" '0 spooled spooled' '--spool --jsonl after the login was lost: spooled'
run_in in as alice kandy send --jsonl --failed failed
is "$status" 77 'a batch without --spool after the login was lost: 77'
is "$(jq -c '[.event,.line]' "$out" | paste -sd' ')" '["error",1] ["error",2]' 'a batch without a login: an error line for each message'
same in failed 'a batch without a login: FILE has all lines'
KANDY_PASSWORD=alice-secret run as alice kandy flush -q
is "$(texts | paste -sd' ' | sed 's/.*m1 m2/m1 m2/')" 'm1 m2 m3 m4 m5' 'flush after a login sends all in order'
down

# ---- failures that are not caused by the messages ----

sandbox --fault 'POST messages 1-3:html'
rm -rf "$state"
as alice kandy whoami > /dev/null
for m in m1 m2; do KANDY_PROXY=http://127.0.0.1:9 as alice kandy send --spool -q --retry 0 -t "$m@sandbox.example" -m $m > /dev/null; done
run as alice kandy flush
is "$status $(as alice kandy spool | jq -r .state | paste -sd' ')" '76 waiting waiting' 'flush: a page from a proxy is not a reason to fail a message'
run as alice kandy send --spool -q -t bob@sandbox.example -m m3
is "$status $(jq -r .event "$out")" '0 spooled' '--spool: a page from a proxy: spooled'
down
sandbox --fault 'POST token 2:503'
rm -rf "$state"
as alice kandy whoami > /dev/null
control '{"do":"expire-tokens"}'
printf '{"to":"bob@sandbox.example","text":"m%d"}\n' 1 2 3 > in
run_in in as alice kandy send --spool -q --retry 0 -j 1 --jsonl
run as alice kandy flush -q
is "$(texts | paste -sd' ' | sed 's/.*m1 m2/m1 m2/')" 'm1 m2 m3' 'a temporary failure to renew does not change the order'
down

# ---- SMS have no history ----

sandbox --fault 'POST requests 1:lost'
rm -rf "$state"
run as alice kandy send --spool -q -t sms:+16131112222 -m one
is "$status" 75 'an SMS whose response is lost is not spooled'
like "$err" 'an SMS has no history to check' 'an SMS whose response is lost: the error names the reason'
down

# ---- failed as unknown, and retried ----

sandbox --fault 'POST messages 1:lost' --fault 'GET messages 1:500'
rm -rf "$state"
run as alice kandy send --spool -q --on-unknown fail -t bob@sandbox.example -m once
run as alice kandy flush --retry 0 --max-age 1ms --settle-time 1ms -q
is "$status $(as alice kandy spool | jq -r .state)" '1 failed' 'older than --max-age and unreadable history: failed'
is "$(wc -l < "$err")" 1 'older than --max-age, -q: one line'
as alice kandy spool retry --all
is "$(as alice kandy spool | jq -r .state)" uncertain 'spool retry keeps the state uncertain'
run as alice kandy flush
is "$status $(texts | paste -sd' ')" '0 once' 'flush after a retry checks the history before posting'
down

# ---- a corrupt message in the failed queue ----

sandbox --fault 'POST messages 1-2:400'
rm -rf "$state"
as alice kandy whoami > /dev/null
for m in m1 m2 m3; do KANDY_PROXY=http://127.0.0.1:9 as alice kandy send --spool -q --retry 0 -t "$m@sandbox.example" -m $m > /dev/null; done
first=$(find "$dir/new" -mindepth 1 -maxdepth 1 | sort | head -n 1)
echo '{' > "$first/message.json"
run as alice kandy flush -q
is "$(ls "$dir/failed" | wc -l)" 3 'the failed queue has rejected messages and a corrupt one'
run as alice kandy spool retry --all
is "$status $(ls "$dir/new" | wc -l)" '65 2' 'spool retry queues all readable messages'
like "$err" "${first##*/}' is corrupt" 'spool retry names the corrupt message'
down

# numbers that are out of range
sandbox
rm -rf "$state"
as alice kandy whoami > /dev/null
export KANDY_PROXY=http://127.0.0.1:9
as alice kandy send --spool -q --retry 0 -t bob@sandbox.example -m odd > /dev/null
sed -i 's/"created":[0-9]*/"created":-9223372036854775808/; s/"attempts":[0-9]*/"attempts":9223372036854775807/' "$dir"/new/*/message.json
run as alice kandy flush --retry 0
is "$status" 1 'a message from before 1970 is too old'
is "$(as alice kandy spool | jq -c '[.state, .created, .attempts > 1]')" '["failed",0,true]' 'numbers out of range are clamped'
unset KANDY_PROXY
down

# a full disk: a small file system, or else a limit on the file size
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
like "$err" "cannot queue it: cannot copy 'bigger' to the spool: (No space left|File too large)" 'a full disk: both errors in one sentence'
is "$(cat left)" '' 'a full disk: nothing is left half written'
is "$(wc -l < "$err")" 1 'a full disk: one line on stderr'
down

# one flush at a time; corrupt messages
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
is "$status" 1 'a corrupt message: 1'
is "$(ls "$dir/failed" | wc -l) $(ls "$dir/new" | wc -l)" '1 0' 'a corrupt message is in the failed queue'
run as alice kandy spool remove --all
is "$(ls "$dir/failed" | wc -l)" 0 'a corrupt message can be removed'

# singular and plural; unknown IDs
as alice kandy send --spool -q --retry 0 --proxy http://127.0.0.1:9 -t bob@sandbox.example -m x > /dev/null
KANDY_PROXY=http://127.0.0.1:9 run as alice kandy flush --retry 0
like "$err" ': 1 message is still queued: ' 'one message: the verb is singular'
run as alice kandy flush --max-age 1ms --retry 0 --proxy http://127.0.0.1:9
like "$err" ': 1 of 1 message failed: ' 'one of one: singular'
id=$(as alice kandy spool | jq -r .spoolId)
run as alice kandy spool remove nosuch "$id" nor-this
is "$status $(cat "$err")" "66 kandy: spool: no queued messages 'nosuch', 'nor-this'" 'spool remove: the error names all unknown IDs'
is "$(as alice kandy spool | wc -l)" 0 'spool remove: the known ID is removed'
run as alice kandy spool retry "$id"
is "$status $(cat "$err")" "66 kandy: spool: no failed message '$id'" 'spool retry: the error names one unknown ID'
run as alice kandy spool list "$id"
is "$status" 64 'spool list takes no IDs'
run as alice kandy spool --all
is "$status" 64 'spool list takes no --all'
run kandy spool --help
like "$out" "^  retry \\[ID\.\.\.\] +queue failed messages again$" "spool --help lists the verbs"
run kandy spool lst
is "$status $(cat "$err")" "64 kandy: spool: unknown verb 'lst'; did you mean 'list'?" "an unknown verb is refused"
finish
