# shellcheck shell=bash
# tap.sh - functions for tests in bash. A test is an executable script:
#
#	#!/usr/bin/env bash
#	. "${0%/*}/../lib/tap.sh"
#	sandbox                                   # a sandbox of its own; KANDY_BASE_URL etc. are set
#	run kandy login ...                       # fills $status, $out (file), $err (file)
#	is "$status" 77 'login: a wrong password is refused'
#	like "$err" 'wrong password' 'login: the error names the reason'
#	finish
#
# Each script gets its own scratch directory for HOME and as working directory, which is removed at the end, and an environment and
# umask that do not depend on the caller's. `kandy` is the binary under test ($KANDY_BIN, default build/kandy), run under
# $KANDY_WRAP if set (valgrind). Servers end when the script ends.
#
#	run COMMAND...            runs it with stdin from /dev/null (run_in FILE COMMAND...: from FILE)
#	is GOT WANTED NAME        strings are equal
#	like FILE REGEX NAME      a line of FILE matches (grep -E); unlike: none does
#	same FILE FILE NAME       byte for byte
#	ok NAME COMMAND...        the command succeeds
#	json FILE FILTER WANTED NAME   `jq -c FILTER` of FILE prints WANTED
#	diag TEXT                 a comment in the output
#	cases WHAT COUNT          for the table of cases that tests/run prints at its end
#	wait_jobs                 waits for the script's own background jobs, not for its servers
#	wait_for COMMAND...       polls until the command succeeds; false after $patience seconds
#	sandbox [OPTION...]       starts `kandy sandbox OPTION...`; sets $sandbox_pid, $sandbox_record (what it was sent)
#	restart_sandbox [OPTION...]   ends the sandbox that runs, forgets its record and all logins, starts another
#	fresh_sandbox [OPTION...]     the same, and logs alice in
#	control JSON              POST /sandbox/control (@FILE: what FILE has); the response goes to $scratch/control
#	waits_for_stdin PID       succeeds if that kandy has its signal handlers installed and sleeps
#	as NAME COMMAND...        runs COMMAND with a state directory of its own, logged in as NAME@sandbox.example if needed
#	no_such_host              prints a host name that fails without a name server: its label is too long
#	is_sanitized              succeeds if the binary was built with sanitizers
#	skip_all REASON           if this machine cannot run the test at all; not for missing packages

