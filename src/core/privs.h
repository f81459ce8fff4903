/* SPDX-License-Identifier: BSD-2-Clause */
/* Giving privileges up: the `user` key. */
#ifndef CORE_PRIVS_H
#define CORE_PRIVS_H

#include "base/err.h"

/* Becomes the user (a name, its groups with it) for good; nothing when user is NULL. -1: e. */
int privs_drop(const char *user, struct err *e);

#endif
