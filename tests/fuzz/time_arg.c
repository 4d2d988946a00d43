/*
 * Points in time: what is understood is none before 1970, and means the same when it is written as milliseconds.
 */
#include "base/time_arg.h"

#include "tests/fuzz/fuzz.h"

#define NOW INT64_C(1764000000000)
#define FUZZ_MAX_LEN 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size), written[32];
	int64_t ms = -7, again;

	if (time_arg_parse(text, NOW, &ms)) {
		MUST(ms >= 0);
		if (ms >= INT64_C(100000000000)) { /* less would be seconds */
			snprintf(written, sizeof(written), "@%lld", (long long)ms);
			MUST(time_arg_parse(written, NOW, &again) && again == ms);
		}
	} else {
		MUST(ms == -7);
	}
	free(text);
	return 0;
}
