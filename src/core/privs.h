/* SPDX-License-Identifier: BSD-2-Clause */
/* Giving privileges up: the keys user and group. daemon.c, spawner.c and plugin_process.c call this, each
 * once in its process, when everything that needs the privileges of the start is open. */
#ifndef CORE_PRIVS_H
#define CORE_PRIVS_H

#include "base/err.h"
#include "config/config.h"

/* What a process may still need; inputs, services and plugins name it, and their needs are or-ed. */
enum privs_kept {
    PRIVS_NONE = 0,
    PRIVS_CAPTURE =
        1, /* CAP_NET_RAW: packet sockets can still be opened, and such with addresses of others */
    PRIVS_LOW_PORTS = 2, /* CAP_NET_BIND_SERVICE: sockets are bound later on, to ports below 1024 too */
};

/* Becomes the user and group of the configuration for good, with no more capabilities than `kept` names, none
 * that programs it runs could have, and no way back (NoNewPrivileges). Started as that user already, it gives
 * up the capabilities that were handed to it all the same. Nothing when neither key is set. -1: e. */
int privs_drop(const struct config *c, unsigned kept, struct err *e);

/* The number of the group to become: that of `group`, else that of the account `user`; -1: the one it has. */
int privs_group(const struct config *c);

/* For the spawner, which has to become anybody for every plugin: with user or group set it keeps what opening
 * and changing accounts takes, and gives up the rest (the administration of the system, tracing, modules
 * ...). -1: e. */
int privs_trim(const struct config *c, struct err *e);

/* Nobody reads this process's memory, not as a core dump either: passwords stand there. Undone by nothing but
 * the key core_dumps; does nothing under sanitizers, which need it. Once, before anything is forked. */
void privs_hide_memory(const struct config *c);

#endif
