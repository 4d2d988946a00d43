#!/usr/bin/env bash
# Makes every call that can fail (inject.c has the list) fail in turn, kills processes there, and lets descriptors and disks run out.
# Each time, kandy must report a clean error with the right exit status; token cache, checkpoint, spool and output directory must be
# intact, no temporary file may stay, and nothing may be lost. No file may get its final name before it was synced to disk.
#
#	FAULT_RUNS=N   at most N places of each kind for each command (default 5; with sanitizers 1, another one, and no kills,
#	               because a sanitizer reports nothing about a killed process; 0: all places)
#	FAULT_COMMANDS="send fetch"   only these commands
#	FAULT_CALLS="malloc write"    only these calls. (All places take twenty minutes, so set TEST_TIMEOUT=3600; malloc-any has
#	                              a hundred thousand of them.)
. "${0%/*}/../lib/tap.sh"
export KANDY_SETTLE_TIME=60ms
sanitized=
is_sanitized && sanitized=yes
most=${FAULT_RUNS:-${sanitized:+1}}
most=${most:-5}
runs=0 total=0 serial=0 openssl=0 killed=

"${CC:-cc}" -std=c11 -O1 -fno-omit-frame-pointer -shared -fPIC -o "$scratch/inject.so" "$tests_dir/fault/inject.c" -ldl ||
	{ echo 'Bail out! inject.c does not compile'; exit 1; }
# clang puts its sanitizers' malloc into the program itself, where nothing can stand before it
own_malloc=
nm -D --defined-only "$KANDY_BIN" | grep -q ' [TW] malloc$' && own_malloc=yes
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0:detect_leaks=0"
sandbox --token-life 24h # longer than this runs, however slow the machine is
# After a failed allocation OpenSSL may refuse every connection until the process ends, and a listener would reconnect forever.
# The time is also the limit for the first connection, so it must be long enough for a busy machine.
export KANDY_RETRY=0 KANDY_RETRY_DELAY=10ms KANDY_MAX_OFFLINE=10s

# ---- what each call fails with, and which calls a command is known to make: else there would be nothing to fail ----

errors='malloc:12 malloc-any:12 write:28,5 fsync:5 fdatasync:5 ftruncate:5 close:5 mkdir:30 open:30,24 rename:5 renameat:5
	renameat2:5 link:1,28 unlink:13 thread:11 fork:11 spawn:11 dup2:16 pipe2:24 socketpair:24 memfd:24 eventfd:24 epoll:24'
# with !: one of its failures must be noticed, by another exit status than without it; if need be, all places are tried for that
always='malloc! malloc-any write! close open! eventfd'
declare -A calls=(
	[login]='fsync! mkdir! rename!'
	[command]='fsync! mkdir! rename! spawn! pipe2!'
	[subscribe]='fsync! mkdir! rename!'
	[send]=''
	[batch]='ftruncate!'
	[spool]='fsync! mkdir! rename! link'
	[flush]='fsync! mkdir! rename! unlink'
	[listen]='fsync ftruncate! mkdir! rename fork dup2 socketpair epoll!'
	[exec]='fsync fdatasync! ftruncate! mkdir! rename fork dup2! pipe2! socketpair memfd epoll!'
	[fetch]='fsync! mkdir! renameat2! unlink thread! epoll!'
	[clobber]='fsync! mkdir! renameat! unlink thread! epoll!'
	[cut]='mkdir! thread epoll!'
	[resume]='fsync! ftruncate! mkdir! link! unlink thread! epoll!'
)

# ---- what is run, and what must hold afterwards ----

printf 'alice-secret\n' >pw
chmod 600 pw
head -c 300000 /dev/urandom >one.bin
head -c 200000 /dev/urandom >two.bin
export XDG_STATE_HOME=$PWD/state0
kandy login -q -u alice@sandbox.example --password-file pw >/dev/null
kandy subscribe -q chat >/dev/null
kandy listen --once >nothing
as bob kandy send -q -t alice@sandbox.example -m 'for the history' -a one.bin >/dev/null
as bob kandy send -q -t alice@sandbox.example -m 'and one more' -a two.bin >/dev/null
cp -r state0 state
XDG_STATE_HOME=$PWD/state kandy listen --once >lines
is "$(cat nothing; jq -c '[.parts[].type]' lines)" $'["text","file"]\n["text","file"]' 'setup: there are messages for the listener'
echo old >old
cat >take <<'END'
#!/bin/sh
case $KANDY_TEXT in *more) exit 1 ;; esac
exec cat >>taken
END
chmod +x take
# what an earlier run has left of both files: of one, and of something else with the other's name
control '{"do":"fault","fault":"GET payload 1-2:cut/100000"}'
kandy fetch-links -q -D inbox0 <lines >/dev/null 2>&1
control '{"do":"clear-faults"}'
head -c 100000 /dev/urandom >inbox0/two.bin.part
sed -i 's/"validator":"[^,}]*"/"validator":"\\"other\\""/' inbox0/two.bin.part.info
is "$(cmp <(head -c 100000 one.bin) inbox0/one.bin.part && grep -c other inbox0/two.bin.part.info)" 1 'setup: there are partial files to resume'

