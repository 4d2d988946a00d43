/* The sandbox's world without sockets: who gets what, what is forgotten first, and that everything has an end. */
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

static void channel_gone(void *arg, struct channel *channel)
{
	(void)arg;
	(void)channel;
	gone++;
}

static void make_world(struct world *w, size_t per_thread, size_t messages, size_t bytes, int64_t object_bytes)
{
	struct world_limits limits = { per_thread, messages, bytes, object_bytes, 100 };
	struct err err = ERR_INIT;

	buf_init(&delivered, 100000);
	gone = 0;
	if (world_init(w, &limits, "/tmp", &err))
		tap_ok(false, err.text);
	w->deliver = deliver;
	w->channel_gone = channel_gone;
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
	tap_ok(!world_user(&w, "alice"), "a name is no address");
	eve = world_add_user(&w, "Eve@Other.Example");
	tap_str(eve->address, "eve@other.example", "a user of another domain");
	tap_ok(world_add_user(&w, "eve@other.example") == eve, "added once");
	tap_ok(table_get(&w.users_by_id, eve->id) == eve && strlen(eve->id) == 36, "found by an ID like a UUID");
	tap_ok(world_add_user(&w, "x")->number != alice->number, "numbers differ");
	for (int i = 0; i < 1000; i++) {
		char *name = xasprintf("user%d", i);

		world_add_user(&w, name);
		free(name);
	}
	tap_ok(world_user(&w, "user777@sandbox.example") != NULL && w.user_count == 1006, "a thousand more");
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
	tap_int(first->until, 15000, "a lifetime that is granted");
	tap_int(second->lifetime_s, 100, "one that is cut");
	tap_ok(strcmp(first->id, second->id) != 0, "IDs differ");
	world_push(&w, alice, SUBSCRIBED_CHAT, NULL, NULL, "a", 1);
	tap_str(delivered.data, "", "nobody has subscribed");
	snprintf(first->session_id, ID_SIZE, "s1");
	world_subscribe(first, SUBSCRIBED_CHAT);
	world_subscribe(first, SUBSCRIBED_CHAT);
	world_push(&w, alice, SUBSCRIBED_CHAT, NULL, NULL, "b", 1);
	tap_str(delivered.data, "alice:b ", "once, however often one has subscribed");
	world_push(&w, alice, SUBSCRIBED_CHAT, NULL, "s1", "c", 1);
	world_push(&w, alice, SUBSCRIBED_SMS, NULL, NULL, "d", 1);
	world_push(&w, bob, SUBSCRIBED_CHAT, NULL, NULL, "e", 1);
	tap_str(delivered.data, "alice:b ", "not the session that sent it, no other kind, no other user");
	subscription = world_subscribe(second, SUBSCRIBED_SMS);
	subscription->number = xstrdup("+1");
	world_push(&w, alice, SUBSCRIBED_SMS, "+2", NULL, "f", 1);
	world_push(&w, alice, SUBSCRIBED_SMS, "+1", NULL, "g", 1);
	tap_str(delivered.data, "alice:b alice:g ", "a number's messages");
	tap_ok(world_subscription(alice, SUBSCRIBED_SMS, subscription->id) == subscription, "found by ID");
	tap_ok(!world_subscription(bob, SUBSCRIBED_SMS, subscription->id), "not by others");
	world_unsubscribe(subscription);
	world_push(&w, alice, SUBSCRIBED_SMS, "+1", NULL, "h", 1);
	tap_str(delivered.data, "alice:b alice:g ", "no more after it was taken back");
	world_expire(&w, 15000);
	tap_ok(gone == 1 && alice->channels == second && !second->next, "a channel runs out");
	world_channel_extend(&w, second, 50, 100000);
	world_expire(&w, 149999);
	tap_int((int)gone, 1, "one that was extended does not");
	for (int i = 0; i < CHANNELS_PER_USER_MAX - 1; i++)
		world_channel_new(&w, alice, 10, 0);
	tap_ok(!world_channel_new(&w, alice, 10, 0), "there is an end to channels");
	for (int i = 0; i < SUBSCRIPTIONS_PER_CHANNEL_MAX; i++)
		world_subscribe(second, SUBSCRIBED_CHAT);
	tap_ok(!world_subscribe(second, SUBSCRIBED_CHAT), "and to subscriptions");
	end_world(&w);
}

static struct message *add(struct world *w, struct thread *thread, const char *text)
{
	struct message *message = world_message_new(w, "x@y", xstrdup("\"text\":\"t\""), text, 1);

	thread_append(w, thread, message);
	return message;
}

