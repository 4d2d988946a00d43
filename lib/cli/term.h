/*
 * term.h - the terminal: its width, and a prompt without echo.
 */
#ifndef KANDY_CLI_TERM_H
#define KANDY_CLI_TERM_H

#include "base/err.h"
#include "base/secret.h"

#include <stdbool.h>

unsigned term_width(int fd); /* columns: $COLUMNS if set, else that of the terminal, else 80 */
bool term_interactive(void); /* there is a /dev/tty, and stderr is a terminal */

/*
 * Asks on /dev/tty without echo. ST_AUTH if there is no terminal, ST_SIGINT on ^C (the echo is restored in every
 * case).
 */
enum status term_prompt_secret(const char *question, struct secret *out, struct err *err) MUST_USE;

#endif
