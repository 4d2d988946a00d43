#include "sandbox/sandbox-int.h"

#include <string.h>

bool routes_match(const struct sandbox_request *r, const char *path, const char *args[static ROUTE_ARGS_MAX],
	const char **user)
{
	size_t arg_count = 0;

	*user = NULL;
	for (size_t i = 0; i < r->segment_count; i++) {
		size_t len = strcspn(path, "/");
		const char *got = r->segments[i];

		if (!len)
			return false;
		if (len == 1 && *path == ':') {
			args[arg_count++] = got;
		} else if (*path == ':') {
			if (*user && strcmp(*user, got) != 0)
				return false;
			*user = got;
		} else if (strlen(got) != len || strncmp(got, path, len) != 0) {
			return false;
		}
		path += len + (path[len] == '/');
	}
	return !*path;
}

static bool parse_body(struct call *call)
{
	static const struct json_limits limits = { .bytes = BODY_MAX, .depth = 32, .values = 100000 };

	if (!strcmp(call->request->method, "GET") || !strcmp(call->request->method, "DELETE"))
		return true;
	if (!json_parse(&call->doc, call->body, call->body_len, &limits, NULL) &&
		json_type(json_root(&call->doc)) == JSON_OBJECT)
		return true;
	response_invalid(&call->response, "body");
	return false;
}

static void handle(struct call *call, const struct route *route, const char *user)
{
	if (!(route->flags & ROUTE_OPEN) && !token_authorize(call))
		return;
	call->kind = route->kind;
	if (user && strcmp(user, call->user->id) != 0)
		response_forbidden(&call->response, "userId");
	else if ((route->flags & ROUTE_FORM) || parse_body(call))
		route->handle(call);
}

void routes_call(struct call *call)
{
	static const struct route *const tables[] = { token_routes, control_routes, channel_routes, chat_routes,
		history_routes, group_routes, sms_routes, attachment_routes, socket_routes };
	bool path_known = false;
	const char *user;

	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++)
		for (const struct route *route = tables[i]; route->method; route++) {
			if (!routes_match(call->request, route->path, call->args, &user))
				continue;
			if (!strcmp(call->request->method, route->method)) {
				handle(call, route, user);
				return;
			}
			path_known = true;
		}
	response_error(&call->response, path_known ? 405 : 404, "SVC0001", path_known ? "method" : "path");
}