static void test_threads(void)
{
	struct world w;
	struct user *alice;
	struct thread *thread, *other;
	char id[ID_SIZE];

	make_world(&w, 5, 8, 1000000, 1000);
	alice = world_user(&w, "alice@sandbox.example");
	tap_ok(!world_thread(&w, alice, THREAD_CHAT, "bob@x", false), "no conversation yet");
	thread = world_thread(&w, alice, THREAD_CHAT, "bob@x", true);
	tap_ok(world_thread(&w, alice, THREAD_CHAT, "BOB@x", true) == thread, "one for each peer, in any case");
	other = world_thread(&w, alice, THREAD_GROUP, "bob@x", true);
	tap_ok(other != thread, "another for another kind");
	for (int i = 0; i < 7; i++)
		add(&w, thread, (const char *const[]){ "0", "1", "2", "3", "4", "5", "6" }[i]);
	tap_ok(thread->count == 5 && !strcmp(thread_at(thread, 0)->text, "2"),
		"the oldest of a conversation gives way");
	snprintf(id, sizeof(id), "%s", thread_at(thread, 2)->id);
	tap_int((int)thread_find(thread, id), 2, "found by ID");
	tap_int((int)thread_find(thread, "0123456789abcdef0123456789abcdef"), 5, "not found");
	tap_int((int)thread_find(thread, "short"), 5, "no ID");
	tap_int((int)thread_before(thread, thread_at(thread, 3)->seq), 3, "what is older");
	thread_remove(&w, thread, 2);
	tap_ok(thread->count == 4 && !strcmp(thread_at(thread, 2)->text, "5"), "one is deleted");
	tap_int((int)thread_find(thread, id), 4, "and gone");
	for (int i = 0; i < 5; i++)
		add(&w, other, "o");
	tap_ok(thread->count < 4 && other->count == 5, "the oldest of all give way to another conversation");
	thread_clear(&w, thread);
	thread_clear(&w, other);
	tap_ok(!w.message_bytes, "nothing is left of what is forgotten");
	end_world(&w);

	make_world(&w, 1000000, 1000000, 100000, 1000);
	thread = world_thread(&w, world_user(&w, "bob@sandbox.example"), THREAD_CHAT, "x", true);
	for (int i = 0; i < 20000; i++)
		add(&w, thread, "some text");
	tap_ok(w.message_bytes <= 100000 && thread->count > 100 && thread->count < 1000, "bytes are limited, too");
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
	first = world_object_new(&w, alice);
	second = world_object_new(&w, alice);
	tap_ok(first->slot != second->slot, "each has a place of its own");
	tap_ok(world_object_write(&w, first, block, 400) && world_object_write(&w, second, "xyz", 3) &&
			world_object_write(&w, first, "tail", 4),
		"uploads side by side");
	world_object_publish(&w, first, 1);
	world_object_publish(&w, second, 2);
	tap_ok(pread(w.objects_fd, back, 3, (off_t)second->slot * OBJECT_SLOT) == 3 && !strcmp(back, "xyz"),
		"do not mix");
	tap_ok(table_get(&w.objects, first->id) == first, "found by ID");
	third = world_object_new(&w, alice);
	tap_ok(world_object_write(&w, third, block, 400) && world_object_write(&w, third, block, 400), "a third");
	tap_int(w.object_bytes, 803, "within the limit");
	tap_ok(w.objects.count == 1 && w.oldest == second, "since the oldest gave way");
	tap_ok(!world_object_write(&w, third, block, 400), "one alone may not pass the limit");
	world_object_hold(second);
	world_object_free(&w, third);
	third = world_object_new(&w, alice);
	tap_ok(world_object_write(&w, third, block, 400) && world_object_write(&w, third, block, 400) &&
			world_object_write(&w, third, block, 199),
		"another, large enough to drive out the rest");
	tap_int((int)w.objects.count, 0, "which is forgotten");
	tap_ok(w.slots[second->slot], "but kept for its reader");
	world_object_let_go(&w, second);
	tap_int(w.object_bytes, 999, "until that is through");
	world_object_free(&w, third);
	tap_int(w.object_bytes, 0, "an upload that was broken off leaves nothing");
	end_world(&w);
}

static void test_groups_and_sessions(void)
{
	struct world w;
	struct group *group;
	struct session *first;
	char id[ID_SIZE];

	make_world(&w, 10, 10, 100000, 1000);
	group = world_group_new(&w);
	group_add(group, "A@x", true, "Connected");
	group_add(group, "b@x", false, "Invited");
	group_add(group, "a@X", false, "Invited");
	tap_int((int)group->count, 2, "nobody is in a group twice");
	group_remove(group, group_find(group, "a@x"));
	tap_ok(group->count == 1 && group_find(group, "B@X") && !group_find(group, "a@x"), "one leaves");
	for (int i = 0; i < PARTICIPANTS_MAX + 5; i++) {
		char *name = xasprintf("p%d", i);

		group_add(group, name, false, "Invited");
		free(name);
	}
	tap_int((int)group->count, PARTICIPANTS_MAX, "there is an end to participants");
	world_group_remove(&w, group);
	tap_int((int)w.groups.count, 0, "a group goes");
	first = world_session_new(&w, world_user(&w, "bob@sandbox.example"));
	snprintf(id, sizeof(id), "%s", first->id);
	for (int i = 0; i < SESSIONS_MAX - 1; i++)
		world_session_new(&w, first->user);
	tap_ok(table_get(&w.sessions, id) == first, "many logins");
	world_session_new(&w, world_user(&w, "bob@sandbox.example"));
	tap_ok(!table_get(&w.sessions, id) && w.sessions.count == SESSIONS_MAX, "the oldest gives way");
	end_world(&w);
}

/* Against a plain model: what is in, and what is not, after thousands of random steps. */
static void test_table(void)
{
	struct table t = { 0 };
	static char keys[300][8];
	bool in[300] = { false }, right = true;
	unsigned n = 1;
	size_t count = 0;

	for (int i = 0; i < 300; i++)
		snprintf(keys[i], sizeof(keys[i]), "k%d", i);
	for (int step = 0; step < 20000; step++) {
		unsigned k;

		n = n * 1103515245 + 12345;
		k = (n >> 16) % 300;
		if (n & 0x8000) {
			count += !in[k];
			table_put(&t, keys[k], keys[k]);
			in[k] = true;
		} else {
			count -= in[k];
			table_remove(&t, keys[k]);
			in[k] = false;
		}
		for (unsigned i = 0; step % 100 == 0 && i < 300; i++)
			right = right && table_get(&t, keys[i]) == (in[i] ? keys[i] : NULL);
	}
	tap_ok(right && t.count == count, "the table keeps what is put in, and only that");
	table_release(&t);
}

int main(void)
{
	test_users();
	test_channels();
	test_threads();
	test_objects();
	test_groups_and_sessions();
	test_table();
	return tap_done();
}
