#!/usr/bin/env bash
# The process that makes the listener's requests: there while it is needed, and no trouble to anybody when something ends.
. "${0%/*}/../lib/tap.sh"
. "$tests_dir/lib/listener.sh"
# $listener_pid is kandy itself, in a process group of its own
listener_command=(perl -e 'setpgrp; $SIG{INT} = "DEFAULT"; exec @ARGV' kandy listen)
listener_stdin=/dev/stdin

sockets() { control '{"do":"stats"}' && [ "$(jq -r .sockets "$scratch/control")" -eq "$1" ]; }
child() { pgrep -P "$listener_pid"; }
childless() { ! child; }
gone() { ! kill -0 "$1" 2>/dev/null; }
# The next list of conversations is never answered; returns once it was asked for, by process $worker.
hang() {
	local before
	before=$(jq -r .path "$sandbox_record" | grep -c '/sessions$')
	control '{"do":"fault","fault":"GET sessions 1-100:hang"}'
	control '{"do":"drop-sockets"}'
	asked_more() { [ "$(jq -r .path "$sandbox_record" | grep -c '/sessions$')" -gt "$before" ]; }
	wait_for asked_more
	worker=$(child)
	control '{"do":"clear-faults"}'
}

sandbox
export KANDY_KEEPALIVE=1s
as alice kandy whoami >/dev/null

# --- what it is for
export LD_DEBUG=files # the loader says on stderr what it loads
listener lean
unset LD_DEBUG
worker=$(child)
ok 'just connected, there is a second process' test -n "$worker"
send_text 'while it is there'
ok 'a message comes' wait_for listener_got lean 'while it is there'
ok 'the second process ends when nothing is asked for' wait_for childless
send_text 'while it is not'
ok 'messages arrive without the request process' wait_for listener_got lean 'while it is not'
# each line of the loader begins with the process that it is about
loaded() { grep -E "^ *$1:" lean.err | grep -c "$2"; }
ok 'the listener loads TLS' test "$(loaded "$listener_pid" 'calling init: .*libssl')" -gt 0
is "$(loaded "$listener_pid" libcurl)" 0 'the listener never loads libcurl'
ok 'the request process loads libcurl' test "$(loaded "$worker" 'calling init: .*libcurl')" -gt 0
control '{"do":"drop-sockets"}'
send_text 'after a loss'
ok 'the next request starts a new process' wait_for listener_got lean 'after a loss'
ok 'the new process is another one' test "$(child || echo none)" != "$worker"
stop_listener
is "$listener_status $(grep -vE 'reconnecting|^ *[0-9]+:' lean.err)" '143 ' 'a clean end without other messages'

# --- it dies
listener dies
worker=$(child)
kill -KILL "$worker"
wait_for grep -q 'killed by signal 9' dies.err
like dies.err 'warning: the request process was killed by signal 9' 'a killed process is a warning'
control '{"do":"drop-sockets"}'
send_text 'without it'
ok 'a killed process is replaced' wait_for listener_got dies 'without it'
hang
send_text 'in the middle'
kill -SEGV "$worker"
ok 'a process that crashes during a request is replaced, and the request retried' wait_for listener_got dies 'in the middle'
like dies.err 'killed by signal (11|6)|exited with status' 'the crash is a warning'
is "$(jq -r '.parts[0].text' dies.out | tr '\n' ,)" 'without it,in the middle,' 'each message came once'
stop_listener
is "$listener_status" 143 'a clean end'

# --- the listener ends while a request is under way
listener interrupted
hang
kill -INT -- -"$listener_pid" # as a terminal does: both
wait_listener
is "$listener_status" 130 '^C at a terminal ends both'
is "$(grep -v 'reconnecting' interrupted.err)" '' 'no other message is printed (SIGINT)'
ok 'the request process is gone' gone "$worker"
listener terminated
hang
kill -TERM -- -"$listener_pid" # as systemd does
wait_listener
is "$listener_status" 143 'SIGTERM for both'
is "$(grep -v 'reconnecting' terminated.err)" '' 'no other message is printed (SIGTERM)'
ok 'the request process is gone' gone "$worker"
listener first
hang
kill -INT "$worker"
send_text 'a stray signal'
control '{"do":"drop-sockets"}'
kill -TERM "$worker"
ok 'a signal to the second process alone changes nothing' kill -0 "$worker"
stop_listener
ok 'it ends with the listener' gone "$worker"

# --- the listener is killed, and the other process does not even get to know it
mkfifo out
cat out >killed.copy &
cat_pid=$!
rm -f killed.beat
XDG_STATE_HOME=$scratch/state-alice kandy listen --heartbeat killed.beat >out 2>killed.err &
listener_pid=$!
tap_pids+=("$listener_pid")
wait_for test -e killed.beat
hang
kill -STOP "$worker"
kill -KILL "$listener_pid"
wait_listener
ok 'the reader of its lines sees the end' wait_for gone "$cat_pid"
wait "$cat_pid"
ok 'the server closes its socket' wait_for sockets 0
run as alice kandy listen --once
is "$status" 0 'the profile is free for the next listener'
ok 'while the second process was still there' kill -0 "$worker"
kill -CONT "$worker"
ok 'the request process ends when its listener is killed' wait_for gone "$worker"

# --- a password that can be read once serves several processes
grants() { jq -r 'select(.path == "/cpaas/auth/v1/token") | .form.grant_type // empty' "$sandbox_record" | grep -cx password; }
granted() { [ "$(grants)" -gt "$before" ]; }
before=$(grants)
listener once --password-stdin < <(echo alice-secret)
for turn in 1 2; do
	before=$(grants)
	wait_for childless
	control '{"do":"expire-tokens","refresh":true}'
	control '{"do":"drop-sockets"}'
	send_text "login $turn"
	ok "login $turn, by a password from stdin" wait_for listener_got once "login $turn"
	ok 'in a process of its own' granted
done
stop_listener
listener pipe --password-file <(echo alice-secret)
wait_for childless
before=$(grants)
control '{"do":"expire-tokens","refresh":true}'
control '{"do":"drop-sockets"}'
send_text 'by a pipe'
ok 'a password from a pipe is kept' wait_for listener_got pipe 'by a pipe'
ok 'the password was used for a login' granted
stop_listener

# --- what it says
listener trace --trace trace
worker=$(child)
stop_listener
ok 'its requests are in the trace' grep -qE "^[-0-9T:.]+Z $worker .*GET /cpaas" trace
is "$(grep -cvE '^[-0-9]+T[0-9:.]+Z [0-9]+ ' trace)" 0 'whose lines are whole'
unlike trace "$(jq -r .accessToken "$scratch/state-alice/kandy/default.json")" 'the trace has no token'
finish
