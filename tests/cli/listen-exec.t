#!/usr/bin/env bash
# listen --exec: the command's input, checkpoints and exit statuses. Storms are in listen-faults.t.
. "${0%/*}/../lib/tap.sh"
. "$tests_dir/lib/listener.sh"

forget_the_past() { as alice kandy listen --once --since none >/dev/null; }
# what the command was run with, one a line
took() { [ "$(cat taken 2>/dev/null)" = "$1" ]; }
has_taken() { grep -qx "$1" taken; }
begun() { [ "$(wc -l <begun)" -ge "$1" ]; }
delivered() { jq -r 'select(.kind == "frame" and .direction == "out") | .json.chatMessageNotification.chatMessage.text // empty' "$sandbox_record" | grep -qxF "$1"; }

cat >take <<'EOS'
#!/bin/sh
echo "$KANDY_TEXT" >>begun
[ -e "fail $KANDY_TEXT" ] && exit "$(cat "fail $KANDY_TEXT")"
echo "$KANDY_TEXT" >>taken
EOS
chmod +x take
: >taken

sandbox
export KANDY_KEEPALIVE=60s # a busy machine must not cause a reconnect
as alice kandy subscribe chat sms >/dev/null
as bob kandy whoami >/dev/null
forget_the_past

# --- the checkpoint and the messages after one that waits
# a filter lets one through, whose command asks for another time; then come many that the filter leaves out
for signal in KILL TERM; do
	: >taken
	: >begun
	echo 75 >'fail deploy 1'
	listener behind --select '.parts[].text | startswith("deploy")' --exec ./take --retry-delay 50ms
	send_text 'deploy 1'
	ok 'a message whose command exits with 75 is retried' wait_for begun 2
	for i in $(seq 1 60); do send_text "chatter $i"; done
	wait_for delivered 'chatter 60'
	stop_listener "-$signal"
	rm 'fail deploy 1'
	run as alice kandy listen --once --select '.parts[].text | startswith("deploy")' --exec ./take
	is "$status $(cat taken)" '0 deploy 1' "after SIG$signal the message comes again, however many without a command followed it"
	run as alice kandy listen --once
	is "$(wc -c <"$out")" 0 'no process is left'
	control '{"do":"clear-faults"}'
done
like behind.err "'./take' exited with status 75; message '[^']+' of 'bob@sandbox.example' will be retried in" 'a retry is a warning'

# the same if the later messages are own ones, from another login
: >taken
: >begun
echo 75 >'fail question'
listener own --exec ./take --retry-delay 50ms
send_text 'question'
wait_for begun 1
KANDY_PASSWORD=alice-secret XDG_STATE_HOME=$scratch/elsewhere kandy login -q --username alice@sandbox.example >/dev/null
seq -f 'answer %g' 60 | XDG_STATE_HOME=$scratch/elsewhere kandy send -q -t bob@sandbox.example --lines >/dev/null
wait_for delivered 'answer 60'
stop_listener
rm 'fail question'
run as alice kandy listen --once --exec ./take
is "$status $(cat taken)" '0 question' 'a message behind which the user has written much from elsewhere comes again'

# --- messages without an ID
: >taken
listener nameless --exec ./take
control '{"do":"notify","to":"alice@sandbox.example","json":{"chatMessageNotification":{"id":"n1","chatMessage":{"text":"no link","senderAddress":"bob@sandbox.example"}}}}'
control '{"do":"notify","to":"alice@sandbox.example","json":{"inboundSMSMessageNotification":{"id":"n2","inboundSMSMessage":{"message":"no ID","senderAddress":"+1"}}}}'
ok 'messages without an ID are handed over' wait_for took $'no link\nno ID'
stop_listener
is "$(cat nameless.out nameless.err)" '' 'nothing is printed about it'

# --- stopped together with its command
: >begun
listener stopped --exec-shell --exec 'echo "$KANDY_TEXT" >>begun; exec sleep 600' --exec-retries 0
send_text 'under way'
wait_for begun 1
sleeper() { pgrep -P "$listener_pid" -x sleep; }
wait_for sleeper
kill -STOP "$listener_pid" # both signals are there when it looks
command_pid=$(sleeper)
kill -TERM "$command_pid"
kill -TERM "$listener_pid"
kill -CONT "$listener_pid"
wait_listener
is "$listener_status" 143 'stopped as systemd does, with its command'
unlike stopped.err 'dropped' 'the message of a stopped command is not dropped'
: >taken
run as alice kandy listen --once --exec ./take
is "$status $(cat taken)" '0 under way' 'the message comes again in the next run'
: >begun
listener alone --exec-shell --exec 'echo "$KANDY_TEXT" >>begun; if test -e wait; then exec sleep 600; fi' --exec-retries 0 --retry-delay 50ms
touch wait
send_text 'ended by hand'
wait_for sleeper
rm wait
kill -TERM "$(sleeper)"
ok 'a command that is ended by SIGTERM is run again' wait_for begun 2
stop_listener
unlike alone.err 'dropped' 'the message is not dropped'

# --- dropped
forget_the_past
send_text 'hopeless'
run as alice kandy listen -q --once --exec-shell --exec 'exit 3' --exec-retries 0
is "$status" 1 'a dropped message: exit 1'
like "$err" "'exit 3' failed 1 time \(exit status 3\); message '[^']+' of 'bob@sandbox.example' dropped" \
	'the message and the command are named, even with -q'
send_text 'hopeless too'
listener quiet -q --exec false --exec-retries 0
wait_for grep -q 'dropped' quiet.err
stop_listener
is "$listener_status" 143 'a listener with a dropped message still ends with 143'

# --- --once and a command that asks for another time
: >taken
: >begun
echo 75 >'fail not now'
send_text 'before'
send_text 'not now'
send_text 'behind it'
send_text 'of another' carol
run as alice timeout --foreground "$patience" kandy listen --once --exec ./take -j 2
is "$status $(sort taken | paste -sd,)" '75 before,of another' '--once defers the message and its successors to the next run'
is "$(grep -c 'not now' begun)" 1 'the command is run once'
like "$err" "exited with status 75; message '[^']+' of 'bob@sandbox.example' deferred to the next run" 'the deferral is a warning'
rm 'fail not now'
: >taken
run as alice kandy listen --once --exec ./take
is "$status $(paste -sd, taken)" '0 not now,behind it' 'deferred messages come in order in the next run'

# --- commands that are not there, before anything else
before=$(wc -l <"$sandbox_record")
run as alice kandy listen --exec no-such-command
is "$status" 66 'a command that is not there: 66'
like "$err" "cannot run 'no-such-command': No such file or directory" 'the error names the command'
run as alice kandy listen --exec 'grep -c hello'
is "$status" 66 'a shell command line is not a command: 66'
like "$err" "cannot run 'grep -c hello': .*; use --exec-shell" 'unless it is for the shell'
run as alice kandy listen --exec ./
is "$status" 66 'a directory is not a command: 66'
is "$(wc -l <"$sandbox_record")" "$before" 'no request was sent'
for option in --for --idle; do
	run as alice kandy listen $option 0
	is "$status" 64 "$option 0 is a mistake"
done

# --- the profile
KANDY_PASSWORD=bob-secret kandy login -q -p other --username bob@sandbox.example >/dev/null
kandy listen -p other --once --since none
as alice kandy send -q -t bob@sandbox.example -m 'who am I?' >/dev/null
run kandy listen -p other --once --exec-shell --exec 'kandy whoami | jq -r .profile'
is "$(cat "$err")" other "a kandy in the command is of the listener's profile"
finish
