#!/usr/bin/env bash
# Every allocation, write, fsync, rename, close and open made to fail in turn (inject.c), descriptors that run out, disks that are
# full or cannot be written: a clean error and the right code, the token cache whole, nothing left lying about.
#
#	FAULT_RUNS=N   at most N places of one kind for each command (default 5; 0: all of them)
#	FAULT_COMMANDS="send fetch"   these commands alone
#	FAULT_CALLS="malloc write"    these calls alone. (malloc-any has ten thousand places, which takes hours)
. "${0%/*}/../lib/tap.sh"
most=${FAULT_RUNS:-5}
runs=0 total=0 serial=0 openssl=0

no_malloc=
ldd "$KANDY_BIN" | grep -q libasan && no_malloc=-DINJECT_NO_MALLOC
"${CC:-cc}" -std=c11 -O1 -shared -fPIC $no_malloc -o "$scratch/inject.so" "$tests_dir/fault/inject.c" -ldl || { echo 'Bail out! inject.c does not compile'; exit 1; }
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0:detect_leaks=0"
sandbox
export KANDY_RETRY=0

# ---- what is run, and what must hold afterwards ----

printf 'alice-secret\n' >pw
chmod 600 pw
head -c 300000 /dev/urandom >attachment.bin
digest=$(sha256sum <attachment.bin | cut -d' ' -f1)
export XDG_STATE_HOME=$PWD/state0
kandy login -q -u alice@sandbox.example --password-file pw >/dev/null
kandy subscribe -q chat >/dev/null
as bob kandy send -q -t alice@sandbox.example -m 'for the history' -a attachment.bin >/dev/null
kandy listen --once --since all >lines
is "$(jq -c '[.parts[].type]' lines)" '["text","file"]' 'there is a message to listen to'
: >empty

# NAME_run: the command, in the state directory `state`; NAME_done: what success means
login_run() { "$@" "$KANDY_BIN" login -u alice@sandbox.example --password-file pw; }
login_done() { grep -q '"loggedIn":true' "$out" && kandy whoami | grep -q alice; }
subscribe_run() { "$@" "$KANDY_BIN" subscribe chat; }
subscribe_done() { [ -s "$out" ]; }
send_run() { "$@" "$KANDY_BIN" send -t bob@sandbox.example -m hello -a attachment.bin; }
send_done() { grep -q '"status":"Sent"' "$out"; }
batch_run() { printf '{"to":"bob@sandbox.example","text":"%s"}\n' 1 2 3 | "$@" "$KANDY_BIN" send --jsonl; }
batch_done() { [ "$(grep -c '"status":"Sent"' "$out")" = 3 ]; }
listen_run() { "$@" "$KANDY_BIN" listen --once --since all; }
listen_done() { cmp -s "$out" lines; }
fetch_run() { "$@" "$KANDY_BIN" fetch-links -D inbox --manifest list <lines; }
fetch_done() { [ "$(sha256sum <inbox/attachment.bin | cut -d' ' -f1)" = "$digest" ] && grep -q "$digest" list; }

# what could not be sent: kept whole or not at all, and sent once in the end
spool() { KANDY_PROXY=http://127.0.0.1:1 "$@" "$KANDY_BIN" send --spool -t bob@sandbox.example -m "text-$serial." -a pw; }
posted() { grep -F "text-$serial." "$sandbox_record" | grep -c '"method":"POST"'; }
spool_run() { spool "$@"; }
spool_done() { grep -q '"event":"spooled"' "$out" && kandy flush -q >/dev/null 2>&1 && [ "$(posted)" = 1 ]; }
spool_after() { kandy flush -q >"$scratch/after" 2>&1 && [ "$(posted)" -le 1 ]; }
flush_run() { spool env >/dev/null 2>&1; "$@" "$KANDY_BIN" flush; }
flush_done() { [ "$(posted)" = 1 ]; }
flush_after() { kandy flush -q >"$scratch/after" 2>&1 && [ "$(posted)" = 1 ]; }

complain() { bad=$((bad + 1)); [ "$bad" -gt 5 ] || { diag "$scenario, $where: $1 (status $status)"; show "$err"; }; }

# once WHERE COMMAND...: one run of $scenario with COMMAND... before the program, and everything that must hold
once() {
	where=$1 serial=$((serial + 1))
	shift
	rm -rf state inbox list report
	[ "$scenario" = login ] || cp -r state0 state
	export XDG_STATE_HOME=$PWD/state
	"${scenario}_run" "$@" >"$out" 2>"$err"
	status=$?
	runs=$((runs + 1))
	if [ "$status" = 250 ] && [ "$(tail -n 1 report 2>/dev/null)" = openssl ]; then
		openssl=$((openssl + 1)) # inject.c says what that is
	elif [ "$status" -ge 125 ]; then
		complain 'it crashed'
	elif [ "$status" -ne 0 ]; then
		grep -q '^kandy: ' "$err" || complain 'no word about it'
		case $status in 1|6[4-9]|7[0-8]) ;; *) complain 'an odd exit status' ;; esac
	else
		"${scenario}_done" || complain 'success without a result'
	fi
	grep -qE 'AddressSanitizer|runtime error' "$err" && complain 'the sanitizer found something'
	[ -z "$(find state -name '*.tmp' -o -name '*corrupt*' 2>/dev/null)" ] || complain "left in the state: $(ls -A state/kandy)"
	# without memory there is no tidying up: as after a kill, the part stays; as it does where the next run goes on
	[ "$status" = 70 ] || jq -e 'any(.parts[]?; .error.retryable)' "$out" >/dev/null 2>&1 || [ -z "$(find inbox -name '*.part*' 2>/dev/null)" ] || complain "left in the inbox: $(ls -A inbox)"
	kandy whoami >"$scratch/who" 2>&1
	case $? in 0|77) ;; *) complain "the cache is unusable: $(cat "$scratch/who")" ;; esac
	! declare -F "${scenario}_after" >/dev/null || "${scenario}_after" || complain "afterwards: $(posted) sent, $(cat "$scratch/after")"
	[ "$scenario" = login ] || grep -q alice "$scratch/who" || complain 'the login is lost'
}

