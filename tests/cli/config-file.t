#!/usr/bin/env bash
# Who may write a configuration file: it can name a command to run and where the password goes, so it is obeyed only where nobody but
# its user, or root, can have written it.
. "${0%/*}/../lib/tap.sh"

export KANDY_SYSTEM_CONFIG=$scratch/system-config
config=$HOME/.config/kandy/config
mkdir -p "${config%/*}"

sandbox
export KANDY_USERNAME=alice@sandbox.example
for mode in 600 644 640 400 755; do
	echo 'password-command = echo alice-secret' >"$config"
	chmod $mode "$config"
	run kandy login
	is "$status" 0 "mode $mode is fine"
	rm "$config"
done
requests=$(grep -c '' "$sandbox_record")
for mode in 666 664 602 620 777; do
	for file in "$config" "$KANDY_SYSTEM_CONFIG"; do
		echo "password-command = touch ran; echo alice-secret" >"$file"
		chmod $mode "$file"
		run kandy login
		is "$status" 78 "${file##*/}, mode $mode: 78"
		is "$(cat "$err")" "kandy: login: '$file' can be written by others (mode 0$mode); run 'chmod go-w $file'" 'the error names the file and says what to do'
		rm "$file"
	done
done
ok 'no command was run' test ! -e ran
is "$(grep -c '' "$sandbox_record")" "$requests" 'no request was sent'

# what the sentence says to do, done
echo 'password-command = echo alice-secret' >"$config"
chmod 666 "$config"
run kandy login
sh -c "$(sed -n "s/.*run '\(.*\)'\$/\1/p" "$err")"
run kandy login
is "$status" 0 "the chmod that it names helps"

# a link is fine: it is the file that counts
mv "$config" elsewhere
ln -s "$PWD/elsewhere" "$config"
run kandy login
is "$status" 0 'a symbolic link to a good file'
chmod 666 elsewhere
run kandy login
is "$status" 78 'a symbolic link to a file that others can write is refused'
rm "$config"

# commands that need no files, and those that say what is wrong
echo 'retry = 1' >"$config"
chmod 666 "$config"
for command in 'help login' version; do
	run kandy $command
	is "$status" 0 "kandy $command does not look at it"
done
run kandy sandbox -- true
is "$status" 0 'kandy sandbox does not look at it'
run kandy doctor
is "$status" 78 'doctor: 78'
json "$out" 'select(.name == "config" and .ok == false) | .text' "\"'$config' can be written by others (mode 0666); run 'chmod go-w $config'\"" 'doctor: the check of the configuration fails with the same sentence'
rm "$config"

KANDY_SYSTEM_CONFIG=/dev/null KANDY_PASSWORD=alice-secret run kandy login
is "$status" 0 '/dev/null is no configuration, and nobody changes it'

# another user's
if [ "$(id -u)" = 0 ]; then
	for file in "$config" "$KANDY_SYSTEM_CONFIG"; do
		echo 'password-command = echo alice-secret' >"$file"
		chown 65534 "$file"
		run kandy login
		is "$status $(cat "$err")" "78 kandy: login: '$file' belongs to another user; it must be yours or root's" "another user's ${file##*/}"
		rm "$file"
	done
	KANDY_PASSWORD=alice-secret kandy login -q >/dev/null
	cache=$HOME/.local/state/kandy/default.json
	chown 65534 "$cache"
	run kandy subscribe
	is "$status $(cat "$err")" "78 kandy: subscribe: '$cache' belongs to another user" 'a token cache of another user'
else
	diag 'only root can make a file of another user'
fi
finish
