#!/usr/bin/env bash
# Man pages: one for every command, with every section, and nothing that mandoc finds fault with.
. "${0%/*}/../lib/tap.sh"

kandy help --emit json >listing
kandy help --emit man >kandy.1
for name in $(kandy help --emit commands); do kandy help --emit man "$name" >"kandy-$name.1"; done

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
		grep -q -- "May be set as $key in a configuration file" text || missing+="key $key "
	done < <(jq -r --arg c "$name" '.commands[] | select(.name == $c) | .options[] | select(.config and .option) | .name' listing)
	is "$missing" '' "kandy-$name.1 has every option, variable, key and example"
	missing=
done

mandoc -T ascii kandy-fetch-links.1 | col -bx >text
like text 'default is .[.].[.]' 'a default that is a dot stands in its quotes'

mandoc -T utf8 -O width=500 kandy-send.1 | col -bx >text
is "$(grep -c 'given several times' text) $(grep -c 'given many times' text)" '2 0' 'that there may be several is told once of each option'
mandoc -T utf8 kandy.1 | col -bx >text
is "$(sed -n '/^EXAMPLES/,/^SEE ALSO/p' text | grep -xE '   [a-z-]+' | xargs)" "$(jq -r '[.commands[].name] | join(" ")' listing)" \
	'kandy(1): each example stands under the name of its command'
while read -r key; do
	sed -n '/^CONFIGURATION/,/^ENVIRONMENT/p' text | grep -qE "^ *$key( |\$)" || missing+="$key "
done < <(jq -r '[.commands[].options[] | select(.config) | .name] | unique[]' listing)
is "$missing" '' 'kandy(1) has every configuration key'
missing=
while read -r variable; do
	sed -n '/^ENVIRONMENT/,/^FILES/p' text | grep -qE "^ *$variable( |\$)" || missing+="$variable "
done < <(jq -r '[.commands[].options[] | .environment // empty] | unique[]' listing)
is "$missing" '' 'and every variable'

finish
