/* Groups and typing as JSON. */
#include "../lib/tap.h"

#include "wire/group.h"
#include "wire/message.h"
#include "base/mem.h"

#include <stdlib.h>

static enum status decode(const char *text, struct group *group, struct err *err)
{
	struct json_doc doc = { 0 };
	enum status st;

	if (json_parse(&doc, text, strlen(text), NULL, err))
		BUG("%s", err->text);
	st = group_decode(json_root(&doc), group, err);
	json_release(&doc);
	return st;
}

int main(void)
{
	struct group group = { .name = xstrdup("a\"b"), .type = xstrdup("closed") };
	struct err err = ERR_INIT;
	struct buf out;

	buf_init(&out, BUF_NO_MAX);
	group_add_member(&group, "a@x", true);
	group_add_member(&group, "b@x", false);
	group_encode(&out, &group);
	tap_str(out.data,
		"{\"groupChatSessionInformation\":{\"participant\":[{\"address\":\"a@x\",\"x-isAdmin\":true},{\"address\":\"b@x\",\"x-isAdmin\":false}],"
		"\"x-name\":\"a\\\"b\",\"x-type\":\"closed\"}}",
		"a group to be made");
	group_release(&group);

	tap_int(decode("{\"resourceURL\":\"https://h/cpaas/chat/v1/u/group/a%2Fb?x\",\"x-name\":\"n\",\"subject\":\"s\",\"x-new\":[],"
		       "\"participant\":[{\"address\":\"a@x\",\"status\":\"Invited\",\"x-isAdmin\":\"true\"},{\"status\":\"nobody\"},7]}",
			&group, &err),
		ST_OK, "a group as it comes");
	tap_str(group.id, "a/b", "its ID, decoded");
	tap_str(group.name, "n", "its name");
	tap_str(group.subject, "s", "its subject");
	tap_str(group.image, NULL, "no picture");
	tap_int((intmax_t)group.member_count, 1, "only who has an address");
	tap_str(group.members[0].status, "Invited", "a status");
	tap_ok(group.members[0].admin, "an admin, by a string");
	group_release(&group);
	tap_int(decode("{\"resourceURL\":\"/group/g\",\"participant\":{\"address\":\"a@x\"}}", &group, &err), ST_OK,
		"a single participant");
	tap_int((intmax_t)group.member_count, 1, "counts");
	tap_str(group.members[0].status, NULL, "a member without a status");
	group_release(&group);
	tap_int(decode("{\"resourceURL\":\"/group/\"}", &group, &err), ST_PROTOCOL, "no ID");
	tap_int(decode("{\"resourceURL\":\"/group/%00\"}", &group, &err), ST_PROTOCOL, "a NUL in it");
	tap_int(decode("{\"resourceURL\":\"/group/%zz\"}", &group, &err), ST_PROTOCOL, "a broken one");
	tap_int(decode("{}", &group, &err), ST_PROTOCOL, "no resourceURL");
	tap_ok(strstr(err.text, "'resourceURL'") && !group.id && !group.members, "is named, and nothing left");
	tap_int(decode("[]", &group, &err), ST_PROTOCOL, "no object");

	buf_clear(&out);
	message_encode_typing(&out, true, 1525895987000);
	tap_str(out.data,
		"{\"isComposing\":{\"contenttype\":\"text/plain\",\"refresh\":\"60\",\"state\":\"active\",\"lastactive\":1525895987000}}",
		"typing");
	buf_release(&out);
	return tap_done();
}
