/* SPDX-License-Identifier: BSD-2-Clause */
/* What the service manager is told: that all has started, that files are read again, that the end has begun,
 * and, each second, that the core's loop still turns. Called by daemon.c; nothing happens outside systemd, or
 * in a build without libsystemd. Protocol: sd_notify(3). */
#ifndef CORE_NOTIFY_H
#define CORE_NOTIFY_H

/* All sockets are open and all plugins run. `plugins` is how many, for `systemctl status`. */
void notify_ready(unsigned plugins);

/* Around a reload: files are about to be read again; they have been. */
void notify_reloading(void);
void notify_reloaded(void);

/* The end has begun; plugins write what they have. */
void notify_stopping(void);

/* The watchdog's sign of life. Called by a timer of the loop that it is to watch. */
void notify_alive(void);

#endif
