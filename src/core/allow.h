/* SPDX-License-Identifier: BSD-2-Clause */
/* Allow lists: who may send. A file of addresses and networks, one a line; `!` and `#` start comments. An
 * empty list admits nobody; without a list everybody may. Read by the collectors at start and on SIGUSR2. */
#ifndef CORE_ALLOW_H
#define CORE_ALLOW_H

#include <stdbool.h>
#include "base/addr.h"
#include "base/err.h"
#include "base/log.h"

struct allow; /* immutable once loaded */

/* Reads the file whole. NULL with e set ("[file:line] ...") if it cannot be read or a line is wrong. Free
 * with allow_free. */
struct allow *allow_load(const char *path, struct err *e);
void allow_free(struct allow *a);

/* SIGUSR2: reads the file anew into *a, and says so; what is wrong with it is logged, and the old list stays.
 */
void allow_reload(struct allow **a, const char *path, const struct log *l);

bool allow_match(const struct allow *a, const struct addr *from);

/* Addresses and networks in the list. */
unsigned allow_count(const struct allow *a);

#endif
