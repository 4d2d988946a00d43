/*
 * When a token is got, and by which of the profile's processes.
 *
 * Whoever needs a new token takes the renewal lock, looks into the cache once more, and asks the
 * server only if the others have left nothing there. It does so once, and waits for its next attempt
 * without the lock: where the service is away, each process is at it for as long as its own policy
 * says. The lock goes with its process, so a process that is killed inside blocks nobody. A renewal
 * that can wait (half of the lifetime is over, and the token is still good) never waits for a lock,
 * and its failure is none.
 */
#include "client/client-int.h"

#include "wire/auth.h"
#include "client/channel.h"
#include "base/clock.h"
#include "base/interrupt.h"
#include "base/log.h"

#include <string.h>
#include <unistd.h>

/* a token that ends while the request is under way is as good as ended */
#define MARGIN_MS INT64_C(2000)
#define PAUSE_MS INT64_C(30000) /* between two tries of a renewal that can wait */
#define GLANCE_MS INT64_C(1000) /* between two looks at what another process has made of it */
#define TURN_SLICE_MS 100 /* how often the cache is looked at while another process renews */
#define TURN_WAIT_MS INT64_C(90000) /* at least; more where requests may take longer */

enum need { FINE, SOON, NOW };

static int64_t margin_ms(const struct session *session)
{
	int64_t tenth = (session->expires_ms - session->issued_ms) / 10;

	return tenth < MARGIN_MS ? tenth : MARGIN_MS;
}

static enum need need_of(const struct client *client, const struct secret *stale)
{
	const struct session *session = &client->session;
	int64_t now = clock_wall_ms();

	if (!client->usable || (stale && stale->s && secret_equal(stale, &session->access_token)))
		return NOW;
	if (now >= session->expires_ms - margin_ms(session))
		return NOW;
	return now >= auth_renewal_ms(session) && clock_mono_ms() >= client->renewal_pause_ms ? SOON : FINE;
}

static bool can_refresh(const struct client *client)
{
	const struct session *session = &client->session;

	return client->usable && session->refresh_token.s &&
		(!session->refresh_expires_ms || clock_wall_ms() < session->refresh_expires_ms);
}

static enum status not_logged_in(const struct client *client, struct err *err)
{
	const struct session *session = &client->session;
	const char *option = store_option(client->store);
	const char *name, *session_value, *setting;

	if (session->access_token.s && !client->usable && (name = client_mismatch(client, &session_value, &setting)))
		return err_set(err, ST_AUTH,
			"profile '%s' is logged in with %s '%s', but the settings say '%s' ('kandy whoami' tells where they come from); run 'kandy login%s', or choose another --profile",
			store_profile(client->store), name, session_value, setting, option);
	if (session->user_id)
		return err_set(err, ST_AUTH, "not logged in any more; run 'kandy login%s'", option);
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
			log_verbose("the server does not renew the token: %s", err->text);
		/* without another way in, what it said is said, unless that is just "no" */
		if (login && !tokens_secret_source(client) && strcmp(err->code, "invalid_grant"))
			return st;
	}
	if (login && tokens_secret_source(client))
		st = tokens_login(client, secret, false, &got, err);
	else if (login)
		st = not_logged_in(client, err);
	if (st && got) {
		log_warn("the new token could not be saved: %s", err->text);
		st = ST_OK;
	}
	return st;
}

/* ---- taking turns -------------------------------------------------------------------------- */

/* No call looks for a renewal that can wait before that time: batches make thousands of them. */
static void put_off(struct client *client, int64_t ms)
{
	client->renewal_pause_ms = clock_mono_ms() + ms;
}

/* How long another process may take before it is given up on. */
static int64_t patience_ms(const struct client *client)
{
	return client->config.timeout_ms * 2 > TURN_WAIT_MS ? client->config.timeout_ms * 2 : TURN_WAIT_MS;
}