# NAME_run: the command, in the state directory `state`; NAME_done: what success means; NAME_after: what holds in any case
login_run() { "$@" "$KANDY_BIN" login -u alice@sandbox.example --password-file pw; }
login_done() { grep -q '"loggedIn":true' "$out" && kandy whoami | grep -q alice; }
command_run() { "$@" "$KANDY_BIN" login -u alice@sandbox.example --password-command 'cat pw'; }
command_done() { login_done; }
subscribe_run() { "$@" "$KANDY_BIN" subscribe chat; }
subscribe_done() { [ -s "$out" ]; }
send_run() { "$@" "$KANDY_BIN" send -t bob@sandbox.example -m hello -a one.bin; }
send_done() { grep -q '"status":"Sent"' "$out"; }
batch_run() { printf '{"to":"bob@sandbox.example","text":"%s"}\n' 1 2 3 | "$@" "$KANDY_BIN" send --jsonl --failed failed; }
batch_done() { [ "$(grep -c '"status":"Sent"' "$out")" = 3 ] && [ ! -s failed ]; }

# what could not be sent: kept whole or not at all, and sent once to each of the two in the end
spool() {
	KANDY_PROXY=http://127.0.0.1:1 "$@" "$KANDY_BIN" send --spool -t bob@sandbox.example -t carol@sandbox.example -m "text-$serial." -a pw
}
posted() { grep -F "text-$serial." "$sandbox_record" | grep -c "\"POST\".*oneToOne/$1@"; }
sent() { echo "$(posted bob) $(posted carol)"; }
flushed() {
	kandy flush -q >"$scratch/after" 2>&1 || complain "what was spooled cannot be sent: $(cat "$scratch/after")"
	[[ $(sent) =~ ^$1$ ]] || complain "sent: $(sent) times"
	[ -z "$(kandy spool)" ] || complain "left in the spool: $(kandy spool)"
}
spool_run() { spool "$@"; }
spool_done() { [ "$(grep -c '"event":"spooled"' "$out")" = 2 ] && kandy flush -q >/dev/null 2>&1 && [ "$(sent)" = '1 1' ]; }
spool_after() { flushed '[01] [01]'; }
flush_run() { spool env >/dev/null 2>&1; "$@" "$KANDY_BIN" flush; }
flush_done() { [ "$(sent)" = '1 1' ]; }
flush_after() { flushed '1 1'; }

# what was not taken is had from the next one
missing() { sort -u "$@" | comm -23 <(sort lines) -; }
listen_run() { "$@" "$KANDY_BIN" listen --once; }
listen_done() { cmp -s "$out" lines; }
listen_after() {
	kandy listen -q --once >again 2>"$scratch/after" || complain "the next one fails: $(cat "$scratch/after")"
	[ -z "$(missing "$out" again)" ] || complain "lost: $(missing "$out" again)"
	[ "$status" != 0 ] || [ ! -s again ] || complain "comes twice: $(cat again)"
}
# the command takes the one and refuses the other
# (jq takes longer to start than all the rest)
ids() { grep -oh '"messageId":"[^"]*"' "$@" 2>/dev/null; }
handed() { ids taken dead | sort "$@"; }
exec_run() { "$@" "$KANDY_BIN" listen --once --exec ./take --exec-retries 0 --dead-letter dead; }
exec_after() {
	[ "$status" -gt 1 ] || [ "$(handed)" = "$(ids lines | sort)" ] || complain "not each one once: $(cat taken dead)"
	kandy listen -q --once --exec ./take --exec-retries 0 --dead-letter dead >/dev/null 2>"$scratch/after"
	case $? in 0|1) ;; *) complain "the next one fails: $(cat "$scratch/after")" ;; esac
	[ "$(handed -u)" = "$(ids lines | sort)" ] || complain "lost: $(cat taken dead)"
}

