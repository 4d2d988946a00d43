/*
 * When a token is renewed, and by which of the profile's processes.
 *
 * A process that needs a token takes the renewal lock, reads the cache again, and sends a request only if no other
 * process has renewed meanwhile. It releases the lock before it waits for its next attempt, so that each process
 * follows its own retry policy if the service is down. The lock ends with its process. A renewal that is merely due
 * (half of the lifetime is over, but the token is valid) never waits for the lock, and may fail.
 */
#include "client/client-int.h"

#include "wire/auth.h"
#include "base/clock.h"
#include "base/interrupt.h"
#include "base/log.h"

#include <string.h>
#include <unistd.h>

#define RENEWAL_LOCK ".renew"
#define MARGIN_MS INT64_C(2000) /* a token must not expire during the request */
#define PAUSE_MS INT64_C(30000) /* between two attempts to renew a token that is due */
#define RECHECK_MS INT64_C(1000) /* between two checks for a token that another process renews */
#define LOCK_SLICE_MS 100 /* interval of checks for that token while this process waits for it */
#define LOCK_WAIT_MS INT64_C(90000) /* minimum; more if requests may take longer */

enum need { NOT_DUE, DUE, REQUIRED };

static int64_t margin_ms(const struct session *session)
{
	int64_t tenth = (session->expires_ms - session->issued_ms) / 10;

	return tenth < MARGIN_MS ? tenth : MARGIN_MS;
}

static enum need need_of(const struct client *client, const struct secret *stale)
{
	const struct session *session = &client->session;
	int64_t now = clock_wall_ms();

	if (!client->session_matches || (stale && stale->s && secret_equal(stale, &session->access_token)))
		return REQUIRED;
	if (now >= session->expires_ms - margin_ms(session))
		return REQUIRED;
	return now >= auth_renewal_ms(session) && clock_mono_ms() >= client->renewal_pause_ms ? DUE : NOT_DUE;
}

static bool can_refresh(const struct client *client)
{
	const struct session *session = &client->session;

	return client->session_matches && session->refresh_token.s &&
		(!session->refresh_expires_ms || clock_wall_ms() < session->refresh_expires_ms);
}

static enum status not_logged_in(const struct client *client, struct err *err)
{
	const struct session *session = &client->session;
	const char *option = store_option(client->store);
	const char *name, *session_value, *setting;

	if (session->access_token.s && !client->session_matches &&
		(name = client_mismatch(client, &session_value, &setting)))
		return err_set(err, ST_AUTH,
			"profile '%s' is logged in with %s '%s', but the settings say '%s' ('kandy whoami' shows their sources); run 'kandy login%s', or choose another --profile",
			store_profile(client->store), name, session_value, setting, option);
	if (session->user_id)
		return err_set(err, ST_AUTH, "login expired; run 'kandy login%s'", option);
	return err_set(err, ST_AUTH, "not logged in; run 'kandy login%s'", option);
}

/* One attempt, with the renewal lock held, and the cache read under it. `secret` is kept for the next one. */
static enum status renew_locked(struct client *client, struct secret *secret, struct err *err)
{
	enum status st = ST_AUTH;
	bool got = false, login = true;

	if (can_refresh(client)) {
		st = tokens_refresh(client, &got, err);
		login = st == ST_AUTH && !got;
		if (login)
			log_verbose("token refresh failed: %s", err->text);
		/* without a source for a login, the reason is reported, unless it is just a refusal */
		if (login && !tokens_secret_source(client) && strcmp(err->code, "invalid_grant"))
			return st;
	}
	if (login && tokens_secret_source(client))
		st = tokens_login(client, secret, false, &got, err);
	else if (login)
		st = not_logged_in(client, err);
	if (st && got) {
		log_warn("cannot save the new token: %s", err->text);
		st = ST_OK;
	}
	return st;
}

/* ---- one process at a time ------------------------------------------------------------------ */

/* Batches make thousands of calls: not each of them tries a renewal that is merely due. */
static void defer_renewal(struct client *client, int64_t ms)
{
	client->renewal_pause_ms = clock_mono_ms() + ms;
}

/* How long to wait for another process. */
static int64_t lock_timeout_ms(const struct client *client)
{
	return client->config.timeout_ms * 2 > LOCK_WAIT_MS ? client->config.timeout_ms * 2 : LOCK_WAIT_MS;
}

