#!/usr/bin/env bash
# kandy-json(5): each example is run on the sandbox, and its output has the keys that the page documents, with their types.
. "${0%/*}/../lib/tap.sh"

kandy help --emit json >listing
jq '.lines' listing >schema
kandy help --emit man-json >page

# What is wrong with the objects on stdin: unknown kinds, undocumented or missing keys, wrong types.
cat >check.jq <<'E2'
def has_type($types): type as $type | $types == "any" or any($types | split("|")[]; . == $type);
def faults($kind; $where):
	. as $line
	| ($kind.keys | map({ key: .name, value: . }) | from_entries) as $keys
	| (keys_unsorted[] | select($keys[.] == null) | "\($where): undocumented key \(.)"),
	  ($kind.keys[] | select(.optional | not) | .name | select(in($line) | not) | "\($where): missing key \(.)"),
	  (to_entries[] | select($keys[.key]) | .key as $key | select(.value | has_type($keys[$key].type) | not)
		| "\($where): \(.key) is not \($keys[.key].type) but \(.value | tojson)");
def nested($name): $schema[0] | map(select(.nested == $name))[0];
select(type == "object")
| . as $line | .event as $event | ($schema[0] | map(select(.event == $event))[0]) as $kind
| if $kind == null then "unknown event \($event)" else faults($kind; $event),
	(to_entries[] | select(.value | type == "array" or type == "object") | .key as $key | nested($key) as $part
		| select($part) | .value | if type == "array" then .[] else . end | faults($part; "\($event).\($key)")),
	(.parts[]? | select(.error) | .error | faults(nested("error"); "\($event).parts.error"))
  end
E2
check() { jq -r --slurpfile schema schema -f check.jq "$1" 2>&1 | sort -u; } # FILE

# the check finds what it is there to find
printf '%s\n' '{"event":"typing","type":"sms","destination":"x","address":null,"sender":"x","direction":"inbound","bogus":1}' >bad
is "$(check bad | xargs)" 'typing: destination is not array but x typing: missing key state typing: undocumented key bogus' \
	'the check finds undocumented, missing and wrong keys'
is "$(echo '{"event":"nonsense"}' >bad; check bad)" 'unknown event nonsense' 'the check finds unknown kinds'

jq -r '.[].line // empty' schema >lines
is "$(check lines)" '' 'the lines in kandy-json(5) match its tables'
ok 'kandy-json(5) shows lines' test -s lines
is "$(jq -r '.[] | .event // .nested | select(test("^[A-Za-z-]+$") | not)' schema)" '' 'every entry has a name'
while read -r name; do like page "^\\.It Cm \"$name\"\$" "kandy-json(5) describes the key $name"; done < <(jq -r '[.[].keys[].name] | unique[] | gsub("-"; "\\\\-")' schema)

sandbox
printf 'the picture\n' >"$scratch/picture.png"
new_home() {
	rm -rf "$HOME"
	mkdir "$HOME"
	printf 'alice-secret\n' | kandy login -q -u alice@sandbox.example --password-stdin >/dev/null
	kandy subscribe -q chat >/dev/null
	printf 'bob-secret\n' | kandy login -q -p bob -u bob@sandbox.example --password-stdin >/dev/null
	kandy send -q -p bob -t alice@sandbox.example -m hello -a "$scratch/picture.png" >/dev/null
}
count=$(jq length schema)
for ((i = 0; i < count; i++)); do
	event=$(jq -r --argjson i "$i" '.[$i].event // empty' schema)
	example=$(jq -r --argjson i "$i" '.[$i].example // empty' schema)
	[ -n "$example" ] || continue
	new_home
	mkdir "$i"
	cp "$scratch/picture.png" "$i"
	(cd "$i" && exec timeout "$patience" bash -c "$example") </dev/null >"$out" 2>"$err"
	ok "$example: prints a line '$event'" jq -es --arg e "$event" 'any(.[]; .event == $e)' "$out"
	is "$(check "$out")" '' "$event: its keys are those in kandy-json(5)"
done

# kinds that take two, and the variants of the others
new_home
kandy subscribe -q chat >subscribed
kandy listen --events --idle 5s >heard 2>"$err" & listener=$!
wait_for grep -q '"connected"' heard
kandy typing -p bob alice@sandbox.example >>"$out"
group=$(kandy group create -p bob --name team alice@sandbox.example | tee -a "$out" | jq -r .address)
wait_for grep -q '"invitation"' heard
kandy group join "$group" >>"$out"
kandy send -p bob -t "$group" -m hello >>"$out"
kandy group delete -p bob "$group" >>"$out"
wait "$listener"
for event in connection typing invitation message; do
	ok "listen prints a line '$event'" jq -es --arg e "$event" 'any(.[]; .event == $e)' heard
done
is "$(check heard)" '' 'every line of listen is in kandy-json(5)'
is "$(check "$out")" '' 'typing and group, too'
kandy listen --once --since all --exec-shell --exec 'exit 1' --exec-retries 0 --dead-letter dead >/dev/null 2>"$err"
ok 'there is a dead letter' test -s dead
is "$(check dead)" '' 'a dead letter is in kandy-json(5)'
kandy history bob@sandbox.example | kandy fetch-links -D inbox >"$out"
is "$(check "$out")" '' 'a message after fetch-links is in kandy-json(5)'
kandy send -q --jsonl --dry-run <<<'{"to":"bob@sandbox.example","text":"x","ref":[1]}' >"$out"
kandy unsubscribe >>"$out"
kandy logout >>"$out"
is "$(check "$out")" '' 'unsubscribe and logout, too'

finish
