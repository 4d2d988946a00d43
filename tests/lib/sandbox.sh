# shellcheck shell=bash
# sandbox.sh - functions for tests of the sandbox itself, with curl, jq and another WebSocket client, not kandy's.
#
#	. "${0%/*}/../lib/tap.sh"; . "$tests_dir/lib/sandbox.sh"
#	serve [OPTION...]         ends the sandbox that runs, starts another (tap.sh), and logs alice and bob in (again)
#	as_alice|as_bob CURL-ARGUMENTS    with the bearer token; the body goes to $out, the status into $http
#	as_nobody CURL-ARGUMENTS  without
#	jwt TOKEN                 the claims
#	make_channel [ROLE]       bob's channel with a chat subscription: sets $channel (its ID) and $channel_url
#	say TEXT                  alice to bob; $message_id
#	socket [ARGUMENTS]        bob's WebSocket on $channel_url (websocket.cjs), output to $out
#	control JSON              POST /sandbox/control; unlike tap.sh's, the response goes to $out and the status to $http
#	recorded FILTER           what `jq -c FILTER` prints of the record's lines

json_type='Content-Type: application/json'

as_nobody() { http=$(curl -sS -m "$patience" ${KANDY_CACERT:+--cacert "$KANDY_CACERT"} -o "$out" -w '%{http_code}' "$@" 2>"$err"); curl_status=$?; }
as_alice() { as_nobody -H "Authorization: Bearer $alice" "$@"; }
as_bob() { as_nobody -H "Authorization: Bearer $bob" "$@"; }
jwt() { jq -rR 'split(".")[1]|gsub("-";"+")|gsub("_";"/")|@base64d|fromjson' <<<"$1"; }
password_grant() { as_nobody -d client_id=PUB-sandbox -d grant_type=password -d "username=$1@sandbox.example" -d "password=${2:-$1-secret}" -d scope=openid "$base/cpaas/auth/v1/token"; }
log_in() {
	password_grant alice; alice=$(jq -r .access_token "$out"); alice_id=$(jwt "$alice" | jq -r .preferred_username)
	password_grant bob; bob=$(jq -r .access_token "$out"); bob_id=$(jwt "$bob" | jq -r .preferred_username)
}
serve() {
	if [ -n "${sandbox_pid:-}" ]; then kill "$sandbox_pid"; wait "$sandbox_pid" 2>/dev/null; fi
	rm -f "$scratch/record.jsonl"
	unset KANDY_CACERT
	sandbox "$@"
	base=$KANDY_BASE_URL
	log_in
}
make_channel() {
	as_bob -H "$json_type" -d '{"notificationChannel":{"channelLifetime":3600,"channelType":"Websockets","clientCorrelator":"test","x-connCheckRole":"'"${1:-client}"'"}}' \
		"$base/cpaas/notificationchannel/v1/$bob_id/channels"
	channel=$(jq -r .notificationChannel.callbackURL "$out")
	channel_url=${base/http/ws}$(jq -r .notificationChannel.channelData.channelURL "$out")
	as_bob -H "$json_type" -d '{"chatNotificationSubscription":{"callbackReference":{"notifyURL":"'"$channel"'"},"clientCorrelator":"test"}}' \
		"$base/cpaas/chat/v1/$bob_id/subscriptions"
}
alice_to() { printf '%s' "$base/cpaas/chat/v1/$alice_id/oneToOne/$1/adhoc/messages"; }
bob_from() { printf '%s' "$base/cpaas/chat/v1/$bob_id/oneToOne/$1/adhoc/messages"; }
say() {
	as_alice -H "$json_type" -d "$(jq -nc --arg t "$1" '{chatMessage:{text:$t}}')" "$(alice_to bob@sandbox.example)"
	message_id=$(jq -r '.chatMessage.resourceURL // "" | sub(".*/messages/"; "")' "$out" 2>/dev/null)
}
socket() { node "$tests_dir/lib/websocket.cjs" "$channel_url" ${KANDY_CACERT:+--ca "$KANDY_CACERT"} --header "Authorization: Bearer $bob" "$@" >"$out" 2>"$err"; }
# The same in the background, with its output in FILE; returns once the sandbox has it.
socket_behind() {
	local file=$1 before
	shift
	control '{"do":"stats"}'; before=$(jq .sockets "$out")
	node "$tests_dir/lib/websocket.cjs" "$channel_url" ${KANDY_CACERT:+--ca "$KANDY_CACERT"} --header "Authorization: Bearer $bob" "$@" >"$file" 2>"$err" &
	socket_pid=$!
	tap_pids+=("$socket_pid")
	wait_for sockets_are $((before + 1))
}
sockets_are() { control '{"do":"stats"}'; [ "$(jq .sockets "$out")" = "$1" ]; }
control() { as_nobody -H "$json_type" -d "$1" "$base/sandbox/control"; }
recorded() { jq -c "$1" "$sandbox_record"; }
# name, type and file as the vendor's client uploads them
upload() {
	as_alice -F 'root-fields={"object":{"attributes":{"attribute":[]},"flags":{"flag":[]}}}' -F "raw=@$1;type=$2;filename=$3" "$base/cpaas/nms/v1/chat/$alice_id/objects" "${@:4}"
	attribute() { jq -r --arg n "$1" '.object.attributes.attribute[]? | select(.name==$n).value' "$out"; }
	object_id=$(attribute x-id) object_link=$(attribute link)
}
