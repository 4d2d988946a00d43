/* The parsers of the sandbox: HTTP requests with their bodies, WebSocket frames, fault specifications. */
#include "sandbox/request.h"

#include "base/utf8.h"
#include "sandbox/faults.h"
#include "sandbox/frame.h"
#include "tests/fuzz/fuzz.h"

static void check_body(const struct sandbox_request *request, const char *p, size_t size)
{
	enum body_result result = BODY_MORE;
	struct request_body body = { 0 };

	sandbox_request_body_start(&body, request);
	while (result == BODY_MORE) {
		size_t used = 0, from = 0, len = 0;

		result = sandbox_request_body(&body, p, size, &used, &from, &len);
		if (result == BODY_BAD)
			return;
		MUST(used <= size && from + len <= size);
		if (!used && result == BODY_MORE)
			break;
		p += used;
		size -= used;
	}
}

static void check_request(const char *text, size_t size)
{
	struct sandbox_request request;
	size_t used = 0;

	sandbox_request_init(&request);
	if (sandbox_request_add(&request, text, size, &used)) {
		MUST(used <= size);
		if (!sandbox_request_parse(&request)) {
			struct buf value;

			MUST(request.method[0] && request.length >= 0);
			MUST(request.path[0] == '/' || !strcmp(request.path, "*"));
			for (size_t i = 0; i < request.segment_count; i++)
				MUST(request.segments[i]);
			sandbox_request_header(&request, "authorization");
			buf_init(&value, BUF_NO_MAX);
			sandbox_request_form(request.query, "access_token", &value);
			buf_release(&value);
			check_body(&request, text + used, size - used);
		}
	}
	sandbox_request_release(&request);
}

static void check_frames(const char *text, size_t size)
{
	struct frame_reader reader;
	enum frame_kind kind;
	const char *p;
	size_t len;
	int got = 0;

	frame_reader_init(&reader);
	for (size_t at = 0; at < size && got >= 0; at += 7) {
		frame_reader_add(&reader, text + at, size - at < 7 ? size - at : 7);
		while ((got = frame_reader_next(&reader, &kind, &p, &len)) > 0) {
			MUST(len <= FRAME_MESSAGE_MAX && (kind != FRAME_TEXT || utf8_valid(p, len)));
			MUST(kind == FRAME_TEXT || kind == FRAME_BINARY || kind >= FRAME_CLOSE);
		}
	}
	MUST(got >= 0 || got == -1002 || got == -1007 || got == -1009);
	frame_reader_release(&reader);
}

static void check_faults(const char *text)
{
	static char messages[] = "messages", adhoc[] = "adhoc";
	char *const segments[] = { adhoc, messages };
	struct faults faults = { 0 };
	struct err err;

	if (!faults_add(&faults, text, &err))
		for (int i = 0; i < 5; i++) {
			const struct fault *fault = faults_next(&faults, "POST", segments, 2);

			MUST(!fault || (fault->kind != FAULT_NONE && fault->text));
		}
	else
		MUST(err.status == ST_USAGE && err.text[0]);
	faults_release(&faults);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);

	check_request(text, size);
	check_frames(text, size);
	check_faults(text);
	free(text);
	return 0;
}
