#!/usr/bin/env bash
# send.sh - startup, one message and many messages, compared with curl and a minimal libcurl loop.
. "${0%/*}/../lib/bench.sh"
. "$lib_dir/nginx.sh"
certificates
nginx_start

many=10000
to=bob@bench.example
printf 'Authorization: Bearer %s\n' "$nginx_token" >"$scratch/bearer"
printf '{"chatMessage":{"text":"hello"}}' >"$scratch/body"
curl_post="curl -s -o /dev/null -H @$scratch/bearer -H Content-Type:application/json -H Accept:application/json -d @$scratch/body"
echo some-password >"$scratch/password" && chmod 600 "$scratch/password"
"$KANDY" login -q --base-url "$nginx_url" --cacert "$ca" --client-id bench -u alice@bench.example --password-file "$scratch/password" \
	>/dev/null || fail 'cannot log in to nginx'

heading 'start'
rounds 10 20 help "$KANDY --help" version 'curl --version'
row '--help / curl --version, ms' "${ms[help]}" "${ms[version]}" "$(calc "${ms[help]}/${ms[version]}")" '<=1'

heading 'one message, whole process'
kandy_send="$KANDY send -q -t $to -m hello"
rounds 10 10 kandy-system "$kandy_send --cacert $hashed" curl-system "$curl_post --cacert $bundle $nginx_messages" \
	kandy-one "$kandy_send --cacert $ca" curl-one "$curl_post --cacert $ca $nginx_messages"
row "the system's certificates, ms" "${ms[kandy-system]}" "${ms[curl-system]}" "$(calc "${ms[kandy-system]}/${ms[curl-system]}")" '<=0.5'
row 'one certificate, ms' "${ms[kandy-one]}" "${ms[curl-one]}" "$(calc "${ms[kandy-one]}/${ms[curl-one]}")" '<=1.2'
instructions kandy-one $kandy_send --cacert "$ca"
instructions curl-one $curl_post --cacert "$ca" "$nginx_messages"
row 'one certificate, million instructions' "$(calc "${instructions[kandy-one]}/1e6" %.1f)" "$(calc "${instructions[curl-one]}/1e6" %.1f)" \
	"$(calc "${instructions[kandy-one]}/${instructions[curl-one]}")"

heading "$many messages, --jsonl -j 8" 'kandy, 1/s' 'beside it, 1/s'
# to 100 recipients, because messages to one recipient are sent one at a time
messages() { jq -nc "range($1) | {to: \"user\\(. % 100)@bench.example\", text: \"message number \\(.) of many\"}"; }
messages "$many" >"$scratch/messages.jsonl"
messages 2000 >"$scratch/messages.2000" && messages 1000 >"$scratch/messages.1000"
for ((i = 0; i < many; i++)); do
	[ "$i" -eq 0 ] || echo next
	printf 'url = "%s"\nheader = "@%s"\nheader = "Content-Type: application/json"\ndata = "{\\"chatMessage\\":{\\"text\\":\\"message number %d of many\\"}}"\noutput = /dev/null\nsilent\ncacert = "%s"\n' \
		"$nginx_messages" "$scratch/bearer" "$i" "$ca"
done >"$scratch/curl.config"
cat >"$scratch/xargs-curl" <<-END
	#!/bin/sh
	seq 60 | xargs -P2 -I{} $curl_post --cacert $bundle $nginx_messages
END
printf '#!/bin/sh\nexec %s send --jsonl -j 8 --cacert %s <%s\n' "$KANDY" "$ca" "$scratch/messages.jsonl" >"$scratch/kandy-jsonl"
chmod +x "$scratch/xargs-curl" "$scratch/kandy-jsonl"
rounds 4 2 kandy "$scratch/kandy-jsonl" \
	multi "$TOOLS/multi $nginx_messages $ca $nginx_token $many 8" \
	parallel "curl --parallel --parallel-max 8 -K $scratch/curl.config" \
	xargs "$scratch/xargs-curl"
rate() { calc "$1*1000/${ms[$2]}" %.0f; }
row 'a bare libcurl multi loop' "$(rate $many kandy)" "$(rate $many multi)" "$(calc "${ms[multi]}/${ms[kandy]}")" '>=0.85'
row 'curl --parallel' "$(rate $many kandy)" "$(rate $many parallel)" "$(calc "${ms[parallel]}/${ms[kandy]}")" '>=1'
row 'xargs -P2 curl' "$(rate $many kandy)" "$(rate 60 xargs)" "$(calc "(${ms[xargs]}/60)/(${ms[kandy]}/$many)" %.0f)" '>=20'

# cost per message: the difference between 2000 and 1000 messages
input=$scratch/messages.1000 instructions kandy-1000 "$KANDY" send --jsonl -j 8 --cacert "$ca"
input=$scratch/messages.2000 instructions kandy-2000 "$KANDY" send --jsonl -j 8 --cacert "$ca"
instructions multi-1000 "$TOOLS/multi" "$nginx_messages" "$ca" "$nginx_token" 1000 8
instructions multi-2000 "$TOOLS/multi" "$nginx_messages" "$ca" "$nginx_token" 2000 8
ours=$(calc "(${instructions[kandy-2000]}-${instructions[kandy-1000]})/1e6" %.0f)
bare=$(calc "(${instructions[multi-2000]}-${instructions[multi-1000]})/1e6" %.0f)
row 'a message, thousand instructions (bare loop)' "$ours" "$bare" "$(calc "$ours/$bare")"
