/* The state of the sandbox, without sockets: who gets a notification, which is dropped first, and all limits. */
#include "sandbox/world.h"

#include "base/mem.h"

#include "../lib/tap.h"

#include <stdlib.h>
#include <unistd.h>

static struct buf delivered;
static size_t gone;

static void deliver(void *arg, struct channel *channel, const char *json, size_t len)
{
	(void)arg;
	buf_addf(&delivered, "%s:%.*s ", channel->user->name, (int)len, json);
}

static void channel_removed(void *arg, struct channel *channel)
{
	(void)arg;
	(void)channel;
	gone++;
}

static void make_world(struct world *w, int64_t per_conversation, int64_t messages, int64_t bytes, int64_t object_bytes)
{
	static struct sandbox_config config;
	struct err err = ERR_INIT;

	config = (struct sandbox_config){ .dir = "/tmp",
		.keep_per_conversation = per_conversation,
		.keep_messages = messages,
		.keep_bytes = bytes,
		.attachment_bytes = object_bytes,
		.channel_life_ms = 99500 };

	buf_init(&delivered, 100000);
	gone = 0;
	if (world_init(w, &config, &err))
		tap_ok(false, err.text);
	w->deliver = deliver;
	w->channel_removed = channel_removed;
}

static void end_world(struct world *w)
{
	world_release(w);
	buf_release(&delivered);
}

static void test_users(void)
{
	struct world w;
	struct user *alice, *eve;

	make_world(&w, 10, 10, 100000, 1000);
	alice = world_user(&w, "ALICE@Sandbox.Example");
	tap_ok(alice && !strcmp(alice->address, "alice@sandbox.example"), "an address in any case");
	tap_str(alice->password, "alice-secret", "password");
	tap_ok(!world_user(&w, "alice"), "a name without a domain is not found");
	eve = world_add_user(&w, "Eve@Other.Example");
	tap_str(eve->address, "eve@other.example", "a user of another domain");
	tap_ok(world_add_user(&w, "eve@other.example") == eve, "an existing user is not added twice");
	tap_ok(strlen(eve->id) == 36 && eve->id[8] == '-', "the ID is a UUID");
	tap_ok(world_add_user(&w, "x")->number != alice->number, "numbers differ");
	for (int i = 0; i < 1000; i++) {
		char *name = xasprintf("user%d", i);

		world_add_user(&w, name);
		free(name);
	}
	tap_ok(world_user(&w, "user777@sandbox.example") != NULL && w.user_count == 1006, "1000 more users");
	end_world(&w);
}

static void test_channels(void)
{
	struct world w;
	struct user *alice, *bob;
	struct channel *first, *second;
	struct subscription *subscription;

	make_world(&w, 10, 10, 100000, 1000);
	alice = world_user(&w, "alice@sandbox.example");
	bob = world_user(&w, "bob@sandbox.example");
	first = world_channel_new(&w, alice, 10, 5000);
	second = world_channel_new(&w, alice, 99999, 5000);
	tap_int(first->until, 15000, "a lifetime below the maximum is granted");
	tap_int(second->lifetime_s, 100, "a longer lifetime is reduced to the maximum, rounded up to seconds");
	tap_ok(strcmp(first->id, second->id) != 0, "IDs differ");
	world_push(&w, alice, SUBSCRIBED_CHAT, NULL, NULL, "a", 1);
	tap_str(delivered.data, "", "no delivery without a subscription");
	snprintf(first->login_id, ID_SIZE, "s1");
	world_subscribe(first, SUBSCRIBED_CHAT);
	world_subscribe(first, SUBSCRIBED_CHAT);
	world_push(&w, alice, SUBSCRIBED_CHAT, NULL, NULL, "b", 1);
	tap_str(delivered.data, "alice:b ", "one delivery for two subscriptions");
	world_push(&w, alice, SUBSCRIBED_CHAT, NULL, "s1", "c", 1);
	world_push(&w, alice, SUBSCRIBED_SMS, NULL, NULL, "d", 1);
	world_push(&w, bob, SUBSCRIBED_CHAT, NULL, NULL, "e", 1);
	tap_str(delivered.data, "alice:b ", "no delivery to the sending login, another kind or another user");
	subscription = world_subscribe(second, SUBSCRIBED_SMS);
	subscription->number = xstrdup("+1");
	world_push(&w, alice, SUBSCRIBED_SMS, "+2", NULL, "f", 1);
	world_push(&w, alice, SUBSCRIBED_SMS, "+1", NULL, "g", 1);
	tap_str(delivered.data, "alice:b alice:g ", "delivery to the subscribed number only");
	tap_ok(world_subscription(alice, SUBSCRIBED_SMS, subscription->id) == subscription, "found by its ID");
	tap_ok(!world_subscription(bob, SUBSCRIBED_SMS, subscription->id), "not found for another user");
	world_unsubscribe(subscription);
	world_push(&w, alice, SUBSCRIBED_SMS, "+1", NULL, "h", 1);
	tap_str(delivered.data, "alice:b alice:g ", "no delivery after the subscription is deleted");
	world_expire(&w, 15000);
	tap_ok(gone == 1 && alice->channels == second && !second->next, "an expired channel is removed");
	world_channel_extend(&w, second, 50, 100000);
	world_expire(&w, 149999);
	tap_int((int)gone, 1, "an extended channel is not removed");
	for (int i = 0; i < CHANNELS_PER_USER_MAX - 1; i++)
		world_channel_new(&w, alice, 10, 0);
	tap_ok(!world_channel_new(&w, alice, 10, 0), "the number of channels is limited");
	for (int i = 0; i < SUBSCRIPTIONS_PER_CHANNEL_MAX; i++)
		world_subscribe(second, SUBSCRIBED_CHAT);
	tap_ok(!world_subscribe(second, SUBSCRIBED_CHAT), "the number of subscriptions is limited");
	end_world(&w);
}

