/* SPDX-License-Identifier: BSD-2-Clause */
/* Hands the templates of v9 and IPFIX messages on to another collector (nfacctd_templates_receiver), in the
 * name of their exporters: templates are known by who sent them. Called by netflow.c. */
#ifndef NETFLOW_HANDON_H
#define NETFLOW_HANDON_H

#include "netflow/decode.h"

struct handon; /* opaque */

/* Opens a raw socket; to be called while there are privileges. NULL: e. */
struct handon *handon_open(const char *receiver, const struct log *l, struct err *e);
void handon_close(struct handon *h);

/* The template sets of a message that was decoded without fault, with a header that fits; n: template
 * records. */
void handon_message(struct handon *h, const struct datagram *d, uint8_t version, unsigned n);

void handon_stats(const struct handon *h, const char *where);

#endif
