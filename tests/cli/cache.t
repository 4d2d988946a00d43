#!/usr/bin/env bash
# The token cache as a file: modes, corruption, full and read-only disks.
. "${0%/*}/../lib/tap.sh"
sandbox
dir=$HOME/.local/state/kandy cache=$HOME/.local/state/kandy/default.json
export KANDY_USERNAME=alice@sandbox.example
enter() { KANDY_PASSWORD=alice-secret kandy login -q >/dev/null; }

umask 000
enter
is "$(stat -c %a "$cache") $(stat -c %a "$dir")" '600 700' 'file and directory are private, whatever the umask'
is "$(find "$dir" -type f ! -perm 600 | wc -l)" 0 'all the others, too'
umask 022
is "$(jq -r .version "$cache")" 1 'it is JSON'

for mode in 644 640 660 604; do
	chmod $mode "$cache"
	run kandy whoami
	is "$status" 78 "mode $mode is refused"
	like "$err" "^kandy: whoami: '$cache' can be read or written by others \(mode 0$mode\); run 'chmod 600 $cache'\$" 'the error says what to do'
done
run kandy subscribe chat
is "$status" 78 'by every command'
before=$(jq -s length "$sandbox_record")
KANDY_PASSWORD=alice-secret run kandy login
is "$status $(jq -s length "$sandbox_record")" "78 $before" 'login, too, before anything is asked'
chmod 600 "$cache"
chmod 777 "$dir"
run kandy whoami
is "$status" 78 'a directory that others can write to'
like "$err" "run 'chmod 700 $dir'" 'the error says what to do'
chmod 700 "$dir"
mv "$cache" elsewhere && ln -s "$PWD/elsewhere" "$cache"
run kandy whoami
is "$status" 78 'a symbolic link in its place'
like "$err" 'is a symbolic link' 'is said to be one'
rm "$cache" && mv elsewhere "$cache"
run kandy whoami -p ../other
is "$status" 64 'a profile is no path'

# ---- corruption
damage() { # NAME COMMAND...: replaces the cache by the output of the command
	local name=$1
	shift
	enter
	rm -f "$dir"/*corrupt*
	"$@" <"$cache" >damaged
	cat damaged >"$cache"
	run kandy whoami
	is "$status" 77 "$name: counts as empty"
	like "$err" "warning: the token cache '$cache' is corrupt \(.*\); moved to '$cache.corrupt-[0-9]+'" "$name: quarantined"
	ok "$name: as it was" cmp damaged "$dir"/default.json.corrupt-*
	is "$(stat -c %a "$dir"/default.json.corrupt-*)" 600 "$name: still private"
	run kandy whoami
	is "$(wc -l <"$err")" 1 "$name: said once"
}
damage 'cut off' head -c 100
damage 'empty' head -c 0
damage 'binary' head -c 4096 /dev/urandom
damage 'not a session' echo '[]'
damage 'without a user' jq -c 'del(.userId)'
damage 'huge' head -c 2000000 /dev/zero
damage 'deep' sh -c 'yes [ | head -c 100000 | tr -d "\n"'
enter
is $? 0 'after which one can log in again'
jq -c '.version=2' "$cache" >newer && cat newer >"$cache"
run kandy whoami
is "$status" 78 'what a newer kandy wrote'
like "$err" 'written by a newer version of kandy' 'is left alone'
ok 'really' cmp newer "$cache"
rm "$cache"

# ---- a full disk: a limit on the file size fails in the same write(2)
full() { (trap '' XFSZ; ulimit -f 0; "$@" 2>&1 >/dev/null) | cat >"$err"; status=${PIPESTATUS[0]}; }
full env KANDY_PASSWORD=alice-secret kandy login
is "$status" 74 'a login that cannot be kept has failed'
like "$err" "cannot write '$cache\.tmp': " 'the reason is reported'
is "$(find "$dir" -name '*.tmp' | wc -l)" 0 'no rest of it is left'
enter
cp "$cache" whole
jq -c '.issued=1000|.expires=2000' "$cache" >aged && cat aged >"$cache"
full kandy subscribe --list
is "$status" 0 'a renewed token that cannot be kept serves its own process'
like "$err" 'warning: cannot save the new token: cannot write' 'a warning says so'
ok 'the cache is as it was' cmp aged "$cache"

# ---- no directory
XDG_STATE_HOME=$PWD/pw-file
echo >pw-file
export XDG_STATE_HOME
KANDY_PASSWORD=alice-secret run kandy login
is "$status" 73 'a file in the place of the directory'
like "$err" "cannot create the directory '$PWD/pw-file/kandy': Not a directory" 'is named'
XDG_STATE_HOME=/proc/none KANDY_PASSWORD=alice-secret run kandy login
is "$status" 73 'a place where nothing can be made'
finish
