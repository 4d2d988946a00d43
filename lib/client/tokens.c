/*
 * Tokens asked for, by a login or with a refresh token, and put into the session. When that is
 * done, and by which of many processes, is the matter of renewal.c.
 */
#include "client/client-int.h"

#include "wire/auth.h"
#include "wire/service_error.h"
#include "base/clock.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"

#include <stdlib.h>
#include <string.h>

#define FORM_MAX ((size_t)256 * 1024)

/* A project has no user name: what is not said is taken from the session that is there. */
static bool is_project(const struct client *client)
{
	const char *grant = client->session.grant;

	return client->config.project ||
		(!client->config.username && grant && !strcmp(grant, auth_grant_name(AUTH_PROJECT)));
}

/* NULL where none is configured. */
client_secret_source *tokens_secret_source(const struct client *client)
{
	return is_project(client) ? client->config.client_secret : client->config.password;
}

/* ---- saving -------------------------------------------------------------------------------- */

static void replace_text(char **to, const char *from)
{
	char *copy = xstrdup_null(from);

	free(*to);
	*to = copy;
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

/*
 * Puts what was got into what the file has by now: channel and correlator there may be newer than
 * ours.
 */
static enum status put_tokens(struct session *session, void *arg, struct err *err)
{
	const struct session *got = arg;

	(void)err;
	if (!same_text(session->user_id, got->user_id) || !same_text(session->base_url, got->base_url))
		session_forget_channel(session);
	replace_text(&session->base_url, got->base_url);
	replace_text(&session->client_id, got->client_id);
	replace_text(&session->username, got->username);
	replace_text(&session->grant, got->grant);
	replace_text(&session->user_id, got->user_id);
	replace_text(&session->address, got->address);
	if (!session->correlator) {
		char id[33];

		random_id(id);
		session->correlator = xstrdup(id);
	}
	secret_copy(&session->access_token, &got->access_token);
	secret_copy(&session->id_token, &got->id_token);
	secret_copy(&session->refresh_token, &got->refresh_token);
	session->issued_ms = got->issued_ms;
	session->expires_ms = got->expires_ms;
	session->refresh_expires_ms = got->refresh_expires_ms;
	return ST_OK;
}

/* The server will not take this refresh token again: nobody needs to try. */
static enum status drop_refresh_token(struct session *session, void *arg, struct err *err)
{
	const struct secret *refused = arg;

	(void)err;
	if (secret_equal(&session->refresh_token, refused))
		secret_release(&session->refresh_token);
	return ST_OK;
}

/* ---- asking -------------------------------------------------------------------------------- */

/* One sentence for the person whose credentials were refused, whatever the server calls it. */
static void explain_refusal(const struct client *client, enum auth_grant grant, const struct session *session,
	struct err *err)
{
	struct err said = *err;

	if (err->outcome != ERR_REFUSED || err->status != ST_AUTH)
		return;
	if (grant == AUTH_PASSWORD && !strcmp(err->code, "invalid_grant"))
		err_set(err, ST_AUTH, "wrong user name or password for '%s' at %s", session->username,
			client->base.origin);
	else if (!strcmp(err->code, "invalid_client") || !strcmp(err->code, "unauthorized_client") ||
		(grant == AUTH_PROJECT && !strcmp(err->code, "invalid_grant")))
		err_set(err, ST_AUTH, "%s does not accept the client ID '%s'%s", client->base.origin,
			session->client_id, grant == AUTH_PROJECT ? " with this client secret" : "");
	else
		err_prefix(err, "%s refuses the login", client->base.origin);
	err->outcome = said.outcome;
	err->http = said.http;
	memcpy(err->code, said.code, sizeof(err->code));
}

/* One attempt; `session` says who asks, and has the tokens afterwards. */
static enum status ask_once(struct client *client, const struct buf *form, struct session *session, struct err *err)
{
	char *url = xasprintf("%s" AUTH_PATH, client->base.origin);
	struct http_request request = {
		.method = "POST",
		.url = url,
		.content_type = AUTH_CONTENT_TYPE,
		.body = form->data,
		.body_len = form->len,
		.body_secret = true,
	};
	struct http_response response = { 0 };
	struct json_doc doc = { 0 };
	enum status st = http_perform(client->http, &request, &response, err);

	if (st)
		goto out;
	response.body.secret = true;
	if (response.status < 200 || response.status > 299)
		st = service_error(&response, "POST " AUTH_PATH, err);
	else if (json_parse(&doc, response.body.data, response.body.len, NULL, NULL))
		st = service_error_shape(&response, "POST " AUTH_PATH, "no JSON", err);
	else
		st = auth_decode(json_root(&doc), clock_wall_ms(), session, err);
out:
	json_release(&doc);
	http_response_release(&response);
	free(url);
	return st;
}

/*
 * Asks for tokens once, or until there is an answer or the policy gives up. A lost answer is asked for
 * again: at worst the server calls the refresh token used, and then a login is what would have been
 * needed anyway.
 */
static enum status ask(struct client *client, enum auth_grant grant, const struct secret *secret,
	struct session *session, bool patient, struct err *err)
{
	static const struct retry_policy once = { 0 };
	struct retry retry;
	struct buf form;
	enum status st;

	buf_init_secret(&form, FORM_MAX);
	auth_encode(&form, grant, session->client_id, session->username, secret);
	if (form.overflow) {
		st = err_set(err, ST_DATA,
			"user name and password are too long together: the login would be larger than %zu bytes",
			FORM_MAX);
		goto out;
	}
	retry_start(&retry, patient ? &client->config.retry : &once, clock_mono_ms());
	while ((st = ask_once(client, &form, session, err))) {
		int64_t delay = retry_delay(&retry, err, true, clock_mono_ms());

		if (delay < 0) {
			explain_refusal(client, grant, session, err);
			break;
		}
		log_verbose("%s; trying again in %.1f s", err->text, (double)delay / 1000);
		interrupt_sleep_ms(delay);
		if (interrupt_status()) {
			st = err_set(err, interrupt_status(), "interrupted");
			break;
		}
	}
out:
	buf_release(&form);
	return st;
}

/*
 * Saves what was got. The tokens are good even where the file cannot be written: then they serve
 * this process alone.
 */
static enum status keep(struct client *client, struct session *got, struct err *err)
{
	enum status st = client_update(client, put_tokens, got, err);

	if (st) {
		struct err ignored;

		(void)!put_tokens(&client->session, got, &ignored);
		client->usable = true;
	}
	return st;
}

enum status tokens_login_session(const struct client *client, struct session *session, bool *project, struct err *err)
{
	const struct client_config *config = &client->config;
	const struct session *old = &client->session;
	const char *client_id = config->client_id ? config->client_id : old->client_id;
	const char *username = config->username ? config->username : old->username;

	*project = is_project(client);
	if (!client_id)
		return err_set(err, ST_CONFIG,
			"no client ID is known; give --client-id, set KANDY_CLIENT_ID, or put "
			"'client-id' into the configuration");
	if (!*project && !username)
		return err_set(err, ST_CONFIG,
			"no user name is known; give --username, set KANDY_USERNAME, or put "
			"'username' into the configuration");
	session->base_url = xstrdup(client->base.origin);
	session->client_id = xstrdup(client_id);
	session->username = *project ? NULL : xstrdup(username);
	session->grant = xstrdup(auth_grant_name(*project ? AUTH_PROJECT : AUTH_PASSWORD));
	return ST_OK;
}

enum status tokens_login(struct client *client, struct secret *secret, bool patient, bool *got, struct err *err)
{
	struct session session = { 0 };
	enum status st;
	bool project;

	*got = false;
	st = tokens_login_session(client, &session, &project, err);
	if (!st && !secret->s)
		st = tokens_secret_source(client)(client->config.secret_arg, secret, err);
	if (!st)
		st = ask(client, project ? AUTH_PROJECT : AUTH_PASSWORD, secret, &session, patient, err);
	if (!st) {
		*got = true;
		log_verbose("logged in as '%s'", session.address);
		st = keep(client, &session, err);
	}
	session_release(&session);
	return st;
}

enum status tokens_refresh(struct client *client, bool *got, struct err *err)
{
	struct session session = { 0 };
	struct secret token = { 0 };
	enum status st;

	session_copy(&session, &client->session);
	secret_copy(&token, &session.refresh_token);
	st = ask(client, AUTH_REFRESH, &token, &session, false, err);
	*got = !st;
	if (!st) {
		log_verbose("renewed the token");
		st = keep(client, &session, err);
	} else if (err->outcome == ERR_REFUSED && !strcmp(err->code, "invalid_grant")) {
		(void)!client_update(client, drop_refresh_token, &token, NULL);
	}
	secret_release(&token);
	session_release(&session);
	return st;
}
