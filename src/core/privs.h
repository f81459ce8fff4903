/* SPDX-License-Identifier: BSD-2-Clause */
/* Giving privileges up: the `user` key. */
#ifndef CORE_PRIVS_H
#define CORE_PRIVS_H

#include "base/err.h"

enum privs_kept {
    PRIVS_NONE,
    PRIVS_CAPTURE, /* CAP_NET_RAW: packet sockets can still be opened, and such with addresses of others */
};

/* Becomes the user (a name, its groups with it) for good, with no more capabilities than `kept` names;
 * nothing when user is NULL. -1: e. */
int privs_drop(const char *user, enum privs_kept kept, struct err *e);

#endif
