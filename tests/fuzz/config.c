/* Configuration files: read or refused, and what is read can be asked for. */
#include "store/config.h"

#include "tests/fuzz/fuzz.h"

static bool known(const char *key, bool *forbidden, void *arg)
{
	(void)arg;
	*forbidden = !strcmp(key, "password");
	return strcmp(key, "x") != 0;
}

static const char *nearest(const char *key, void *arg)
{
	(void)arg;
	return key[0] == 'b' ? "base-url" : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char path[] = "/etc/kandy/config";
	const char *names[4], *value, *where = NULL;
	char *text = fuzz_text(data, size);
	struct config *config = NULL;
	struct err err;

	if (!config_parse(&config, path, text, size, &err)) {
		size_t count = config_profiles(config, names, 4);

		if (config_check(config, known, nearest, NULL, &err))
			MUST(err.text[0]);
		for (size_t i = 0; i < count && i < 4; i++) {
			value = config_get(config, names[i], "base-url", &where);
			MUST(!value || (where && !strncmp(where, path, strlen(path))));
		}
		value = config_get(config, "default", "a", NULL);
		MUST(!value || !strchr(value, '\n'));
		config_free(config);
	} else {
		MUST(strstr(err.text, path));
	}
	free(text);
	return 0;
}
