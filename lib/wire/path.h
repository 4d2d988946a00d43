/*
 * path.h - paths of requests from templates. Pure.
 */
#ifndef KANDY_WIRE_PATH_H
#define KANDY_WIRE_PATH_H

#include "base/buf.h"

#include <stdarg.h>

/*
 * Appends `template`, each {} in it replaced by the next argument (a const char *), percent-encoded as one segment:
 * path_add(&path, "/group/{}/participants/{}", id, address).
 */
void path_add(struct buf *out, const char *template, ...);
void path_vadd(struct buf *out, const char *template, va_list args);

#endif
