#!/usr/bin/env bash
# Man pages: one for every command, with every section, and nothing that mandoc finds fault with.
. "${0%/*}/../lib/tap.sh"

kandy help --emit json >listing
kandy help --emit man >kandy.1
for name in $(kandy help --emit commands); do kandy help --emit man "$name" >"kandy-$name.1"; done

for name in config json; do
	kandy help --emit "man-$name" >"kandy-$name.5"
	is "$(mandoc -T lint -W warning "kandy-$name.5" 2>&1)" '' "kandy-$name.5: mandoc has no warning"
	mandoc -T utf8 "kandy-$name.5" | col -bx >text
	unlike text $'\u2010' "kandy-$name.5: dashes can be copied into a shell"
done
for page in *.1; do
	is "$(mandoc -T lint -W warning "$page" 2>&1)" '' "$page: mandoc has no warning"
	mandoc -T utf8 "$page" | col -bx >text
	for section in NAME SYNOPSIS DESCRIPTION OPTIONS ENVIRONMENT FILES 'EXIT STATUS' EXAMPLES 'SEE ALSO'; do
		grep -qx "$section" text || missing+="$section "
	done
	is "${missing-}" '' "$page has all sections"
	missing=
	ok "$page fits 80 columns" test "$(sed '/^EXAMPLES/,/^SEE ALSO/d' text | wc -L)" -le 80
	unlike text $'\u2010' "$page: dashes can be copied into a shell"
done

for name in $(kandy help --emit commands); do
	mandoc -T ascii -O width=500 "kandy-$name.1" | col -bx >text
	while read -r option; do
		grep -qE -- "^ +(-., )?--$option( |\$)" text || missing+="--$option "
	done < <(jq -r --arg c "$name" '.commands[] | select(.name == $c) | .options[] | select(.option) | .name' listing)
	while read -r variable; do
		grep -qE -- "^ *$variable( |\$)" text || missing+="$variable "
	done < <(jq -r --arg c "$name" '.commands[] | select(.name == $c) | .options[] | select(.environment) | .environment' listing)
	while read -r line; do
		grep -qxF -- "$line" <(sed 's/^ *//' text) || missing+="($line) "
	done < <(jq -r --arg c "$name" '.commands[] | select(.name == $c) | .examples[].command | split("\n")[] | ltrimstr(" ")' listing)
	while read -r key; do
		grep -q -- "Configuration key: $key" text || missing+="key $key "
	done < <(jq -r --arg c "$name" '.commands[] | select(.name == $c) | .options[] | select(.config and .option) | .name' listing)
	is "$missing" '' "kandy-$name.1 has every option, variable, key and example"
	missing=
done

mandoc -T ascii kandy-fetch-links.1 | col -bx >text
like text 'is .[.].[.]  Environment: KANDY_OUTPUT_DIR' 'a default that is a dot stands in its quotes'

mandoc -T utf8 -O width=500 kandy-send.1 | col -bx >text
is "$(grep -c 'May be repeated' text)" 2 'a list option may be repeated, which is said once for each'
mandoc -T utf8 kandy.1 | col -bx >text
like text '^DELIVERY GUARANTEES$' 'kandy(1) has the delivery guarantees'
for name in send listen fetch-links 'listen --exec' 'send --spool and flush'; do
	sed -n '/^DELIVERY GUARANTEES/,/^ENVIRONMENT/p' text >guarantees
	like guarantees "^   $name\$" "kandy(1): guarantees of $name"
done
is "$(mandoc -T ascii -O width=500 kandy.1 | col -bx | sed -n '/^EXAMPLES/,/^SEE ALSO/p' | grep -cE '^ +[^ ].* \| kandy ')" 4 'kandy(1) has pipelines'
while read -r variable; do
	sed -n '/^ENVIRONMENT/,/^FILES/p' text | grep -qE "^ *$variable( |\$)" || missing+="$variable "
done < <(jq -r '[.commands[].options[] | .environment // empty] | unique[]' listing)
is "$missing" '' 'kandy(1) has every variable'

mandoc -T ascii -O width=500 kandy-config.5 | col -bx | sed -n '/^KEYS/,/^EXAMPLES/p' >text
missing=
while read -r key variable; do
	grep -A 1 -E "^ *$key = " text | grep -qF -- "Option --$key, variable $variable." || missing+="$key "
done < <(jq -r '[.commands[].options[] | select(.config) | "\(.name) \(.environment)"] | unique[]' listing)
is "$missing" '' 'kandy-config(5) has every key with its option and variable'
is "$(grep -cE '^ +[a-z-]+ = ' text)" "$(jq '[.commands[].options[] | select(.config) | .name] | unique | length' listing)" \
	'kandy-config(5) has each key once'

finish
