#!/usr/bin/env bash
# The README: its ```sh blocks run in their order, in a shell of the sandbox; what it names exists.
. "${0%/*}/../lib/tap.sh"
readme=$top_dir/README.md

blocks() { # KIND: the blocks fenced with it, one after the other
	sed -n "/^\`\`\`$1\$/,/^\`\`\`\$/p" "$readme" | grep -v '^```'
}
kandy help --emit json >listing

blocks sh >tour.sh
ok 'there is a tour' test -s tour.sh
sandbox
timeout $((2 * patience)) bash -e -x -o pipefail tour.sh </dev/null >"$out" 2>"$err"
is $? 0 'the tour runs from its first line to its last'
like "$out" '"event":"sent"' 'something was sent'
like "$out" 'nightly report' 'the message was received'
ok 'its attachment arrived' cmp report.csv inbox/report.csv
unlike "$err" '^kandy: ' 'the tour prints no warning and no error'

# options and commands that stand in code exist
wrong=
while read -r option; do
	jq -e --arg o "$option" '[.commands[].options[].name, .commands[].options[].name as $n | "no-" + $n] | index($o)' listing >/dev/null ||
		wrong+="--$option "
done < <(grep -oE 'kandy [^`|]*' "$readme" | grep -oE -- '--[a-z][a-z-]+' | sed 's/^--//' | sort -u | grep -vxE 'help|version')
is "$wrong" '' 'every option that it uses exists'
wrong=
while read -r name; do
	kandy help --emit commands | grep -qx "$name" || wrong+="$name "
done < <(grep -oE '(^|[|`&(] *|&& )kandy [a-z][a-z-]+' "$readme" | grep -oE '[a-z-]+$' | sort -u)
is "$wrong" '' 'every command that it uses exists'
is "$(blocks json | jq -e . >/dev/null 2>&1; echo $?)" 0 'its JSON is JSON'

# configuration that it shows is accepted
# (the units of systemd are ini, too)
blocks ini | awk '/^# kandy-flush/ || /^$/ { next } /^\[/ { unit = /^\[(Service|Timer|Install)\]/ } /^base-url/ { unit = 0 } !unit' >"$scratch/readme-config"
ok 'there is a configuration' grep -q = "$scratch/readme-config"
unlike "$scratch/readme-config" 'ExecStart|OnCalendar|WantedBy' 'the configuration has no lines of systemd units'
ok 'there is a timer for kandy flush' grep -q '^OnCalendar=' "$readme"
ok 'there is a service for the timer' grep -qE '^ExecStart=/[a-z/]*kandy flush -q$' "$readme"
KANDY_SYSTEM_CONFIG=$scratch/readme-config run kandy whoami
unlike "$err" "$scratch/readme-config" 'the configuration that it shows is understood'

# exit statuses: the same as the table of the program
codes=$(sed -n '/^## Exit statuses/,/^## /p' "$readme" | grep -oE '^\| [0-9, ]+' | grep -oE '[0-9]+' | sort -n | xargs)
is "$codes" "$(jq -r '.exitCodes[].code' listing | sort -nu | xargs)" 'it tells the exit codes that there are'

finish
