#include "cmd/send_progress.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

#include <stdio.h>
#include <unistd.h>

#define REDRAW_MS 200

void send_progress_init(struct send_progress *progress, bool quiet)
{
	*progress = (struct send_progress){ .on = !quiet && isatty(STDERR_FILENO), .began_ms = clock_mono_ms() };
}

bool send_progress_shown(const struct send_progress *progress)
{
	return progress->on;
}

static bool is_time(struct send_progress *progress, int64_t since_ms, int64_t now)
{
	if (now - since_ms < SEND_PROGRESS_AFTER_MS || now - progress->drawn_ms < REDRAW_MS)
		return false;
	progress->drawn_ms = now;
	progress->shown = true;
	return true;
}

void send_progress_upload(struct send_progress *progress, const char *name, int64_t sent, int64_t total)
{
	char done[24], all[24], rate[24];
	int64_t now;

	if (!progress->on)
		return;
	if (total < 0) {
		if (progress->shown)
			log_progress("%s", "");
		progress->upload_began_ms = 0;
		progress->shown = false;
		return;
	}
	now = clock_mono_ms();
	if (!progress->upload_began_ms)
		progress->upload_began_ms = now;
	if (!is_time(progress, progress->upload_began_ms, now))
		return;
	str_format_size(done, sent);
	str_format_size(all, total);
	str_format_size(rate, sent * 1000 / (now - progress->upload_began_ms));
	log_progress("%s: %s of %s (%lld %%), %s/s", name, done, all, (long long)(total ? sent * 100 / total : 100),
		rate);
}

static void format_time(char out[static 32], int64_t seconds)
{
	if (seconds >= 3600)
		snprintf(out, 32, "%lld:%02lld:%02lld", (long long)(seconds / 3600), (long long)(seconds / 60 % 60),
			(long long)(seconds % 60));
	else
		snprintf(out, 32, "%lld:%02lld", (long long)(seconds / 60), (long long)(seconds % 60));
}

void send_progress_batch(struct send_progress *progress, int64_t sent, int64_t lost, int64_t pending, double read)
{
	double done = (double)(sent + lost), all = read > 0 ? (done + (double)pending) / read : 0;
	int64_t now, elapsed;
	char left[32], eta[64] = "";

	/* a single message shows its upload only */
	if (!progress->on || sent + lost + pending < 2)
		return;
	now = clock_mono_ms();
	elapsed = now - progress->began_ms;
	if (!is_time(progress, progress->began_ms, now))
		return;
	if (done > 0 && all > done) {
		format_time(left, (int64_t)((double)elapsed * (all - done) / done / 1000));
		snprintf(eta, sizeof(eta), ", %s to go", left);
	}
	log_progress("%lld sent, %lld failed, %.0f/s%s", (long long)sent, (long long)lost,
		done * 1000 / (double)(elapsed ? elapsed : 1), eta);
}
