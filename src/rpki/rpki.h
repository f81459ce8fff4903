/* SPDX-License-Identifier: BSD-2-Clause */
/* RPKI as a service of a daemon: payloads out of a file and out of an RTR cache, each a table of its own that
 * is replaced as a whole when it changes. */
#ifndef RPKI_RPKI_H
#define RPKI_RPKI_H

#include "core/service.h"
#include "rpki/roa.h"

extern const struct service_ops rpki_service;

enum rpki_source { RPKI_FILE, RPKI_RTR, RPKI_TABLES };

struct rpki;

/* Of the service, from its open to its close. */
struct rpki *rpki_of_service(const struct service *s);

/* For any thread: changes when a table does. */
uint32_t rpki_generation(const struct rpki *r);

/* A reference on a table as it is now, NULL: there is none. A route's state by two tables: valid if one says
 * so, else invalid if one says so. */
struct roa_table *rpki_table(struct rpki *r, enum rpki_source from);

#endif
