# shellcheck shell=bash disable=SC2034,SC2154
# hostile.sh - functions for hostile.pl; source it after tap.sh.
#
#	hostile                    starts the server and logs in to it; sets $base and $asked (its requests, one a line)
#	hostile_foreign            starts a second one on another port; sets $foreign and $foreign_asked
#	part NAME SIZE LINK        a message line with one attachment
#	wanted BYTES               the bytes that the server has under /f/BYTES/...

hostile_start() { # NAME: its base URL comes into the file $scratch/NAME, its requests into $scratch/NAME.asked
	local fd
	mkfifo "$scratch/$1.stop"
	"$tests_dir/lib/hostile.pl" "$scratch/$1.asked" <"$scratch/$1.stop" >"$scratch/$1" 8>&- 9>&- &
	tap_pids+=("$!")
	exec {fd}>"$scratch/$1.stop"
	wait_for test -s "$scratch/$1" || { echo 'Bail out! the server did not start'; exit 1; }
}
hostile() {
	hostile_start hostile
	base=$(cat "$scratch/hostile")
	asked=$scratch/hostile.asked
	export KANDY_BASE_URL=$base KANDY_CLIENT_ID=some-client
	printf 'secret-of-eve\n' >"$HOME/pw"
	chmod 600 "$HOME/pw"
	kandy login -q -u eve@hostile.example --password-file "$HOME/pw" >/dev/null || { echo 'Bail out! no login'; exit 1; }
	: >"$asked"
}
hostile_foreign() {
	hostile_start foreign
	foreign=$(cat "$scratch/foreign")
	foreign_asked=$scratch/foreign.asked
	: >"$foreign_asked"
}
part() {
	printf '{"event":"message","messageId":"m-%s","parts":[{"type":"file","name":"%s","size":%s,"rawURL":"%s","url":null}]}\n' \
		"$1" "$1" "$2" "$3"
}
wanted() {
	perl -e 'my $u = join "", map { sprintf "%07d\n", $_ } 0 .. 8191; my $n = shift; print substr $u x (1 + $n / length $u), 0, $n' "$1"
}
