#include "sandbox/faults.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/str.h"

#include <stdlib.h>
#include <string.h>

struct fault_rule {
	int64_t from, to, each; /* every `each`th request, or 0 and from..to */
	struct fault fault;
};

struct fault_spec {
	char *text, *method, *word; /* method, word and the texts of the faults point into `text` */
	bool disabled;
	int64_t seen;
	struct fault_rule *rules;
	size_t count, cap;
};

static const struct kind {
	const char *name;
	enum fault_kind kind;
	enum { NO_NUMBER, MAY_NUMBER, MUST_NUMBER } number;
	int64_t fallback;
} kinds[] = {
	{ "drop", FAULT_DROP, MAY_NUMBER, -1 },
	{ "reset", FAULT_RESET, MAY_NUMBER, -1 },
	{ "lost", FAULT_LOST, NO_NUMBER, -1 },
	{ "hang", FAULT_HANG, NO_NUMBER, -1 },
	{ "slow", FAULT_SLOW, MUST_NUMBER, -1 },
	{ "trickle", FAULT_TRICKLE, MAY_NUMBER, 64 },
	{ "cut", FAULT_CUT, MUST_NUMBER, -1 },
	{ "stall", FAULT_STALL, MUST_NUMBER, -1 },
	{ "html", FAULT_HTML, NO_NUMBER, -1 },
	{ "empty", FAULT_EMPTY, NO_NUMBER, -1 },
	{ "badjson", FAULT_BADJSON, NO_NUMBER, -1 },
	{ "early", FAULT_EARLY, NO_NUMBER, -1 },
	{ "redirect", FAULT_REDIRECT, NO_NUMBER, -1 },
};

/* "429/2" */
static bool parse_fault(struct fault *fault, const char *text)
{
	size_t len = strcspn(text, "/");
	const char *argument = text[len] ? text + len + 1 : NULL;
	char name[16] = "";
	int64_t status;

	*fault = (struct fault){ .number = -1 };
	if (!len || len >= sizeof(name))
		return false;
	memcpy(name, text, len);
	if (str_parse_int64(name, &status)) {
		if (status < 200 || status > 599)
			return false;
		fault->kind = FAULT_STATUS;
		fault->status = (int)status;
		fault->date = argument && !strcmp(argument, "date");
		return !argument || fault->date || (str_parse_int64(argument, &fault->number) && fault->number >= 0);
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (strcmp(kinds[i].name, name) != 0)
			continue;
		fault->kind = kinds[i].kind;
		fault->number = kinds[i].fallback;
		if (fault->kind == FAULT_REDIRECT)
			return argument && *argument;
		if (!argument)
			return kinds[i].number != MUST_NUMBER;
		return kinds[i].number != NO_NUMBER && str_parse_int64(argument, &fault->number) && fault->number >= 0;
	}
	return false;
}

/* "3", "3+", "3-5", "3%" or "*". */
static bool parse_when(struct fault_rule *rule, char *text)
{
	size_t len = strlen(text);
	char *dash = strchr(text, '-'), last = len ? text[len - 1] : '\0';

	rule->from = 1;
	rule->to = INT64_MAX;
	rule->each = 0;
	if (!strcmp(text, "*"))
		return true;
	if (last == '%' || last == '+')
		text[len - 1] = '\0';
	if (last == '%')
		return str_parse_int64(text, &rule->each) && rule->each > 0;
	if (dash)
		*dash = '\0';
	if (!str_parse_int64(text, &rule->from) || rule->from < 1)
		return false;
	if (last == '+')
		return !dash;
	rule->to = rule->from;
	return !dash || (str_parse_int64(dash + 1, &rule->to) && rule->to >= rule->from);
}

static enum status refuse_kind(const char *kind, struct err *err)
{
	struct buf names;
	enum status status;

	buf_init(&names, BUF_NO_MAX);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		buf_addf(&names, ", %s%s", kinds[i].name,
			kinds[i].kind == FAULT_REDIRECT          ? "/URL"
				: kinds[i].number == MUST_NUMBER ? "/N"
								 : "");
	status = err_set(err, ST_USAGE, "invalid fault '%s': expected an HTTP status%s (see kandy-sandbox(1))", kind,
		names.data);
	buf_release(&names);
	return status;
}