static void add(struct world *w, struct conversation *conversation, const char *text)
{
	struct stored_message *message = conversation_message_new(w, "x@y", xstrdup("\"text\":\"t\""), text, 1);

	conversation_append(w, conversation, message);
	conversation_message_release(w, message);
}

static void test_conversations(void)
{
	struct world w;
	struct user *alice;
	struct conversation *conversation, *other;
	char id[ID_SIZE];

	make_world(&w, 5, 8, 1000000, 1000);
	alice = world_user(&w, "alice@sandbox.example");
	tap_ok(!conversation_find(&w, alice, CONVERSATION_CHAT, "bob@x", false),
		"no conversation before the first message");
	conversation = conversation_find(&w, alice, CONVERSATION_CHAT, "bob@x", true);
	tap_ok(conversation_find(&w, alice, CONVERSATION_CHAT, "BOB@x", true) == conversation,
		"one conversation per recipient, in any case");
	other = conversation_find(&w, alice, CONVERSATION_GROUP, "bob@x", true);
	tap_ok(other != conversation, "another conversation for another kind");
	for (int i = 0; i < 7; i++)
		add(&w, conversation, (const char *const[]){ "0", "1", "2", "3", "4", "5", "6" }[i]);
	tap_ok(conversation->count == 5 && !strcmp(conversation_at(conversation, 0)->excerpt, "2"),
		"the oldest message of a full conversation is dropped");
	snprintf(id, sizeof(id), "%s", conversation_at(conversation, 2)->id);
	tap_int((int)conversation_index(conversation, id), 2, "found by its ID");
	tap_int((int)conversation_index(conversation, "0123456789abcdef0123456789abcdef"), 5,
		"an unknown ID is not found");
	tap_int((int)conversation_index(conversation, "short"), 5, "an invalid ID is not found");
	tap_int((int)conversation_older(conversation, conversation_at(conversation, 3)->seq), 3,
		"number of older messages");
	conversation_remove(&w, conversation, 2);
	tap_ok(conversation->count == 4 && !strcmp(conversation_at(conversation, 2)->excerpt, "5"),
		"a deleted message is gone");
	tap_int((int)conversation_index(conversation, id), 4, "the ID of a deleted message is not found");
	for (int i = 0; i < 5; i++)
		add(&w, other, "o");
	tap_ok(conversation->count < 4 && other->count == 5, "the oldest messages of all conversations are dropped");
	conversation_clear(&w, conversation);
	conversation_clear(&w, other);
	tap_ok(!w.message_bytes, "dropped messages use no memory");
	end_world(&w);

	make_world(&w, 1000000, 1000000, 100000, 1000);
	conversation = conversation_find(&w, world_user(&w, "bob@sandbox.example"), CONVERSATION_CHAT, "x", true);
	for (int i = 0; i < 20000; i++)
		add(&w, conversation, "some text");
	tap_ok(w.message_bytes <= 100000 && conversation->count > 100 && conversation->count < 1000,
		"the bytes of all messages are limited");
	end_world(&w);
}

