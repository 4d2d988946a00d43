#!/usr/bin/env bash
# kandy send --failed with slow input or an unwritable FILE; --fail-fast; the single line of -q.
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
waits() { grep -q '^State:.S' "/proc/$pid/status" && grep -q 'nothing more is sent' "$err"; }
wc_l() { wc -l <"$1"; }

# ---- the rest of a pipe whose writer is slow ----

fresh_sandbox
messages 1 9 >in
begin
messages 1 2 >&8
ok 'messages are sent while the pipe is open' wait_for has_lines "$out" 2
control '{"do":"expire-tokens","refresh":true}'
messages 3 3 >&8
ok 'the login is lost: waits for the rest of stdin' wait_for waits
messages 4 6 >&8
messages 7 9 >&8
ended
is "$status $(grep -c '"sent"' "$out") $(wc_l failed)" '77 2 7' 'lines written after the login was lost are in FILE'
like "$err" 'stopped reading after line 3$' 'the error names the last line that was read'
same <(messages 3 9) failed 'FILE has the lines in input order'
mkdir "$scratch/state-nobody"
state=$scratch/state-nobody begin
ok 'not logged in: waits for the rest of stdin' wait_for waits
messages 1 9 >&8
ended
is "$status" 77 'not logged in: 77'
same in failed 'not logged in: FILE has all lines of the pipe'
fresh_sandbox --fault 'POST messages 2:400'
begin -j 1 --fail-fast
messages 1 2 >&8
ok '--fail-fast: waits for the rest of stdin' wait_for waits
messages 3 9 >&8
ended
is "$status" 1 '--fail-fast: 1'
is "$(tail -n 1 "$err")" 'kandy: send: 1 of 2 messages was not sent; stopped reading after line 2' '--fail-fast: the error names the last line that was read'
same <(messages 2 9) failed '--fail-fast: FILE has the rest'
fresh_sandbox
begin -q
wait_for waits_for_stdin "$pid"
kill "$pid"
wait "$pid"
is "$? $(cat "$err")" "143 kandy: send: interrupted; 'failed' lacks the lines of stdin that were not read" 'a signal does not wait for the rest, and the error tells'
exec 8>&-
state=$scratch/state-nobody begin
ok 'waits for the rest before a signal' wait_for waits
messages 1 2 >&8
kill "$pid"
wait "$pid"
is "$? $(tail -n 1 "$err" | grep -o 'not logged in.*')" "77 not logged in; run 'kandy login'; 'failed' lacks the lines of stdin that were not read" 'a signal during the wait: the error tells'
same <(messages 1 2) failed 'a signal during the wait: FILE has what was read before'
exec 8>&-

# ---- more lines than fit in the window ----

fresh_sandbox --fault 'POST messages 5:400'
messages 1 5000 >in
run_in in as alice kandy send --jsonl --fail-fast --failed failed
n=$(wc_l "$out")
is "$status $((n < 5000))" '1 1' '--fail-fast with a long file: not all of it is read'
is "$(tail -n 1 "$err")" "kandy: send: $(grep -c '"error"' "$out") of $n messages were not sent; stopped reading after line $n" '--fail-fast with a long file: the summary names the last line'
is "$(($(grep -c '"sent"' "$out") + $(wc_l failed)))" 5000 '--fail-fast with a long file: no line is missing'
{ echo '{"to":"nobody@nowhere.example","text":"x"}'; messages 1 9; } >in
run_in in as alice kandy send --jsonl --fail-fast -j 1
is "$status $(tail -n 1 "$err")" '1 kandy: send: 10 of 10 messages were not sent' 'the summary names no line if all was read'

# ---- FILE cannot be written ----

echo '{"to":"nobody@nowhere.example","text":"x"}' >in
run_in in as alice kandy send --jsonl --failed /dev/full -q
is "$status" 74 'a failure that cannot be written to FILE: 74'
like "$err" "^kandy: send: cannot write '/dev/full': No space left on device; 1 of 1 message was not sent" 'FILE cannot be written: both errors are reported'
messages 1 3000 >in
run_in in as alice kandy send --jsonl --failed /dev/full
is "$status" 0 'FILE is not writable, but not needed: 0'
XDG_STATE_HOME=$scratch/state-nobody run_in in kandy send --jsonl --failed /dev/full
is "$status" 77 'not logged in and FILE not writable: 77'
is "$(grep -c "not logged in.*; cannot write '/dev/full'" "$err")" 1 'not logged in and FILE not writable: both are reported'

# ---- -q: one line on stderr ----

fresh_sandbox --fault 'POST messages *:400'
run as alice kandy send -q -t bob@sandbox.example -t carol@sandbox.example -m x
is "$(wc_l "$err") $(grep -cE "^kandy: send: 2 of 2 messages were not sent; first error: 'bob@sandbox.example': .*status 400" "$err")" '1 1' \
	'-q: two recipients: one line with the sum and the first error'
run as alice kandy send -q -t bob@sandbox.example -m x
like "$err" '^kandy: send: [^;]*status 400[^;]*(; POST [^;]*)?$' '-q: a single message has its own error'
{ messages 1 2; echo nonsense; } >in
run_in in as alice kandy send --jsonl -q
is "$status $(wc_l "$err") $(grep -cE "^kandy: send: 3 of 3 messages were not sent; first error: line 1, 'bob@sandbox.example': .*status 400" "$err")" '1 1 1' '-q: a batch has one line with the sum and the first error'
is "$(jq -r .event "$out" | paste -sd' ')" 'error error error' '-q: stdout has all error lines'
run_in in as alice kandy send --jsonl -q --failed /dev/full
is "$status $(wc_l "$err") $(grep -c "^kandy: send: cannot write '/dev/full': .*; 3 of 3 messages were not sent; first error: line 1" "$err")" '74 1 1' \
	'-q: FILE cannot be written: one line has both errors'
run_in in as alice kandy send --jsonl
is "$(wc_l "$err") $(tail -n 1 "$err")" '4 kandy: send: 3 of 3 messages were not sent' 'without -q, each failure has a line'
echo '{"to":["bob@sandbox.example","bad"],"text":"x"}' >>in
run_in in as alice kandy send --jsonl -q -N
is "$status $(wc_l "$err") $(grep -c '^kandy: send: some lines cannot be sent; first error: line 3: .*JSON' "$err")" '1 1 1' '-q -N: one line with the first error'
run_in in as alice kandy send --jsonl -N
is "$(jq -c '[.event,.line,.destination[0]]' "$out" | paste -sd' ')" \
	'["dry-run",1,"bob@sandbox.example"] ["dry-run",2,"bob@sandbox.example"] ["error",3,null] ["error",4,"bob@sandbox.example"] ["error",4,"bad"]' \
	'-N: an invalid line has a result for each recipient'
cp "$out" dry
run_in in as alice kandy send --jsonl
same <(jq -c 'select(.line>2)' dry) <(jq -c 'select(.line>2)' "$out") '-N: the same error lines as without it'

finish
