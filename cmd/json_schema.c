#include "cmd/json_schema.h"

#include "base/err.h"
#include "json/json.h"

#include <string.h>

struct json_key {
	const char *name;
	const char *type; /* names of jq's types, separated by '|' */
	const char *text;
};

/* In this order in kandy-json(5). A kind may change the type of a key. */
static const struct json_key keys[] = {
	{ "event", "string", "kind of the line" },
	{ "id", "string|null", "ID of the notification; null for messages from the history" },
	{ "type", "string", "chat-oneToOne, chat-group or sms; of a part: text or file" },
	{ "destination", "array", "the conversation: one string with the other user, group ID or telephone number" },
	{ "address", "string|null", "the same as a recipient, as --to takes it: user@domain, group:ID or sms:+NUMBER" },
	{ "messageId", "string|null", "ID of the message" },
	{ "sender", "string|null", "who sent it" },
	{ "direction", "string", "inbound, or outbound if this user sent it" },
	{ "state", "string", "typing: active or idle; spool: waiting, uncertain (response lost) or failed" },
	{ "refresh", "number|null", "seconds until the typing indicator expires" },
	{ "status", "string|null",
		"of a sent message or a receipt: as the service reports it; of an error: failed or unknown; of a participant: Invited, "
		"Connected, Disconnected or Removed" },
	{ "timestamp", "number|null", "milliseconds since 1970" },
	{ "parts", "array", "texts and files, see below" },
	{ "backfilled", "boolean", "true if the message was read from the history" },
	{ "line", "number", "number of the input line, from 1" },
	{ "ref", "any", "the ref of the input line, unchanged" },
	{ "command", "string", "command that failed: send, flush, history, fetch-links or exec" },
	{ "attempts", "number", "number of attempts" },
	{ "error", "object", "what failed, see below" },
	{ "spoolId", "string", "ID in the queue, for 'kandy spool'" },
	{ "to", "string", "recipient" },
	{ "text", "string|null", "text of the message, of the part or of the check" },
	{ "files", "array", "attachments" },
	{ "created", "number", "milliseconds since 1970 when the message was queued" },
	{ "name", "string|null", "name of the file, group or check" },
	{ "subject", "string|null", "subject of the group" },
	{ "image", "string|null", "URL of the picture of the group" },
	{ "participants", "array", "members, see below" },
	{ "eventType", "string|null", "change of the group, such as SessionEnded" },
	{ "isAdmin", "boolean", "the participant may invite and remove others" },
	{ "lastText", "string|null", "text of the newest message" },
	{ "service", "string|null", "chat, sms or receipts" },
	{ "number", "string|null", "telephone number of an SMS subscription" },
	{ "made", "boolean", "true if the subscription was created by this call" },
	{ "removed", "boolean", "true: the subscription was cancelled by this call" },
	{ "channel", "string", "ID of the notification channel" },
	{ "lifetime", "number", "lifetime of the channel in seconds" },
	{ "resourceURL", "string|null", "path of the subscription" },
	{ "reason", "string|null", "why" },
	{ "kind", "string|null",
		"of an error: usage, data, no-input, unavailable, temporary, protocol, auth, config, refused (by the service) and "
		"others; of a notification: the key of its object" },
	{ "raw", "any", "the received notification" },
	{ "code", "string|number|null",
		"of an error: code of the service, or the exit status of an --exec command; of a check: exit status" },
	{ "http", "number|null", "HTTP status" },
	{ "message", "string", "what failed, for people" },
	{ "retryable", "boolean", "true if the same request may succeed later" },
	{ "profile", "string", "profile" },
	{ "loggedIn", "boolean", "true if there are credentials" },
	{ "userId", "string|null", "ID of the user" },
	{ "username", "string|null", "user name of the login" },
	{ "grant", "string|null", "password or client_credentials" },
	{ "clientId", "string|null", "client ID of the login" },
	{ "baseUrl", "string|null", "base URL of the service" },
	{ "issued", "number|null", "milliseconds since 1970 when the token was issued" },
	{ "expires", "number|null", "milliseconds since 1970 when the token or channel expires" },
	{ "refreshable", "boolean", "true if the token can be refreshed" },
	{ "refreshExpires", "number|null", "milliseconds since 1970 when the refresh token expires" },
	{ "cache", "string", "path of the token cache" },
	{ "settings", "object", "for each setting an object with its value, source and where it was set" },
	{ "ok", "boolean|null", "result of the check; null if it could not be tried" },
	{ "version", "string", "version of kandy" },
	{ "libraries", "object", "for each library its version, or null if it is missing" },
	{ "commands", "array", "commands with their options" },
	{ "examples", "array", "examples of kandy(1)" },
	{ "lines", "array", "the kinds of lines, as here" },
	{ "exitCodes", "array", "exit statuses" },
	{ "size", "number|null", "size in bytes" },
	{ "mimeType", "string|null", "MIME type" },
	{ "x-id", "string|null", "ID of the uploaded file" },
	{ "rawURL", "string|null", "link to the file, for fetch-links" },
	{ "thumbnailURL", "string|null", "link to a preview" },
	{ "url", "string|null", "file: URL of the downloaded file; null before fetch-links, and after an error" },
	{ "path", "string", "path of the file" },
	{ "bytes", "number", "bytes downloaded" },
	{ "sha256", "string", "SHA-256 of the downloaded file, in hexadecimal" },
	{ "skipped", "boolean", "true if the file was there already" },
	{ "thumbnail", "object", "the same keys for the preview" },
};