inject() { LD_PRELOAD=$scratch/inject.so KANDY_INJECT=$spec KANDY_INJECT_REPORT=$PWD/report "$@"; }

# sweep CALL ERRNO: each place where $scenario makes CALL
sweep() {
	local call=$1 error=$2 count step
	case " ${FAULT_CALLS:-$call} " in *" $call "*) ;; *) return ;; esac
	spec=$call:0:$error
	once "$call, none" inject
	count=$(tail -n 1 report)
	step=$((most && count > most ? (count + most - 1) / most : 1))
	for ((n = 1; n <= count; n++)); do
		# the last allocations are always tried: at the end files are replaced
		[ $(((n - 1) % step)) = 0 ] || { [ "$call" = malloc ] && [ "$n" -gt $((count - 4)) ]; } || continue
		spec=$call:$n:$error
		once "$call $n of $count fails with errno $error" inject
	done
}

limited() { ( ulimit -n "$limit"; exec "$@" ); }

for scenario in ${FAULT_COMMANDS:-login subscribe send batch spool flush listen fetch}; do
	bad=0 runs=0
	[ -n "$no_malloc" ] || { sweep malloc 12; sweep malloc-any 12; }
	sweep write 28
	sweep write 5
	sweep fsync 5
	sweep close 5
	sweep rename 5
	sweep open 30
	sweep open 24
	sweep mkdir 30
	sweep thread 11
	sweep fork 11
	sweep eventfd 24
	sweep epoll 24
	is "$bad" 0 "$scenario: $runs runs with a failure inside"
	total=$((total + runs))
	bad=0 runs=0
	for limit in 4 5 6 7 8 9 10 11 12 14 16 20; do
		once "$limit descriptors" limited
	done
	is "$bad" 0 "$scenario: $runs runs with too few descriptors"
	total=$((total + runs))
done

# what it says, not just that it says something
scenario=fetch
spec=fsync:2:28 once 'no space' inject # the first is the directory's, which was made
is "$status" 1 'a file that cannot be put on the disk: that file has failed'
json "$out" '[.parts[].error.kind]' '[null,"io"]' 'its part says so'
like "$err" "No space left on device" 'so does stderr'
scenario=listen
spec=write:1:28 once 'no space' inject
is "$status" 74 'output that cannot be written'
spec=fork:1:11 once 'no process' inject
is "$status" 75 'no process for the requests to be had: temporary'
like "$err" 'cannot start a process for requests: Resource temporarily unavailable' 'and why'
if [ -z "$no_malloc" ]; then
	spec=malloc:60:12 once 'no memory' inject
	is "$status $(cat "$err")" '70 kandy: out of memory' 'no memory: one line'
fi

# ---- disks ----

if mkdir disk && mount -t tmpfs -o size=128k,mode=700 tmpfs disk 2>/dev/null; then
	trap 'umount "$scratch/cwd/disk" 2>/dev/null; tap_cleanup' EXIT
	export XDG_STATE_HOME=$PWD/state0
	run_in lines kandy fetch-links -D disk/inbox
	is "$status $(jq -r '.parts[1].error.kind' "$out")" '1 io' 'a disk that is too small'
	is "$(ls -A disk/inbox)" '' 'nothing is left on it'
	head -c 200000 /dev/zero >disk/full 2>/dev/null
	run env XDG_STATE_HOME="$PWD/disk/state" kandy login -u alice@sandbox.example --password-file pw
	case $status in 73|74) ;; *) false ;; esac
	is $? 0 "a full disk for the token cache: status $status"
	like "$err" 'No space left on device' 'and why'
	rm -f disk/full
	run env XDG_STATE_HOME="$PWD/disk/state" kandy login -q -u alice@sandbox.example --password-file pw
	is "$status" 0 'with space again, it works'
	mount -o remount,ro disk
	run env XDG_STATE_HOME="$PWD/disk/state" kandy whoami
	is "$status" 0 'a cache that can only be read is good for reading'
	run env XDG_STATE_HOME="$PWD/disk/state" kandy login -u alice@sandbox.example --password-file pw
	is "$status" 73 'but not for a login'
	like "$err" 'Read-only file system' 'and why'
	run_in lines kandy fetch-links -D disk/inbox
	is "$status $(jq -r '.parts[1].error.kind' "$out")" '1 cannot-create' 'a directory that can only be read'
	run_in lines kandy fetch-links -D disk/other
	is "$status" 73 'and one that cannot be made'
	umount disk
else
	diag 'no tmpfs can be mounted here: full and read-only disks were tried by inject.c alone'
fi
[ "$openssl" = 0 ] || diag "$openssl times OpenSSL took the lock of a library context that could not be made"
cases faults "$total"
finish