set -u
tap_n=0 tap_bad=0
# Seconds until wait_for fails. Everything takes at most a few on a quiet machine.
patience=120
tests_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
top_dir=${tests_dir%/*}
KANDY_BIN=${KANDY_BIN:-$top_dir/build/kandy}
case $KANDY_BIN in /*) ;; *) KANDY_BIN=$PWD/$KANDY_BIN ;; esac
. "$tests_dir/lib/environment.sh"
clean_environment ASAN_OPTIONS UBSAN_OPTIONS KANDY_WRAP BUILD_DIR 'TEST_*' 'FAULT_*' 'SIM_*' ROUNDS SEED PROCESSES 'SOAK*'
scratch=$(mktemp -d "${TMPDIR:-/tmp}/kandy-test.XXXXXX")
export HOME=$scratch/home
mkdir -p "$HOME" "$scratch/bin" "$scratch/cwd"
cd "$scratch/cwd" || exit 1
printf '#!/bin/sh\nexec %s "%s" "$@"\n' "${KANDY_WRAP:-}" "$KANDY_BIN" > "$scratch/bin/kandy"
chmod +x "$scratch/bin/kandy"
PATH=$scratch/bin:$PATH
# Not wrapped: under valgrind the server would be too slow for the tests' time limits
sandbox_command=("$KANDY_BIN" sandbox)
out=$scratch/out err=$scratch/err
tap_pids=()

tap_cleanup() {
	local pid
	for pid in "${tap_pids[@]}"; do kill "$pid" 2>/dev/null; done
	for pid in "${tap_pids[@]}"; do wait "$pid" 2>/dev/null; done
	cd /
	rm -rf "$scratch"
}
trap tap_cleanup EXIT
trap 'exit 143' TERM
trap 'exit 130' INT

diag() { printf '%s\n' "$*" | sed 's/^/# /'; }
cases() { echo "# cases: $2 $1"; }
tap_result() { # STATUS NAME
	tap_n=$((tap_n + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $tap_n - $2"
	else
		tap_bad=$((tap_bad + 1))
		echo "not ok $tap_n - $2"
		diag "at ${BASH_SOURCE[2]##*/}:${BASH_LINENO[1]}"
	fi
	return "$1"
}
show() { [ -f "$1" ] && head -c 2000 "$1" | sed "s/^/# ${1##*/}: /"; }
is() { [ "$1" = "$2" ]; tap_result $? "$3" || { diag "   got: $1"; diag "wanted: $2"; show "$err"; return 1; }; }
like() { grep -Eq -- "$2" "$1"; tap_result $? "$3" || { diag "no line matches: $2"; show "$1"; return 1; }; }
unlike() { ! grep -Eq -- "$2" "$1"; tap_result $? "$3" || { diag "a line matches: $2"; show "$1"; return 1; }; }
same() { cmp -s "$1" "$2"; tap_result $? "$3" || { diag "$(cmp "$1" "$2" 2>&1)"; return 1; }; }
ok() { local name=$1; shift; "$@" >/dev/null 2>&1; tap_result $? "$name" || { diag "failed: $*"; return 1; }; }
json() { local got; got=$(jq -c "$2" "$1" 2>&1); [ "$got" = "$3" ]; tap_result $? "$4" || { diag "   got: $got"; diag "wanted: $3"; show "$1"; return 1; }; }
run() { run_in /dev/null "$@"; }
run_in() { local input=$1; shift; "$@" <"$input" >"$out" 2>"$err"; status=$?; }
wait_for() {
	local end=$((SECONDS + patience))
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.05
	done
}
wait_jobs() {
	local pid
	for pid in $(jobs -p); do
		case " ${tap_pids[*]} " in *" $pid "*) ;; *) wait "$pid" ;; esac
	done
}
finish() { echo "1..$tap_n"; [ "$tap_bad" -eq 0 ]; exit $?; }
no_such_host() { printf 'no-such-%057d.invalid' 0; }
is_sanitized() { grep -q __asan_init "$KANDY_BIN"; }
skip_all() { echo "1..0 # SKIP $*"; exit 0; }

sandbox() {
	sandbox_record=$scratch/record.jsonl
	: >"$scratch/sandbox.env" # an earlier sandbox may have written it
	"${sandbox_command[@]}" --record "$sandbox_record" "$@" >"$scratch/sandbox.env" 2>"$scratch/sandbox.err" </dev/zero &
	sandbox_pid=$!
	tap_pids+=("$sandbox_pid")
	wait_for grep -q KANDY_CLIENT_ID "$scratch/sandbox.env" || { echo "Bail out! the sandbox did not start"; show "$scratch/sandbox.err"; exit 1; }
	. "$scratch/sandbox.env"
}
restart_sandbox() {
	if [ -n "${sandbox_pid:-}" ]; then
		kill "$sandbox_pid" 2>/dev/null
		wait "$sandbox_pid" 2>/dev/null
	fi
	rm -rf "$scratch/record.jsonl" "$HOME/.local" "$scratch"/state-*
	sandbox "$@"
}
fresh_sandbox() {
	restart_sandbox "$@"
	as alice kandy whoami >/dev/null
}
control() {
	curl -sS --max-time "$patience" ${KANDY_CACERT:+--cacert "$KANDY_CACERT"} --data-binary "$1" "$KANDY_BASE_URL/sandbox/control" >"$scratch/control" 2>&1
}
# SigCgt: SIGTERM is bit 14
waits_for_stdin() { grep -q '^SigCgt:.*[4567cdef]...$' "/proc/$1/status" && grep -q '^State:.S' "/proc/$1/status"; }
as() {
	local who=$1; shift
	local state=$scratch/state-$who
	if [ ! -e "$state" ] && [ "$2" != login ]; then
		KANDY_PASSWORD=$who-secret XDG_STATE_HOME=$state kandy login -q --username "$who@sandbox.example" >/dev/null || return
	fi
	XDG_STATE_HOME=$state "$@"
}
