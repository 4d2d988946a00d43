#!/usr/bin/env bash
# login at a terminal: the prompt, no echo, and ^C.
. "${0%/*}/../lib/tap.sh"
sandbox
export KANDY_USERNAME=alice@sandbox.example

# talk COMMAND ANSWER [CONDITION...]: runs the command on its own terminal, and types the answer after the prompt, when the
# condition holds. `screen` is what the terminal displayed.
talk() {
	rm -f keys screen
	mkfifo keys
	# a shell gives its background jobs an ignored SIGINT
	timeout "$patience" env --default-signal=INT script -qefc "$1" screen <keys >/dev/null 2>&1 &
	local pid=$!
	exec 9>keys
	wait_for grep -q 'password for' screen
	[ $# -eq 2 ] || wait_for "${@:3}"
	printf "$2" >&9
	wait "$pid"
	exec 9>&-
}

talk 'kandy login; echo "status $?"; stty -a' 'alice-secret\n'
like screen "kandy: password for alice@sandbox.example at $KANDY_BASE_URL: " 'the question says who and where'
like screen '^status 0' 'the answer is taken'
like screen '"event":"token"' 'the line is printed'
unlike screen alice-secret 'nothing that was typed is shown'
like screen '(^| )echo ' 'afterwards the terminal shows again what is typed'

talk 'kandy login; echo "status $?"; stty -a' '\003'
like screen '^status 130' '^C ends it with 130'
like screen '(^| )echo ' 'the terminal is restored'

talk 'kandy login; echo "status $?"' '\n'
like screen '^status 77' 'an empty answer is none'
like screen 'no password entered' 'which is said'

talk 'kandy login; echo "status $?"' 'wrong-password\n'
like screen '^status 77' 'a wrong password'
like screen 'wrong user name or password' 'is one'
unlike screen wrong-password 'the password is not shown'

# the prompt does not block other processes
talk '(KANDY_PASSWORD=alice-secret kandy login >other 2>&1; echo "other $?" >>other) & kandy login; wait' \
	'alice-secret\n' grep -q '^other' other
like other '^other 0' 'another login is not held up by the question'

timeout "$patience" script -qefc 'kandy subscribe --profile nobody' screen </dev/null >/dev/null 2>&1
is $? 77 'only login asks'
unlike screen 'password for' 'another command does not'
finish