struct json_kind {
	const char *event; /* or NULL for a nested object */
	const char *nested; /* the key whose objects these are */
	const char *summary;
	const char *keys; /* names; '?': not in every line; "=type": another type */
	const char *example; /* a command that prints it; a test runs it and compares the output */
	const char *line; /* a typical line */
};

#define CONVERSATION "type destination address"

static const struct json_kind kinds[] = {
	{ "message", NULL, "A message, from listen, history and (with more keys in its parts) fetch-links.",
		"event id " CONVERSATION " messageId sender direction timestamp parts backfilled?",
		"kandy listen --once --since all",
		"{\"event\":\"message\",\"id\":null,\"type\":\"chat-oneToOne\",\n     \"destination\":[\"bob@sandbox.example\"],"
		"\"address\":\"bob@sandbox.example\",\"messageId\":\"msg1\",\n     \"sender\":\"bob@sandbox.example\",\"direction\":\"inbound\","
		"\n     \"timestamp\":1525895987000,\n     \"parts\":[{\"type\":\"text\",\"text\":\"hello\"}],\"backfilled\":true}" },
	{ "sent", NULL, "A message that was sent, from send and flush.",
		"event line? ref? " CONVERSATION " messageId status timestamp attempts spoolId?",
		"kandy send -t bob@sandbox.example -m hello",
		"{\"event\":\"sent\",\"line\":1,\"ref\":7,\"type\":\"chat-oneToOne\",\n     \"destination\":[\"bob@sandbox.example\"],"
		"\"address\":\"bob@sandbox.example\",\n     \"messageId\":\"msg2\",\"status\":\"Sent\",\"timestamp\":1525895987000,\"attempts\":1}" },
	{ "spooled", NULL, "A message that was queued, from send --spool.",
		"event line? ref? " CONVERSATION " spoolId error",
		"kandy send -q --spool --retry 0 --proxy http://127.0.0.1:1 -t bob@sandbox.example -m hello", NULL },
	{ "dry-run", NULL, "A message that would be sent, from send --dry-run.",
		"event line? ref? " CONVERSATION " text files=array",
		"kandy send --dry-run -t bob@sandbox.example -m hello -a picture.png", NULL },
	{ "error", NULL,
		"An item of a batch that failed, from send, flush, history and fetch-links; and a dead letter of listen, whose "
		"message is the line of the message.",
		"event line? ref? command type? destination? address? messageId? status attempts? spoolId? timestamp? message?=object|string "
		"error",
		"printf '{\"to\":\"no one\",\"text\":\"hello\"}\\n' | kandy send -q --jsonl",
		"{\"event\":\"error\",\"line\":1,\"command\":\"send\",\n     \"destination\":[],\"address\":null,\"status\":\"failed\",\"attempts\":0,"
		"\n     \"error\":{\"kind\":\"data\",\"code\":null,\"http\":null,\n     \"message\":\"invalid JSON\",\"retryable\":false}}" },
	{ "spool", NULL, "A queued message, from spool.",
		"event spoolId state ref? to text files created attempts error=string|null userId username baseUrl",
		"kandy send -q --spool --retry 0 --proxy http://127.0.0.1:1 -t bob@sandbox.example -m hello >queued && kandy spool",
		NULL },
	{ "typing", NULL, "A typing indicator, from listen; from typing without id, refresh and timestamp.",
		"event id? " CONVERSATION " sender direction state refresh? timestamp?",
		"kandy typing bob@sandbox.example", NULL },
	{ "receipt", NULL,
		"A delivery receipt from listen: DeliveredToNetwork, DeliveredToTerminal or DeliveryImpossible; from read: Displayed.",
		"event id? " CONVERSATION " messageId status timestamp?",
		"kandy listen -n 1 --since all | jq -r '\"\\(.address) \\(.messageId)\"' | xargs kandy read", NULL },
	{ "invitation", NULL, "An invitation to a group, from listen.",
		"event id " CONVERSATION " name subject participants timestamp", NULL, NULL },
	{ "participants", NULL, "A change of the members of a group, from listen and group.",
		"event id? " CONVERSATION " participants timestamp?",
		"kandy group create carol@sandbox.example | jq -r .address | xargs -I {} kandy group invite {} bob@sandbox.example",
		NULL },
	{ "group", NULL, "A group, from group; or its end, from listen and group.",
		"event id? " CONVERSATION " name? subject? image? participants? eventType? timestamp?",
		"kandy group create --name team bob@sandbox.example", NULL },
	{ "conversation", NULL, "A conversation, from conversations.", "event " CONVERSATION " lastText timestamp",
		"kandy conversations", NULL },
	{ "deleted", NULL, "A deleted message or conversation, from delete.", "event " CONVERSATION " messageId",
		"kandy delete --all bob@sandbox.example", NULL },
	{ "subscription", NULL, "A subscription, from subscribe, unsubscribe and, if the service cancelled it, listen.",
		"event id? service number? made? removed? channel? lifetime? expires? resourceURL? status? reason? timestamp?",
		"kandy subscribe chat", NULL },
	{ "connection", NULL,
		"With listen --events: connected, disconnected, resubscribed, waiting or gap, and the reason.",
		"event status reason? timestamp", "kandy listen --events -n 1", NULL },
	{ "notification", NULL, "A notification of another kind, from listen.", "event id kind raw timestamp", NULL,
		NULL },
	{ "file", NULL, "A file that was named by its link, from fetch-links LINK.", "event parts",
		"kandy listen --once --since all | jq -r '.parts[].rawURL // empty' | xargs kandy fetch-links -D inbox",
		NULL },
	{ "fetched", NULL, "A line of the manifest of fetch-links.",
		"event messageId rawURL path bytes sha256 timestamp",
		"kandy listen --once --since all | kandy fetch-links -D inbox --manifest files.jsonl >fetched && cat files.jsonl",
		NULL },
	{ "token", NULL, "The login, from login, logout and whoami.",
		"event profile loggedIn address userId username grant clientId baseUrl issued expires refreshable refreshExpires "
		"channel?=object|null cache? settings?",
		"kandy whoami", NULL },
	{ "check", NULL, "A check, from doctor.", "event name ok text code? kind?", "kandy doctor", NULL },
	{ "version", NULL, "From version.", "event version libraries", "kandy version", NULL },
	{ "commands", NULL, "All commands and options, from kandy help --emit json.",
		"event version commands examples lines exitCodes", "kandy help --emit json", NULL },
	{ NULL, "parts", "Each part is a text or a file. fetch-links adds url, path, bytes and sha256, or error.",
		"type text? name? size? mimeType? x-id? rawURL? thumbnailURL? url? path? bytes? sha256? skipped? thumbnail? error?",
		NULL, NULL },
	{ NULL, "files", "The attachments of a message that is queued or would be sent.",
		"name size? mimeType? x-id? path?", NULL, NULL },
	{ NULL, "participants", "The members of a group.", "address status isAdmin", NULL, NULL },
	{ NULL, "error", "What failed.", "kind code http message retryable", NULL, NULL },
};

