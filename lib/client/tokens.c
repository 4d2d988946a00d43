/*
 * Requests for tokens, by a login or with a refresh token. When, and by which process, is decided in renewal.c.
 */
#include "client/client-int.h"

#include "wire/auth.h"
#include "wire/service_error.h"
#include "base/clock.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/random.h"

#include <stdlib.h>
#include <string.h>

#define FORM_MAX ((size_t)256 * 1024)

/* Without --project and --username, the last login decides. */
static bool is_project(const struct client *client)
{
	const char *grant = client->session.grant;

	return client->config.project ||
		(!client->config.username && grant && !strcmp(grant, auth_grant_name(AUTH_PROJECT)));
}

client_secret_source *tokens_secret_source(const struct client *client)
{
	return is_project(client) ? client->config.client_secret : client->config.password;
}

/* ---- saving -------------------------------------------------------------------------------- */

/* Changes the session as the file has it now: its channel and correlator may be newer. */
static enum status save_tokens(struct session *session, void *arg, struct err *err)
{
	const struct session *new = arg;

	(void)err;
	if (!str_equal(session->user_id, new->user_id) || !str_equal(session->base_url, new->base_url))
		session_forget_channel(session);
	session_copy_login(session, new);
	if (!session->correlator) {
		char id[33];

		random_id(id);
		session->correlator = xstrdup(id);
	}
	return ST_OK;
}

/* The server has rejected this refresh token for good. */
static enum status drop_refresh_token(struct session *session, void *arg, struct err *err)
{
	const struct secret *refused = arg;

	(void)err;
	if (secret_equal(&session->refresh_token, refused))
		secret_release(&session->refresh_token);
	return ST_OK;
}

/* ---- requests ------------------------------------------------------------------------------ */

/* One message for refused credentials, whatever the server calls the error. */
static void explain_refusal(const struct client *client, enum auth_grant grant, const struct session *session,
	struct err *err)
{
	struct err original = *err;

	if (err->outcome != ERR_REFUSED || err->status != ST_AUTH)
		return;
	if (grant == AUTH_PASSWORD && !strcmp(err->code, "invalid_grant"))
		err_set(err, ST_AUTH, "wrong user name or password for '%s' at %s", session->username,
			client->base.origin);
	else if (!strcmp(err->code, "invalid_client") || !strcmp(err->code, "unauthorized_client") ||
		(grant == AUTH_PROJECT && !strcmp(err->code, "invalid_grant")))
		err_set(err, ST_AUTH, "%s rejects the client ID '%s'%s", client->base.origin, session->client_id,
			grant == AUTH_PROJECT ? " with this client secret" : "");
	else
		err_prefix(err, "%s refused the login", client->base.origin);
	err->outcome = original.outcome;
	err->http = original.http;
	memcpy(err->code, original.code, sizeof(err->code));
}

/* One attempt. `session` names the account and receives the tokens. */
static enum status request_once(struct client *client, const struct buf *form, struct session *session, struct err *err)
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
		st = service_error_shape(&response, "POST " AUTH_PATH, "not JSON", err);
	else
		st = auth_decode(json_root(&doc), clock_wall_ms(), session, err);
out:
	json_release(&doc);
	http_response_release(&response);
	free(url);
	return st;
}

bool tokens_wait_for_retry(struct retry *retry, enum status *status, struct err *err)
{
	int64_t delay = retry_delay(retry, err, true, clock_mono_ms());

	if (delay < 0)
		return false;
	log_verbose("%s; retrying in %.1f s", err->text, (double)delay / 1000);
	interrupt_sleep_ms(delay);
	if (interrupt_status())
		*status = err_set(err, interrupt_status(), "interrupted");
	return !interrupt_status();
}

/*
 * Requests tokens once, or by the retry policy. After a lost response the request is sent again: at worst the server
 * rejects the refresh token as used, and then a login would have been needed anyway.
 */
static enum status request_tokens(struct client *client, enum auth_grant grant, const struct secret *secret,
	struct session *session, bool retry, struct err *err)
{
	static const struct retry_policy once = { 0 };
	struct retry tries;
	struct buf form;
	enum status st;

	buf_init_secret(&form, FORM_MAX);
	auth_encode(&form, grant, session->client_id, session->username, secret);
	if (form.overflow) {
		st = err_set(err, ST_DATA, "user name and password too long: the request would exceed %zu bytes",
			FORM_MAX);
		goto out;
	}
	retry_start(&tries, retry ? &client->config.retry : &once, clock_mono_ms());
	do
		st = request_once(client, &form, session, err);
	while (st && tokens_wait_for_retry(&tries, &st, err));
	if (st)
		explain_refusal(client, grant, session, err);
out:
	buf_release(&form);
	return st;
}

/* If the file cannot be written, this process uses the tokens all the same. */
static enum status keep(struct client *client, struct session *new, struct err *err)
{
	enum status st = client_update(client, save_tokens, new, err);

	if (st) {
		struct err ignored;

		(void)!save_tokens(&client->session, new, &ignored);
		client->session_matches = true;
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
			"missing client ID; give --client-id, set KANDY_CLIENT_ID, or put "
			"'client-id' into the configuration file");
	if (!*project && !username)
		return err_set(err, ST_CONFIG,
			"missing user name; give --username, set KANDY_USERNAME, or put "
			"'username' into the configuration file");
	session->base_url = xstrdup(client->base.origin);
	session->client_id = xstrdup(client_id);
	session->username = *project ? NULL : xstrdup(username);
	session->grant = xstrdup(auth_grant_name(*project ? AUTH_PROJECT : AUTH_PASSWORD));
	return ST_OK;
}

enum status tokens_login(struct client *client, struct secret *secret, bool retry, bool *got, struct err *err)
{
	struct session session = { 0 };
	enum status st;
	bool project;

	*got = false;
	st = tokens_login_session(client, &session, &project, err);
	if (!st && !secret->s)
		st = tokens_secret_source(client)(client->config.secret_arg, secret, err);
	if (!st)
		st = request_tokens(client, project ? AUTH_PROJECT : AUTH_PASSWORD, secret, &session, retry, err);
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
	st = request_tokens(client, AUTH_REFRESH, &token, &session, false, err);
	*got = !st;
	if (!st) {
		log_verbose("token refreshed");
		st = keep(client, &session, err);
	} else if (err->outcome == ERR_REFUSED && !strcmp(err->code, "invalid_grant")) {
		(void)!client_update(client, drop_refresh_token, &token, NULL);
	}
	secret_release(&token);
	session_release(&session);
	return st;
}
