#include "sandbox/sandbox-int.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "crypto/crypto.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SWEEP_MS = 250, PEM_MAX = 16 * 1024 };

int64_t sandbox_time(const struct sandbox *s)
{
	return clock_wall_ms() + s->ahead_ms;
}

int64_t sandbox_message_time(const struct sandbox *s)
{
	return s->message_time_ms ? s->message_time_ms : sandbox_time(s);
}

static void sweep(void *arg)
{
	struct sandbox *s = arg;

	world_expire(&s->world, clock_wall_ms());
	net_timer_set(s->sweep, SWEEP_MS);
}

static void plan_drop(struct sandbox *s)
{
	int64_t every = s->config->drop_every_ms;

	if (every > 0 && (!s->config->drop_times || s->dropped < s->config->drop_times))
		net_timer_set(s->drops, every / 2 + random_below(every + 1));
}

static void drop(void *arg)
{
	struct sandbox *s = arg;

	if (sockets_drop(s, s->dropped % 2 ? CONN_RESET : CONN_DROP, NULL))
		s->dropped++;
	plan_drop(s);
}

static void add_users(struct sandbox *s)
{
	for (size_t i = 0; i < s->config->user_count; i++)
		world_add_user(&s->world, s->config->users[i]);
	for (int64_t i = 1; i <= s->config->numbered_users; i++) {
		char *name = xasprintf("user%lld", (long long)i);

		world_add_user(&s->world, name);
		free(name);
	}
}

static enum status make_world(struct sandbox *s, struct err *err)
{
	const struct sandbox_config *config = s->config;
	struct world_limits limits = {
		.messages_per_thread = (size_t)config->keep_per_conversation,
		.messages = (size_t)config->keep_messages,
		.message_bytes = (size_t)config->keep_bytes,
		.object_bytes = config->attachment_bytes,
		.channel_life_s = config->channel_life_s,
	};
	enum status status = world_init(&s->world, &limits, config->dir, err);

	if (status)
		return status;
	s->world.deliver = socket_deliver;
	s->world.channel_gone = sockets_of_channel_leave;
	s->world.arg = s;
	add_users(s);
	for (size_t i = 0; i < config->fault_count && !status; i++)
		status = faults_add(&s->faults, config->faults[i], err);
	return status;
}

static enum status start_net(struct sandbox *s, struct err *err)
{
	const struct sandbox_config *config = s->config;
	struct net_config net = {
		.address = config->address,
		.port = config->port,
		.queue_max = (size_t)config->queue_bytes,
		.handler = &server_handler,
		.arg = s,
	};
	bool v6 = strchr(config->address, ':');
	enum status status = ST_OK;

	if (config->tls) {
		status = cert_make(&s->cert, &s->key, (int)config->cert_days, config->cert_host, err);
		net.cert_pem = &s->cert;
		net.key_pem = &s->key;
	}
	if (!status)
		status = net_new(&s->net, &net, err);
	if (status)
		return status;
	snprintf(s->base_url, sizeof(s->base_url), "%s://%s%s%s:%u", config->tls ? "https" : "http", v6 ? "[" : "",
		config->address, v6 ? "]" : "", net_port(s->net));
	s->sweep = net_timer_new(s->net, sweep, s);
	s->drops = net_timer_new(s->net, drop, s);
	net_timer_set(s->sweep, SWEEP_MS);
	plan_drop(s);
	return ST_OK;
}

enum status sandbox_new(struct sandbox **out, const struct sandbox_config *config, struct err *err)
{
	struct sandbox *s = xcalloc(1, sizeof(*s));
	enum status status;

	s->config = config;
	s->world.objects_fd = -1;
	s->mute = config->mute;
	s->fragment = config->fragment;
	s->duplicate = config->duplicate;
	s->reorder = config->reorder;
	buf_init(&s->cert, PEM_MAX);
	buf_init_secret(&s->key, PEM_MAX);
	buf_init(&s->frame, BUF_NO_MAX);
	random_bytes(s->token_key, sizeof(s->token_key));
	status = make_world(s, err);
	if (!status && config->record)
		status = record_new(&s->record, config->record, err);
	if (!status)
		status = start_net(s, err);
	if (status)
		sandbox_free(s);
	else
		*out = s;
	return status;
}

void sandbox_free(struct sandbox *s)
{
	if (!s)
		return;
	s->world.channel_gone = NULL; /* the connections go by themselves */
	bursts_free(s);
	net_timer_free(s->sweep);
	net_timer_free(s->drops);
	net_free(s->net);
	world_release(&s->world);
	faults_release(&s->faults);
	record_free(s->record);
	buf_release(&s->cert);
	buf_release(&s->key);
	buf_release(&s->frame);
	free(s);
}

const char *sandbox_base_url(const struct sandbox *s)
{
	return s->base_url;
}

const struct buf *sandbox_cert(const struct sandbox *s)
{
	return &s->cert;
}

enum status sandbox_watch(struct sandbox *s, int fd, bool (*ready)(void *arg), void *arg, struct err *err)
{
	return net_watch(s->net, fd, ready, arg, err);
}

void sandbox_run(struct sandbox *s)
{
	net_run(s->net);
}

void sandbox_stop(struct sandbox *s)
{
	net_stop(s->net);
}
