/* Timers, and the table of the functions of libwebsockets, which net.c fills. */
#include "sandbox/net-int.h"

#include "base/mem.h"

#include <stdlib.h>

struct net_lws net_lws;

struct net_timer {
	lws_sorted_usec_list_t sul;
	struct net *net;
	void (*fire)(void *arg);
	void *arg;
};

static void timer_fired(lws_sorted_usec_list_t *sul)
{
	struct net_timer *timer = lws_container_of(sul, struct net_timer, sul);

	timer->fire(timer->arg);
}

struct net_timer *net_timer_new(struct net *net, void (*fire)(void *arg), void *arg)
{
	struct net_timer *timer = xcalloc(1, sizeof(*timer));

	timer->net = net;
	timer->fire = fire;
	timer->arg = arg;
	return timer;
}

void net_timer_set(struct net_timer *timer, int64_t ms)
{
	if (ms < 0)
		lws_sul_cancel(&timer->sul);
	else
		lws_sul_schedule(timer->net->context, 0, &timer->sul, timer_fired, ms ? ms * LWS_US_PER_MS : 1);
}

void net_timer_free(struct net_timer *timer)
{
	if (!timer)
		return;
	lws_sul_cancel(&timer->sul);
	free(timer);
}
