#!/usr/bin/env bash
# Exit codes that do not depend on a service, and stdout: success means that the output arrived.
. "${0%/*}/../lib/tap.sh"

run kandy version
is "$status" 0 '0: done'
run kandy
is "$status" 64 '64: no command'
run kandy version operand
is "$status" 64 '64: an operand too many'
run kandy version --trace "$scratch/nowhere/trace"
is "$status" 73 '73: a trace file that cannot be created'
like "$err" "^kandy: version: cannot open the trace file '$scratch/nowhere/trace': No such file or directory\$" '73: the error gives the reason'

kandy version >/dev/full 2>"$err"
is $? 74 '74: a full disk'
like "$err" '^kandy: version: cannot write the output: No space left on device$' '74: a full disk: the error gives the reason'
kandy version >&- 2>"$err"
is $? 74 '74: stdout is closed'
like "$err" '^kandy: version: cannot write the output: ' '74: stdout is closed: the error says what failed'
kandy help --emit json 2>"$err" | true
is "${PIPESTATUS[0]}" 141 '141: the reader has gone'
is "$(cat "$err")" '' 'which is nothing to talk about'
kandy version 2>&- >"$out"
is $? 0 'stderr may be closed'
kandy version <&- >"$out" 2>"$err"
is $? 0 'stdin may be closed'

# files opened later must not take the place of a closed descriptor
kandy version --trace "$scratch/trace" 2>&- >"$out"
is "$? $(head -c 8 "$out")" '0 {"event"' 'a trace file does not end up as stderr'

# signals
begin() { : >exports; kandy sandbox --no-tls >exports </dev/zero & pid=$!; wait_for grep -q KANDY_CLIENT_ID exports; }
for signal in HUP:129 TERM:143; do
	begin
	kill "-${signal%:*}" "$pid"
	wait "$pid"
	is $? "${signal#*:}" "SIG${signal%:*}: ${signal#*:}"
done
: >exports
(trap '' HUP; exec kandy sandbox --no-tls >exports </dev/zero) & pid=$!
wait_for grep -q KANDY_CLIENT_ID exports
kill -HUP "$pid"
ok 'SIGHUP that is ignored, as by nohup, stays so' curl -s "$(. ./exports; echo "$KANDY_BASE_URL")"
kill "$pid"
wait "$pid"

# a terminal that wants to see nothing
kandy version -q >"$out" 2>"$err"
is "$(wc -c <"$err")" 0 '-q'

# the table of the exit codes is in every man page
kandy help --emit man >page
for code in 0 1 64 65 66 69 70 73 74 75 76 77 78 124 129 130 141 143; do
	like page "^\\.It $code\$" "kandy(1) tells of $code"
done

finish
