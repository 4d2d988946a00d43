#include "sandbox/sandbox-int.h"

#include "base/clock.h"

int64_t sandbox_time(const struct sandbox *s)
{
	return clock_wall_ms() + s->ahead_ms;
}

int64_t sandbox_rest_time(const struct sandbox *s, int64_t ms)
{
	return s->config->milliseconds ? ms : ms / 1000;
}

int64_t sandbox_message_time(const struct sandbox *s)
{
	return s->message_time_ms ? s->message_time_ms : sandbox_time(s);
}