/* One key of a kind: "ref?", "error=string|null". */
struct use {
	const char *name, *type;
	int type_len;
	bool optional, other; /* not in every line; not the usual type */
};

/* Takes the next key from `*list`; false at its end. */
static bool next_use(const char **list, struct use *use)
{
	const char *word = *list + strspn(*list, " ");
	size_t len = strcspn(word, " "), name_len = strcspn(word, " ?=");
	const char *type = memchr(word, '=', len);
	const struct json_key *key = keys;

	if (!len)
		return false;
	while (strlen(key->name) != name_len || memcmp(key->name, word, name_len))
		key++;
	*use = (struct use){
		.name = key->name, .other = type, .type = type ? type + 1 : key->type, .optional = word[name_len] == '?'
	};
	use->type_len = type ? (int)(word + len - type - 1) : (int)strlen(key->type);
	*list = word + len;
	return true;
}

static void add_kind(struct buf *out, const struct json_kind *kind)
{
	const char *list = kind->keys;
	struct use use;

	if (kind->event)
		buf_addf(out, "## %s\n", kind->event);
	else
		buf_addf(out, "## Objects in %s\n", kind->nested);
	buf_addf(out, "%s\nKeys:", kind->summary);
	for (bool first = true; next_use(&list, &use); first = false) {
		buf_addf(out, "%s %s", first ? "" : ",", use.name);
		if (use.other)
			buf_addf(out, " (%.*s)", use.type_len, use.type);
		if (use.optional)
			buf_adds(out, " (optional)");
	}
	buf_adds(out, ".\n");
	if (kind->line)
		buf_addf(out, "\n    %s\n", kind->line);
	if (kind->example)
		buf_addf(out, "\nPrinted by\n    %s\n", kind->example);
}