static enum status try_lock(struct client *client, int wait_ms, int *fd, struct err *err)
{
	enum status st = store_lock(client->store, RENEWAL_LOCK, wait_ms, fd, err);
	enum status reloaded;

	if (st && st != ST_TEMPFAIL)
		return st;
	if ((reloaded = client_reload(client, err))) {
		if (!st)
			close(*fd);
		return reloaded;
	}
	return st;
}

/*
 * Waits for the lock, or for the token of the process that holds it, until `deadline`. With ST_OK, `*need` says what
 * remains to be done, and `*fd` is the lock, or -1 if it is not needed.
 */
static enum status wait_for_lock(struct client *client, const struct secret *stale, int64_t deadline, enum need *need,
	int *fd, struct err *err)
{
	enum status st;

	for (;;) {
		*fd = -1;
		st = try_lock(client, *need == REQUIRED ? LOCK_SLICE_MS : 0, fd, err);
		if (st && st != ST_TEMPFAIL)
			return st;
		*need = need_of(client, stale);
		if (!st && *need == NOT_DUE) {
			close(*fd);
			*fd = -1;
		}
		if (!st)
			return ST_OK;
		if (*need != REQUIRED) {
			*need = NOT_DUE; /* another process renews it */
			defer_renewal(client, RECHECK_MS);
			return ST_OK;
		}
		if (clock_mono_ms() >= deadline)
			return err_set(err, ST_TEMPFAIL,
				"no token: other processes of this profile have been requesting one from '%s' for %d s",
				client->base.origin, (int)(lock_timeout_ms(client) / 1000));
	}
}

/*
 * Follows the retry policy if a token is required. The time that others hold the lock counts; if they hold it for too
 * long, the error of this process's own attempt is reported, if there was one.
 */
static enum status renew(struct client *client, const struct secret *stale, enum need *need, struct err *err)
{
	int64_t now = clock_mono_ms(), deadline = now + lock_timeout_ms(client);
	struct secret secret = { 0 };
	struct retry retry;
	enum status st = ST_OK;
	int fd;

	retry_start(&retry, &client->config.retry, now);
	do {
		struct err why = ERR_INIT;
		enum status turn = wait_for_lock(client, stale, deadline, need, &fd, &why);

		if (turn) {
			if (!st || turn != ST_TEMPFAIL) {
				st = turn;
				*err = why;
			}
			break;
		}
		if (*need == NOT_DUE) {
			st = ST_OK;
			break;
		}
		st = renew_locked(client, &secret, err);
		close(fd);
	} while (st && *need == REQUIRED && tokens_wait_for_retry(&retry, &st, err));
	secret_release(&secret);
	return st;
}

enum status client_authenticate(struct client *client, const struct secret *stale, struct err *err)
{
	enum need need = need_of(client, stale);
	struct err why = ERR_INIT;
	enum status st;

	if (need == NOT_DUE)
		return ST_OK;
	if ((st = client_reload(client, err)))
		return st;
	need = need_of(client, stale);
	if (need == NOT_DUE)
		return ST_OK;
	if (!can_refresh(client) && !tokens_secret_source(client)) {
		defer_renewal(client, PAUSE_MS);
		return need == DUE ? ST_OK : not_logged_in(client, err);
	}
	st = renew(client, stale, &need, &why);
	if (st && need == DUE && !interrupt_status()) {
		log_verbose("cannot renew the token yet: %s", why.text);
		defer_renewal(client, PAUSE_MS);
		st = ST_OK;
	}
	if (st && err)
		*err = why;
	return st;
}

enum status client_login(struct client *client, struct err *err)
{
	struct session session = { 0 };
	struct secret secret = { 0 };
	struct err why = ERR_INIT;
	bool project, got;
	enum status st;
	int fd;

	/* prompt before the lock is taken, so that other processes need not wait for the answer */
	if (!(st = tokens_login_session(client, &session, &project, &why)) && !tokens_secret_source(client))
		st = err_set(&why, ST_AUTH, "no source of the %s is configured; see 'kandy login --help'",
			project ? "client secret" : "password");
	if (!st)
		st = tokens_secret_source(client)(client->config.secret_arg, &secret, &why);
	session_release(&session);
	if (!st && !(st = store_lock(client->store, RENEWAL_LOCK, (int)lock_timeout_ms(client), &fd, &why))) {
		st = tokens_login(client, &secret, true, &got, &why);
		close(fd);
	}
	secret_release(&secret);
	if (st && err)
		*err = why;
	return st;
}
