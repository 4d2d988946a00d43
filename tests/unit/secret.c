/* Secrets, and what the process looks like once it holds one. */
#include "base/secret.h"

#include "tests/lib/tap.h"

#include <sys/prctl.h>

int main(void)
{
	struct secret a = { 0 }, b = { 0 }, none = { 0 };

	tap_int(prctl(PR_GET_DUMPABLE), 1, "without a secret, the process may be looked at");
	secret_set(&a, "some secret", 11);
	tap_int(prctl(PR_GET_DUMPABLE), 0, "a process with a secret leaves no core and cannot be attached to");
	prctl(PR_SET_DUMPABLE, 1);
	secret_set_token(&b, "some token", 10);
	tap_int(prctl(PR_GET_DUMPABLE), 0, "a process with a token leaves no core");
	secret_copy(&b, &a);
	tap_ok(secret_equal(&a, &b), "a copy is equal");
	secret_set(&b, "some secres", 11);
	tap_ok(!secret_equal(&a, &b), "another one is not");
	tap_ok(!secret_equal(&a, &none) && secret_equal(&none, &none), "nothing is equal to nothing");
	secret_set(&a, a.s, 4);
	tap_str(a.s, "some", "set from a part of itself");
	secret_copy(&a, &none);
	tap_ok(!a.s && !a.len, "a copy of nothing is nothing");
	secret_release(&a);
	secret_release(&b);
	secret_release(&none);
	return tap_done();
}
