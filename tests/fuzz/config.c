/* Configuration files: read or refused, and what is read can be asked for. */
#include "store/config.h"

#include "tests/fuzz/fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

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
	const char *names[4], *value, *where = NULL;
	struct config *config = NULL;
	bool found = false;
	struct err err;
	char path[64];
	static int fd = -1;

	if (fd < 0)
		fd = memfd_create("config", MFD_CLOEXEC);
	MUST(fd >= 0 && !ftruncate(fd, 0) && pwrite(fd, data, size, 0) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (!config_read(&config, path, true, &found, &err)) {
		size_t count = config_profiles(config, names, 4);

		MUST(found);
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
	return 0;
}
