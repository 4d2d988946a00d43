#include "sandbox/sandbox-int.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "crypto/crypto.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXPIRY_MS = 250, PEM_MAX = 16 * 1024 };

static void expire(void *arg)
{
	struct sandbox *s = arg;

	world_expire(&s->world, clock_wall_ms());
	net_timer_set(s->expiry, EXPIRY_MS);
}

static void plan_drop(struct sandbox *s)
{
	int64_t every = s->config->drop_every_ms;

	if (every > 0 && (!s->config->drop_times || s->dropped < s->config->drop_times))
		net_timer_set(s->drops, every / 2 + random_below(every + 1));
}

static void drop_sockets(void *arg)
{
	struct sandbox *s = arg;

	if (socket_drop_all(s, s->dropped % 2 ? CONN_RESET : CONN_DROP, NULL))
		s->dropped++;
	plan_drop(s);
}

static enum status make_world(struct sandbox *s, struct err *err)
{
	enum status status = world_init(&s->world, s->config, err);

	s->world.deliver = socket_deliver;
	s->world.channel_removed = socket_leave_channel;
	s->world.arg = s;
	for (size_t i = 0; i < s->config->fault_count && !status; i++)
		status = faults_add(&s->faults, s->config->faults[i], err);
	return status;
}

static enum status start_net(struct sandbox *s, struct err *err)
{
	const struct sandbox_config *config = s->config;
	bool v6 = strchr(config->address, ':');
	enum status status = ST_OK;

	if (!config->no_tls)
		status = cert_make(&s->cert, &s->key, (int)config->cert_days, config->cert_host, err);
	if (!status)
		status = net_new(&s->net, config, &s->cert, &s->key, &server_handler, s, err);
	if (status)
		return status;
	snprintf(s->base_url, sizeof(s->base_url), "%s://%s%s%s:%u", config->no_tls ? "http" : "https", v6 ? "[" : "",
		config->address, v6 ? "]" : "", net_port(s->net));
	s->expiry = net_timer_new(s->net, expire, s);
	s->drops = net_timer_new(s->net, drop_sockets, s);
	net_timer_set(s->expiry, EXPIRY_MS);
	plan_drop(s);
	return ST_OK;
}

enum status sandbox_new(struct sandbox **out, const struct sandbox_config *config, struct err *err)
{
	struct sandbox *s = xcalloc(1, sizeof(*s));
	enum status status;

	s->config = config;
	s->world.objects_fd = -1;
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
	s->world.channel_removed = NULL; /* net_free() closes the sockets */
	burst_free_all(s);
	net_timer_free(s->expiry);
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
