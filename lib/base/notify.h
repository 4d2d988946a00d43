/*
 * notify.h - telling systemd how a service does (sd_notify(3)), without its library.
 */
#ifndef KANDY_BASE_NOTIFY_H
#define KANDY_BASE_NOTIFY_H

#include <stdbool.h>

/*
 * Sends `text` ("READY=1", several lines may be joined by \n) to the datagram socket `path`; one that begins with '@'
 * is abstract. False, with errno set, if it cannot be.
 */
bool notify_send(const char *path, const char *text);

#endif