# a file that is not whole has not its name, and the next run has it
whole() { local name=${1##*/}; cmp -s "$1" "${name%%[-.]*}.bin"; }
both_whole() { whole inbox/one.bin && whole inbox/two.bin; }
fetch_run() { "$@" "$KANDY_BIN" fetch-links -D inbox --manifest list <lines; }
fetch_done() { both_whole && [ "$(wc -l <list)" = 2 ]; }
fetch_after() {
	local file
	for file in inbox/*.bin; do [ ! -e "$file" ] || whole "$file" || complain "not whole: $file"; done
	kandy fetch-links -q -D inbox <lines >again 2>"$scratch/after" || complain "the next one fails: $(cat "$scratch/after")"
	for file in $(sed -n 's/.*"path":"\([^"]*\)".*/\1/p' again); do whole "$file" || complain "the next one is not whole: $file"; done
	# a part that died before its note was written may be anybody's
	! is_there 'inbox/*.part*' || [ "$killed" ] || [ "$status" = 70 ] || [ "$call" = unlink ] || complain "the next one leaves: $(ls inbox)"
}
clobber_run() { mkdir inbox && cp old inbox/one.bin && "$@" "$KANDY_BIN" fetch-links --clobber -D inbox <lines; }
clobber_done() { both_whole; }
clobber_after() { whole inbox/one.bin || cmp -s inbox/one.bin old || complain 'neither the old file nor the new one'; }
cut_run() { control '{"do":"fault","fault":"GET payload *:cut/100000"}'; "$@" "$KANDY_BIN" fetch-links -j 1 -D inbox <lines; }
cut_after() { control '{"do":"clear-faults"}'; fetch_after; }
# on a file system without renameat2(2)
resume_run() { cp -r inbox0 inbox; KANDY_INJECT_ALSO=renameat2:22 "$@" "$KANDY_BIN" fetch-links -j 1 -D inbox <lines; }
resume_done() { both_whole; }
resume_after() { fetch_after; }
# Where its process is killed instead: whatever has an effect outside, or takes one in. What it does between two of these cannot be
# seen from anywhere, so they stand for every moment.
deadly='write fsync fdatasync ftruncate mkdir open rename renameat renameat2 link unlink send recv'
declare -A plain_status=([exec]=1 [cut]=1) # without a failure; else 0

complain() { bad=$((bad + 1)); [ "$bad" -gt 5 ] || { diag "$scenario, $where: $1 (status $status)"; show "$err"; }; }

check_cache() {
	"$KANDY_BIN" whoami >"$scratch/who" 2>&1
	case $? in 0|77) ;; *) complain "the cache is unusable: $(cat "$scratch/who")" ;; esac
	case $scenario in login|command) ;; *) [[ $(<"$scratch/who") == *alice* ]] || complain 'the login is lost' ;; esac
}

is_there() { local pattern; for pattern; do ! compgen -G "$pattern" >/dev/null || return 0; done; false; }

# parts_may_stay: where there is no tidying up (no memory, as after a kill; files that cannot be removed), and what is gone on with
parts_may_stay() {
	# neither a full disk nor a reader that has gone takes away what was downloaded
	[[ $where == *' errno 28' || $(<"$err") == *'cannot write the output'* ]] && return
	[ "$killed" ] || [ "$status" = 70 ] || [ "$call" = unlink ] || [ "$scenario" = resume ] || [ "$scenario" = cut ] ||
		jq -es 'any(.[].parts[]?; .error.retryable)' "$out" >/dev/null 2>&1
}

# once WHERE COMMAND...: one run of $scenario with COMMAND... before the program, and everything that must hold
once() {
	where=$1 serial=$((serial + 1))
	shift
	rm -rf state inbox list report taken dead failed
	[ "$scenario" = login ] || [ "$scenario" = command ] || cp -r state0 state
	export XDG_STATE_HOME=$PWD/state
	"${scenario}_run" "$@" >"$out" 2>"$err"
	status=$?
	runs=$((runs + 1))
	if [ "$status" = 250 ] && [ "$(tail -n 1 report 2>/dev/null)" = openssl ]; then
		openssl=$((openssl + 1)) # inject.c says what that is
	elif [ "$status" = 137 ] && [ "$killed" ]; then
		:
	elif [ "$status" -ge 125 ]; then
		complain 'it crashed'
	elif [ "$status" -ne 0 ]; then
		[[ $'\n'$(<"$err") == *$'\nkandy: '* ]] || complain 'no word about it'
		case $status in 1|6[4-9]|7[0-8]) ;; *) complain 'an odd exit status' ;; esac
	else
		"${scenario}_done" || complain 'success without a result'
	fi
	[[ $(<"$err") != *@(AddressSanitizer|runtime error)* ]] || complain 'the sanitizer found something'
	[[ ! -e report || $(<report) != *unsynced* ]] || complain "not on the disk: $(grep unsynced report)"
	[ "$call" = unlink ] || [ "$killed" ] || ! is_there 'state/kandy/*.tmp' 'state/kandy/*corrupt*' 'state/kandy/*.spool/*/*/*.tmp' || complain "left in the state: $(ls -A state/kandy)"
	! is_there 'inbox/*.part*' || parts_may_stay || complain "left in the inbox: $(ls -A inbox)"
	cmp -s state/kandy/default.json state0/kandy/default.json || check_cache
	! declare -F "${scenario}_after" >/dev/null || "${scenario}_after"
}

