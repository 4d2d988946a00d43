# shellcheck shell=bash disable=SC2154
# listener.sh - a listener of alice's in the background, and messages for it. Source it after tap.sh, and start a sandbox.
#
#	start_listener NAME [OPTION...]   starts it with its output in NAME.out and NAME.err; sets $listener_pid
#	listener NAME [OPTION...]         the same, and waits until it is connected
#	wait_listener                     waits until it has ended; sets $listener_status
#	stop_listener [-SIGNAL]           ends it (-TERM by default) and waits
#	listener_got NAME TEXT            succeeds if NAME.out has a line with the string TEXT
#	texts FILE                        the texts of the message lines in FILE, each followed by a comma
#	send_text TEXT [USER]             sends TEXT to alice, from bob by default, without kandy's help
#
# $listener_command is what is run: a test that needs a wrapper or an option for all its listeners sets it. A shell starts
# background jobs with SIGINT ignored; env restores it. $listener_stdin is its standard input.

listener_command=(env --default-signal=INT kandy listen)
listener_stdin=/dev/null

start_listener() {
	local name=$1
	shift
	rm -f "$name.beat"
	XDG_STATE_HOME=$scratch/state-alice "${listener_command[@]}" --heartbeat "$name.beat" "$@" <"$listener_stdin" >"$name.out" 2>"$name.err" &
	listener_pid=$!
	tap_pids+=("$listener_pid")
}
listener() {
	start_listener "$@"
	wait_for test -e "$1.beat"
}
wait_listener() {
	wait "$listener_pid" 2>/dev/null
	listener_status=$?
}
stop_listener() {
	kill "${1--TERM}" "$listener_pid"
	wait_listener
}
listener_got() { grep -q "\"$2\"" "$1.out"; }
texts() { jq -r '.parts[0].text' "$1" | tr '\n' ,; }
send_text() { control "$(jq -nc --arg from "${2:-bob}@sandbox.example" --arg text "$1" '{do:"send", $from, to:"alice@sandbox.example", $text}')"; }
