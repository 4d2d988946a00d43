#!/usr/bin/env bash
# kandy send --failed where the input is slow, or FILE cannot be written; --fail-fast; and -q: one line, whatever failed.
. "${0%/*}/../lib/tap.sh"
state=$scratch/state-alice
messages() { # FROM TO: lines for bob
	local i
	for ((i = $1; i <= $2; i++)); do echo "{\"to\":\"bob@sandbox.example\",\"text\":\"m$i\"}"; done
}
mkfifo fifo
# begin OPTION...: send --jsonl as alice in the background, fed through descriptor 8; sets $pid
begin() {
	XDG_STATE_HOME=$state "$KANDY_BIN" send --jsonl --failed failed "$@" <fifo >"$out" 2>"$err" &
	pid=$!
	exec 8>fifo
}
ended() { exec 8>&-; wait "$pid"; status=$?; }
has_lines() { [ "$(wc -l <"$1")" -ge "$2" ]; }
waits() { grep -q '^State:.S' "/proc/$pid/status" && grep -q 'no more is sent' "$err"; }
wc_l() { wc -l <"$1"; }

# ---- the rest of a pipe whose writer is slow ----

fresh_sandbox
messages 1 9 >in
begin
messages 1 2 >&8
ok 'while the pipe is open, messages are sent' wait_for has_lines "$out" 2
control '{"do":"expire-tokens","refresh":true}'
messages 3 3 >&8
ok 'the login is lost' wait_for waits
messages 4 6 >&8
messages 7 9 >&8
ended
is "$status $(grep -c '"sent"' "$out") $(wc_l failed)" '77 2 7' 'what is written after that is among the failed'
like "$err" 'reading ended behind line 3$' 'and where reading ended is said'
same <(messages 3 9) failed 'whole, in its order'
mkdir "$scratch/state-nobody"
state=$scratch/state-nobody begin
ok 'without a login' wait_for waits
messages 1 9 >&8
ended
is "$status" 77 'it is 77'
same in failed 'and all lines of the pipe are in FILE'
fresh_sandbox --fault 'POST messages 2:400'
begin -j 1 --fail-fast
messages 1 2 >&8
ok '--fail-fast' wait_for waits
messages 3 9 >&8
ended
is "$status" 1 'ends with 1'
is "$(tail -n 1 "$err")" 'kandy: send: 1 of 2 messages were not sent; reading ended behind line 2' 'says where reading ended'
same <(messages 2 9) failed 'and has the rest in FILE, too'
fresh_sandbox
begin -q
wait_for waits_for_stdin "$pid"
kill "$pid"
wait "$pid"
is "$? $(cat "$err")" "143 kandy: send: interrupted; 'failed' lacks the lines of stdin that were not read" 'a signal does not wait for them, and says so'
exec 8>&-
state=$scratch/state-nobody begin
ok 'a signal while the rest is waited for' wait_for waits
messages 1 2 >&8
kill "$pid"
wait "$pid"
is "$? $(tail -n 1 "$err" | grep -o 'not logged in.*')" "77 not logged in; run 'kandy login'; 'failed' lacks the lines of stdin that were not read" 'is told as well'
same <(messages 1 2) failed 'what had been written by then is there'
exec 8>&-

# ---- more lines than are looked at at once ----

fresh_sandbox --fault 'POST messages 5:400'
messages 1 5000 >in
run_in in as alice kandy send --jsonl --fail-fast --failed failed
n=$(wc_l "$out")
is "$status $((n < 5000))" '1 1' '--fail-fast with a long file: not all of it is read'
is "$(tail -n 1 "$err")" "kandy: send: $(grep -c '"error"' "$out") of $n messages were not sent; reading ended behind line $n" 'and the sum says how much'
is "$(($(grep -c '"sent"' "$out") + $(wc_l failed)))" 5000 'nothing is missing'
{ echo '{"to":"nobody@nowhere.example","text":"x"}'; messages 1 9; } >in
run_in in as alice kandy send --jsonl --fail-fast -j 1
is "$status $(tail -n 1 "$err")" '1 kandy: send: 10 of 10 messages were not sent' 'where all was read, nothing is said of that'

# ---- FILE cannot be written ----

echo '{"to":"nobody@nowhere.example","text":"x"}' >in
run_in in as alice kandy send --jsonl --failed /dev/full -q
is "$status" 74 'a failure that cannot be put into FILE: 74'
like "$err" "^kandy: send: cannot write '/dev/full': No space left on device; 1 of 1 messages were not sent" 'and why, beside the sum'
messages 1 3000 >in
run_in in as alice kandy send --jsonl --failed /dev/full
is "$status" 0 'where there is nothing to be put there, all is well'
XDG_STATE_HOME=$scratch/state-nobody run_in in kandy send --jsonl --failed /dev/full
is "$status" 77 'without a login it stays 77'
is "$(grep -c "not logged in.*; cannot write '/dev/full'" "$err")" 1 'and both are said'

# ---- -q: one line on stderr, whatever has failed ----

fresh_sandbox --fault 'POST messages *:400'
run as alice kandy send -q -t bob@sandbox.example -t carol@sandbox.example -m x
is "$(wc_l "$err") $(grep -cE "^kandy: send: 2 of 2 messages were not sent; the first: 'bob@sandbox.example': .*status 400" "$err")" '1 1' \
	'-q: two recipients, one line: the sum and the first reason'
run as alice kandy send -q -t bob@sandbox.example -m x
like "$err" '^kandy: send: [^;]*status 400[^;]*(; POST [^;]*)?$' 'one alone has its own'
{ messages 1 2; echo nonsense; } >in
run_in in as alice kandy send --jsonl -q
is "$status $(wc_l "$err") $(grep -cE "^kandy: send: 3 of 3 messages were not sent; the first: line 1, 'bob@sandbox.example': .*status 400" "$err")" '1 1 1' 'a batch'
is "$(jq -r .event "$out" | paste -sd' ')" 'error error error' 'stdout has the others'
run_in in as alice kandy send --jsonl -q --failed /dev/full
is "$status $(wc_l "$err") $(grep -c "^kandy: send: cannot write '/dev/full': .*; 3 of 3 messages were not sent; the first: line 1" "$err")" '74 1 1' \
	'and a FILE that cannot be written'
run_in in as alice kandy send --jsonl
is "$(wc_l "$err") $(tail -n 1 "$err")" '4 kandy: send: 3 of 3 messages were not sent' 'without -q each has its line'
echo '{"to":["bob@sandbox.example","bad"],"text":"x"}' >>in
run_in in as alice kandy send --jsonl -q -N
is "$status $(wc_l "$err") $(grep -c '^kandy: send: some lines cannot be sent; the first: line 3: not JSON' "$err")" '1 1 1' '-q -N'
run_in in as alice kandy send --jsonl -N
is "$(jq -c '[.event,.line,.destination[0]]' "$out" | paste -sd' ')" \
	'["dry-run",1,"bob@sandbox.example"] ["dry-run",2,"bob@sandbox.example"] ["error",3,null] ["error",4,"bob@sandbox.example"] ["error",4,"bad"]' \
	'-N: a bad line has a line for each recipient'
cp "$out" dry
run_in in as alice kandy send --jsonl
same <(jq -c 'select(.line>2)' dry) <(jq -c 'select(.line>2)' "$out") 'the same that it has when it is sent'

finish