inject() { LD_PRELOAD=$scratch/inject.so KANDY_INJECT=$spec KANDY_INJECT_REPORT=$PWD/report "$@"; }
was_fired() { [ -e report ] && [[ $'\n'$(<report)$'\n' == *$'\nfired\n'* ]]; }
# places FILE: how often $call was made, in $places
places() {
	local name number
	places=0
	while read -r name number; do [ "$name" != "$call" ] || places=$number; done <"$1"
}

# fail_at N ERRNO: the Nth $call of $scenario
fail_at() {
	local n=$1 try killed='' how="fails with errno $2"
	[ "$2" != 0 ] || killed=yes how='is where it is killed'
	# how often something is called may depend on the pieces in which bytes come
	for try in 1 2 3; do
		spec=$call:$n:$2
		once "$call $n of $count $how" inject
		was_fired || continue
		[ "$status" = "$plain" ] || noticed=yes
		return
	done
	places report
	[ "$n" -gt 1 ] && [ "$places" -lt "$n" ] || complain 'it was not made to fail'
}

# fail_each ERRNO...: each place where $scenario makes $call; where not all of them are tried, with one of the errors
fail_each() {
	local either=("$@") count=$places step first n error tried=0 noticed=
	step=$((most && count > most ? (count + most - 1) / most : 1))
	first=$((${sanitized:+step / 2} + 0))
	for ((n = 1; n <= count; n++)); do
		# the last allocations are always tried: at the end files are replaced
		[ $(((n - 1) % step)) = "$first" ] || { [ "$call" = malloc ] && [ "$n" -gt $((count - 4)) ]; } || continue
		for error in "${either[@]}"; do
			[ "$most" != 0 ] && [ "$error" != "${either[tried % ${#either[@]}]}" ] || fail_at "$n" "$error"
		done
		tried=$((tried + 1))
	done
	[[ " $known " == *" $call! "* ]] || return
	for ((n = 1; n <= count; n++)); do
		[ -z "$noticed" ] || return
		fail_at "$n" "${either[0]}"
	done
	[ "$noticed" ] || complain "$call failed in vain, nothing noticed it"
}

# kill_each: the same with a death in every place
kill_each() {
	local call places count n most=$most
	[ "$most" = 0 ] || most=$((most * 3))
	case $scenario in spool|flush) most=0 ;; esac # those that are there for it
	for call in $deadly; do
		places counts
		known=
		! wanted || [ "$places" = 0 ] || fail_each 0
	done
}

wanted() { case " ${FAULT_CALLS:-$call} " in *" $call "*) [ -z "$own_malloc" ] || [[ $call != malloc* ]] ;; *) false ;; esac; }

sweep() {
	local pair list call=none known="$always ${calls[$scenario]}"
	spec=malloc:0:0
	once 'nothing fails' inject
	[ "$status" = "$plain" ] || complain 'it does not work'
	! grep -q unlisted report || complain 'a name is not on the disk'
	mv report counts
	for call in $known; do
		call=${call%!}
		places counts
		! wanted || [ "$places" -gt 0 ] || complain "no $call that could fail"
	done
	for pair in $errors; do
		call=${pair%:*}
		places counts
		IFS=, read -ra list <<<"${pair#*:}"
		! wanted || [ "$places" = 0 ] || fail_each "${list[@]}"
	done
}

# Descriptors that this script has inherited or opened would count against the limit.
limited() {
	(
		for fd in /proc/"$BASHPID"/fd/*; do
			fd=${fd##*/}
			[ "$fd" -le 2 ] || exec {fd}>&-
		done
		ulimit -n "$limit"
		export KANDY_MAX_OFFLINE=1s # whether it connects or not, it must end cleanly
		exec "$@"
	)
}