static enum status lock_slice(struct client *client, int wait_ms, int *fd, struct err *err)
{
	enum status st = store_lock_renewal(client->store, wait_ms, fd, err);
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
 * Waits for the lock, or for the token that its holder gets, until `deadline`. With ST_OK, `*need` says what is left
 * to do, and `*fd` is the lock, or -1 where it is not needed any more.
 */
static enum status take_turn(struct client *client, const struct secret *stale, int64_t deadline, enum need *need,
	int *fd, struct err *err)
{
	enum status st;

	for (;;) {
		*fd = -1;
		st = lock_slice(client, *need == NOW ? TURN_SLICE_MS : 0, fd, err);
		if (st && st != ST_TEMPFAIL)
			return st;
		*need = need_of(client, stale);
		if (!st && *need == FINE) {
			close(*fd);
			*fd = -1;
		}
		if (!st)
			return ST_OK;
		if (*need != NOW) {
			*need = FINE; /* another process is at it */
			put_off(client, GLANCE_MS);
			return ST_OK;
		}
		if (clock_mono_ms() >= deadline)
			return err_set(err, ST_TEMPFAIL,
				"there is no token yet: for %d s, other processes of this profile have been asking '%s' for one",
				(int)(patience_ms(client) / 1000), client->base.origin);
	}
}

/* False: that was the last attempt, or `err` is a signal's. */
static bool wait_for_next(struct retry *retry, enum status *status, struct err *err)
{
	int64_t delay = retry_delay(retry, err, true, clock_mono_ms());

	if (delay < 0)
		return false;
	log_verbose("%s; trying again in %.1f s", err->text, (double)delay / 1000);
	interrupt_sleep_ms(delay);
	if (interrupt_status())
		*status = err_set(err, interrupt_status(), "interrupted");
	return !interrupt_status();
}

/*
 * By the retry policy, unless it can wait. The time that others hold the lock is part of the policy's; once they have
 * held it for too long, an attempt of one's own that failed is the better reason.
 */
static enum status renew(struct client *client, const struct secret *stale, enum need *need, struct err *err)
{
	int64_t now = clock_mono_ms(), deadline = now + patience_ms(client);
	struct secret secret = { 0 };
	struct retry retry;
	enum status st = ST_OK;
	int fd;

	retry_start(&retry, &client->config.retry, now);
	do {
		struct err why = ERR_INIT;
		enum status turn = take_turn(client, stale, deadline, need, &fd, &why);

		if (turn) {
			if (!st || turn != ST_TEMPFAIL) {
				st = turn;
				*err = why;
			}
			break;
		}
		if (*need == FINE) {
			st = ST_OK;
			break;
		}
		st = renew_locked(client, &secret, err);
		close(fd);
	} while (st && *need == NOW && wait_for_next(&retry, &st, err));
	secret_release(&secret);
	return st;
}

enum status client_authenticate(struct client *client, const struct secret *stale, struct err *err)
{
	enum need need = need_of(client, stale);
	struct err why = ERR_INIT;
	enum status st;

	if (need == FINE)
		return ST_OK;
	if ((st = client_reload(client, err)))
		return st;
	need = need_of(client, stale);
	if (need == FINE)
		return ST_OK;
	if (!can_refresh(client) && !tokens_secret_source(client)) {
		put_off(client, PAUSE_MS);
		return need == SOON ? ST_OK : not_logged_in(client, err);
	}
	st = renew(client, stale, &need, &why);
	if (st && need == SOON && !interrupt_status()) {
		log_verbose("the token could not be renewed yet: %s", why.text);
		put_off(client, PAUSE_MS);
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

	/*
	 * whatever has to be asked for or waited for at a terminal, before others are made to wait
	 */
	if (!(st = tokens_login_session(client, &session, &project, &why)) && !tokens_secret_source(client))
		st = err_set(&why, ST_AUTH, "no source for the %s is configured; 'kandy login --help' lists them",
			project ? "client secret" : "password");
	if (!st)
		st = tokens_secret_source(client)(client->config.secret_arg, &secret, &why);
	session_release(&session);
	if (!st && !(st = store_lock_renewal(client->store, (int)patience_ms(client), &fd, &why))) {
		st = tokens_login(client, &secret, true, &got, &why);
		close(fd);
	}
	secret_release(&secret);
	if (st && err)
		*err = why;
	return st;
}

enum status client_logout(struct client *client, struct err *err)
{
	struct err why = ERR_INIT;
	enum status st;

	/* to log in in order to log out would be absurd */
	client->config.password = client->config.client_secret = NULL;
	if (client->usable && client->session.channel_resource && channel_delete(client, true, &why))
		log_warn("the channel could not be deleted on the server: %s", why.text);
	if ((st = store_remove(client->store, err)))
		return st;
	return client_reload(client, err);
}
