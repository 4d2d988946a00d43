/*
 * notify.h - reports the state of a service to systemd (sd_notify(3)), without its library.
 */
#ifndef KANDY_BASE_NOTIFY_H
#define KANDY_BASE_NOTIFY_H

#include <stdbool.h>

/*
 * Sends `text` ("READY=1"; several lines are separated by \n) to the datagram socket `path`, which is abstract if it
 * begins with '@'. False with errno set on failure.
 */
bool notify_send(const char *path, const char *text);

#endif
