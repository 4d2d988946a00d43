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
finish