for scenario in ${FAULT_COMMANDS:-login command subscribe send batch spool flush listen exec fetch clobber cut resume}; do
	bad=0 runs=0 plain=${plain_status[$scenario]:-0}
	sweep
	is "$bad" 0 "$scenario: $runs runs with a failure inside"
	total=$((total + runs))
	if [ -z "$sanitized" ]; then
		bad=0 runs=0
		kill_each
		is "$bad" 0 "$scenario: $runs runs that were killed"
		total=$((total + runs))
	fi
	bad=0 runs=0 call=none
	for limit in 4 5 6 7 8 9 10 12 16; do
		once "$limit descriptors" limited
	done
	is "$bad" 0 "$scenario: $runs runs with too few descriptors"
	total=$((total + runs))
done

# what it says, not just that it says something
bad=0 scenario=fetch
spec=fsync:2:28 once 'no space' inject # the first is the directory's, which was made
is "$status" 1 'fsync fails: the exit status is 1'
is "$(jq -r '.parts[].error.kind // empty' "$out")" io 'fsync fails: the part has an io error'
like "$err" "No space left on device" 'stderr names the reason'
# a large one is on its way to the disk all the time: what fails there is told once, and not by fsync(2)
scenario=large
head -c 34000000 /dev/urandom >large.bin
as bob kandy send -q -t alice@sandbox.example -m large -a large.bin >/dev/null
XDG_STATE_HOME=$PWD/state0 kandy history -n 1 bob@sandbox.example >large
large_run() { "$@" "$KANDY_BIN" fetch-links -D inbox <large; }
large_done() { cmp -s inbox/large.bin large.bin; }
large_after() { [ "$status" = 0 ] || ! is_there inbox/large.bin* || complain 'it is there'; }
spec=aio_error:1:5 once 'the disk' inject
is "$status $(jq -r '.parts[].error.kind // empty' "$out")" '1 io' 'background sync fails: the part has an io error'
like "$err" "cannot write 'large.bin': Input/output error" 'background sync fails: stderr names the reason'
spec=aio_fsync:1:11 once 'nothing in the background' inject
is "$status" 0 'no background sync: the file is synced at the end'
scenario=listen
unset KANDY_MAX_OFFLINE
spec=write:1:28 once 'no space' inject
is "$status" 74 'listen: output that cannot be written gives 74'
spec=fork:1:11 once 'no process' inject
is "$status" 75 'listen: no worker process gives 75'
like "$err" 'cannot start the request process: Resource temporarily unavailable' 'listen: the error names the missing process'
if [ -z "$own_malloc" ]; then
	spec=malloc:60:12 once 'no memory' inject
	is "$status $(cat "$err")" '70 kandy: out of memory' 'listen: out of memory prints one line'
fi
is "$bad" 0 'these failures leave everything else intact'

# ---- disks ----

if mkdir disk && mount -t tmpfs -o size=128k,mode=700 tmpfs disk 2>/dev/null; then
	trap 'umount "$scratch/cwd/disk" 2>/dev/null; tap_cleanup' EXIT
	export XDG_STATE_HOME=$PWD/state0
	run_in lines kandy fetch-links -D disk/inbox
	is "$status $(jq -r '.parts[1].error.kind' "$out" | xargs)" '1 io io' 'a disk that is too small: both parts have an io error'
	is "$(ls -A disk/inbox)" '' 'a disk that is too small: no file is left'
	head -c 200000 /dev/zero >disk/full 2>/dev/null
	run env XDG_STATE_HOME="$PWD/disk/state" kandy login -u alice@sandbox.example --password-file pw
	case $status in 73|74) ;; *) false ;; esac
	is $? 0 "a full disk for the token cache: status $status"
	like "$err" 'No space left on device' 'a full disk for the token cache: the error names the reason'
	rm -f disk/full
	run env XDG_STATE_HOME="$PWD/disk/state" kandy login -q -u alice@sandbox.example --password-file pw
	is "$status" 0 'login works again when there is space'
	mount -o remount,ro disk
	run env XDG_STATE_HOME="$PWD/disk/state" kandy whoami
	is "$status" 0 'whoami reads a read-only token cache'
	run env XDG_STATE_HOME="$PWD/disk/state" kandy login -u alice@sandbox.example --password-file pw
	is "$status" 73 'login refuses a read-only token cache'
	like "$err" 'Read-only file system' 'login: the error names the read-only file system'
	run_in lines kandy fetch-links -D disk/inbox
	is "$status $(jq -r '.parts[1].error.kind' "$out" | xargs)" '1 cannot-create cannot-create' 'a read-only output directory: both parts fail'
	run_in lines kandy fetch-links -D disk/other
	is "$status" 73 'an output directory that cannot be created gives 73'
	umount disk
else
	diag 'no tmpfs can be mounted here: full and read-only disks were tried by inject.c alone'
fi
[ "$openssl" = 0 ] || diag "$openssl times OpenSSL took the lock of a library context that could not be made"
cases faults "$total"
finish