static void test_objects(void)
{
	struct world w;
	struct user *alice;
	struct object *first, *second, *third;
	char block[400] = "abc", back[4] = "";

	make_world(&w, 10, 10, 100000, 1000);
	alice = world_user(&w, "alice@sandbox.example");
	first = object_new(&w, alice);
	second = object_new(&w, alice);
	tap_ok(first->slot != second->slot, "each upload has its own slot");
	tap_ok(object_write(&w, first, block, 400) && object_write(&w, second, "xyz", 3) &&
			object_write(&w, first, "tail", 4),
		"concurrent uploads are written");
	object_publish(&w, first);
	object_publish(&w, second);
	tap_ok(pread(w.objects_fd, back, 3, (off_t)second->slot * OBJECT_SLOT) == 3 && !strcmp(back, "xyz"),
		"concurrent uploads are kept apart");
	tap_ok(world_find(&w.objects, first->id) == first, "found by its ID");
	third = object_new(&w, alice);
	tap_ok(object_write(&w, third, block, 400) && object_write(&w, third, block, 400), "a third upload is written");
	tap_int(w.object_bytes, 803, "the total is within the limit");
	tap_ok(w.objects.count == 1 && w.object_order.oldest == &second->order, "the oldest object is dropped");
	tap_ok(!object_write(&w, third, block, 400), "one upload cannot exceed the limit");
	object_hold(second);
	object_free(&w, third);
	third = object_new(&w, alice);
	tap_ok(object_write(&w, third, block, 400) && object_write(&w, third, block, 400) &&
			object_write(&w, third, block, 199),
		"an upload that needs all space is written");
	tap_int((int)w.objects.count, 0, "the other object is dropped");
	tap_ok(w.slots[second->slot], "a dropped object stays readable during a download");
	object_release(&w, second);
	tap_int(w.object_bytes, 999, "its space is freed after the download");
	object_free(&w, third);
	tap_int(w.object_bytes, 0, "an aborted upload uses no space");
	end_world(&w);
}

static void test_groups_and_logins(void)
{
	struct world w;
	struct chat_group *group;
	struct login *first;
	char id[ID_SIZE];

	make_world(&w, 10, 10, 100000, 1000);
	group = world_group_new(&w);
	world_participant_add(group, "A@x", true, "Connected");
	world_participant_add(group, "b@x", false, "Invited");
	world_participant_add(group, "a@X", false, "Invited");
	tap_int((int)group->count, 2, "a participant is not added twice");
	world_participant_remove(group, world_participant(group, "a@x"));
	tap_ok(group->count == 1 && world_participant(group, "B@X") && !world_participant(group, "a@x"),
		"a removed participant is not found");
	for (int i = 0; i < PARTICIPANTS_MAX + 5; i++) {
		char *name = xasprintf("p%d", i);

		world_participant_add(group, name, false, "Invited");
		free(name);
	}
	tap_int((int)group->count, PARTICIPANTS_MAX, "the number of participants is limited");
	world_group_remove(&w, group);
	tap_int((int)w.groups.count, 0, "a removed group is not counted");
	first = world_login_new(&w, world_user(&w, "bob@sandbox.example"));
	snprintf(id, sizeof(id), "%s", first->id);
	for (int i = 0; i < LOGINS_MAX - 1; i++)
		world_login_new(&w, first->user);
	tap_ok(world_find(&w.logins, id) == first, "a login is kept while there is room");
	world_login_new(&w, world_user(&w, "bob@sandbox.example"));
	tap_ok(!world_find(&w.logins, id) && w.logins.count == LOGINS_MAX, "the oldest login is dropped");
	end_world(&w);
}

int main(void)
{
	test_users();
	test_channels();
	test_conversations();
	test_objects();
	test_groups_and_logins();
	return tap_done();
}
