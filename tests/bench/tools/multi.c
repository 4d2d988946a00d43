/*
 * multi.c - a minimal libcurl loop that sends many messages, to compare with `kandy send --jsonl`.
 *
 *	multi URL CAFILE TOKEN COUNT JOBS
 *
 * One multi handle, JOBS reused easy handles, one canned body; responses are discarded. It builds and parses no JSON,
 * prints nothing and does not retry.
 */
#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define BODY "{\"chatMessage\":{\"text\":\"message number 123456 of many\"}}"

static size_t drop(char *p, size_t size, size_t count, void *arg)
{
	(void)p;
	(void)arg;
	return size * count;
}

static CURL *prepare(const char *url, const char *ca, struct curl_slist *headers)
{
	CURL *easy = curl_easy_init();

	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_CAINFO, ca);
	curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, BODY);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, drop);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_PIPEWAIT, 1L);
	return easy;
}

int main(int argc, char **argv)
{
	struct curl_slist *headers = NULL;
	long left = argc > 5 ? atol(argv[4]) : 0, jobs = argc > 5 ? atol(argv[5]) : 0, failed = 0;
	char bearer[8192];
	CURLM *multi;
	int running;

	if (argc != 6 || left < 1 || jobs < 1)
		return 64;
	signal(SIGPIPE, SIG_IGN);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	multi = curl_multi_init();
	curl_multi_setopt(multi, CURLMOPT_MAX_HOST_CONNECTIONS, jobs);
	snprintf(bearer, sizeof(bearer), "Authorization: Bearer %s", argv[3]);
	headers = curl_slist_append(headers, bearer);
	headers = curl_slist_append(headers, "Content-Type: application/json");
	headers = curl_slist_append(headers, "Accept: application/json");
	for (; jobs && left; jobs--, left--)
		curl_multi_add_handle(multi, prepare(argv[1], argv[2], headers));
	do {
		CURLMsg *message;
		int more;

		curl_multi_perform(multi, &running);
		while ((message = curl_multi_info_read(multi, &more))) {
			CURL *easy = message->easy_handle;
			long status = 0;

			curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
			failed += message->data.result != CURLE_OK || status != 201;
			curl_multi_remove_handle(multi, easy);
			if (left) {
				left--;
				curl_multi_add_handle(multi, easy);
				running = 1;
			} else {
				curl_easy_cleanup(easy);
			}
		}
		if (running)
			curl_multi_poll(multi, NULL, 0, 1000, NULL);
	} while (running);
	curl_multi_cleanup(multi);
	curl_slist_free_all(headers);
	if (failed)
		fprintf(stderr, "multi: %ld requests failed\n", failed);
	return failed ? 1 : 0;
}
