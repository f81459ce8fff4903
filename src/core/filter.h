/* SPDX-License-Identifier: BSD-2-Clause */
/* Filters of a plugin: aggregate_filter (libpcap expressions, applied to packets and to flows) and
 * pre_tag_filter (ranges of tags). Compiled once at start; run by worker.c for each flow. */
#ifndef CORE_FILTER_H
#define CORE_FILTER_H

#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "core/fields.h"

struct filter; /* one or more expressions, a flow passes when one of them matches */

/* Compiles a comma list of libpcap expressions (Ethernet). NULL with e set, naming the expression and
 * libpcap's complaint. */
struct filter *filter_compile(const char *expressions, struct err *e);
void filter_free(struct filter *f);

/* Does the flow pass? A captured Ethernet frame is filtered as it is; for anything else a frame with the
 * flow's addresses, ports, VLAN, label, protocol and flags is made up. */
bool filter_match(const struct filter *f, const struct flow *flow);

/* Adds what made-up frames consist of to *needs. */
void filter_needs(struct fieldset *needs);

struct tag_filter; /* a list of tags and ranges of tags */

/* Parses `5, 10-20, -7`: tags and ranges let pass, those with a leading minus do not. NULL with e set. */
struct tag_filter *tag_filter_parse(const char *text, struct err *e);
void tag_filter_free(struct tag_filter *t);
bool tag_filter_match(const struct tag_filter *t, uint64_t tag);

struct label_filter; /* a list of labels */

/* Parses `east, west, -null`: texts that let pass when they are a part of the label (parts stand between
 * commas), or with a leading minus do not; `null` is no label. The first that fits decides. NULL with e. */
struct label_filter *label_filter_parse(const char *text, struct err *e);
void label_filter_free(struct label_filter *l);
bool label_filter_match(const struct label_filter *l, const struct var *label);

#endif