void json_schema_add_man(struct buf *out)
{
	buf_adds(out,
		"# DESCRIPTION\n"
		"Every command prints its results on stdout as JSON, one object a line.\n"
		"The key \"event\" names the kind of the line.\n"
		"Keys are added in new versions; their names and meaning do not change.\n"
		"IDs are strings.\n"
		"Times are numbers of milliseconds since 1970 (UTC), sizes are bytes.\n"
		"\n"
		"A message line is also valid input of 'kandy send --jsonl', which sends its text and files to \"address\".\n"
		"# LINES\n");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		add_kind(out, &kinds[i]);
	buf_adds(out, "# KEYS\n");
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		buf_addf(out, "%s\t(%s) %s\n", keys[i].name, keys[i].type, keys[i].text);
}

void json_schema_add_listing(struct buf *out)
{
	json_open_key(out, "lines", '[');
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const char *list = kinds[i].keys;
		struct use use;

		json_open(out, '{');
		json_add_string(out, "event", kinds[i].event);
		json_add_string(out, "nested", kinds[i].nested);
		json_add_string(out, "example", kinds[i].example);
		json_add_string(out, "line", kinds[i].line);
		json_open_key(out, "keys", '[');
		while (next_use(&list, &use)) {
			json_open(out, '{');
			json_add_string(out, "name", use.name);
			json_add_string_len(out, "type", use.type, (size_t)use.type_len);
			json_add_bool(out, "optional", use.optional);
			json_close(out, '}');
		}
		json_close(out, ']');
		json_close(out, '}');
	}
	json_close(out, ']');
}