static void spec_release(struct fault_spec *spec)
{
	free(spec->rules);
	free(spec->text);
}

static enum status parse_rules(struct fault_spec *spec, char *text, struct err *err)
{
	char *save, *item;

	for (item = strtok_r(text, ",", &save); item; item = strtok_r(NULL, ",", &save)) {
		struct fault_rule rule;
		char *colon = strchr(item, ':');

		if (!colon)
			return err_set(err, ST_USAGE, "invalid fault rule '%s': expected WHEN:KIND, as in 2:503", item);
		*colon = '\0';
		if (!parse_when(&rule, item))
			return err_set(err, ST_USAGE, "invalid WHEN '%s' of a fault: expected N, N+, N-M, N%% or *",
				item);
		if (!parse_fault(&rule.fault, colon + 1))
			return refuse_kind(colon + 1, err);
		rule.fault.text = colon + 1;
		if (rule.fault.kind == FAULT_REDIRECT)
			rule.fault.url = strchr(rule.fault.text, '/') + 1;
		spec->rules = xgrow(spec->rules, spec->count, &spec->cap, sizeof(*spec->rules));
		spec->rules[spec->count++] = rule;
	}
	return spec->count ? ST_OK : err_set(err, ST_USAGE, "invalid fault: expected a rule WHEN:KIND, as in 2:503");
}

enum status faults_add(struct faults *faults, const char *text, struct err *err)
{
	struct fault_spec spec = { .text = xstrdup(text) };
	char *save, *rules;
	enum status status;

	spec.method = strtok_r(spec.text, " \t", &save);
	spec.word = spec.method ? strtok_r(NULL, " \t", &save) : NULL;
	rules = spec.word ? strtok_r(NULL, " \t", &save) : NULL;
	if (!rules || strtok_r(NULL, " \t", &save))
		status = err_set(err, ST_USAGE,
			"invalid fault '%s': expected 'METHOD WORD WHEN:KIND', as in 'POST messages 2:503'", text);
	else
		status = parse_rules(&spec, rules, err);
	if (status) {
		spec_release(&spec);
		return status;
	}
	faults->specs = xgrow(faults->specs, faults->count, &faults->cap, sizeof(*faults->specs));
	faults->specs[faults->count++] = spec;
	return ST_OK;
}

void faults_release(struct faults *faults)
{
	for (size_t i = 0; i < faults->count; i++)
		spec_release(&faults->specs[i]);
	free(faults->specs);
	*faults = (struct faults){ 0 };
}

void faults_disable(struct faults *faults)
{
	for (size_t i = 0; i < faults->count; i++)
		faults->specs[i].disabled = true;
}

static bool spec_matches(const struct fault_spec *spec, const char *method, char *const *segments, size_t count)
{
	if (spec->disabled)
		return false;
	if (strcmp(spec->method, "*") != 0 && strcmp(spec->method, method) != 0)
		return false;
	if (!strcmp(spec->word, "*"))
		return true;
	return (count >= 1 && !strcmp(segments[count - 1], spec->word)) ||
		(count >= 2 && !strcmp(segments[count - 2], spec->word));
}

static const struct fault *spec_next(struct fault_spec *spec)
{
	spec->seen++;
	for (size_t i = 0; i < spec->count; i++) {
		const struct fault_rule *rule = &spec->rules[i];

		if (rule->each ? spec->seen % rule->each == 0 : spec->seen >= rule->from && spec->seen <= rule->to)
			return &rule->fault;
	}
	return NULL;
}

const struct fault *faults_next(struct faults *faults, const char *method, char *const *segments, size_t count)
{
	const struct fault *hit = NULL;

	for (size_t i = 0; i < faults->count; i++)
		if (spec_matches(&faults->specs[i], method, segments, count)) {
			const struct fault *fault = spec_next(&faults->specs[i]);

			hit = hit ? hit : fault;
		}
	return hit;
}
