/* SPDX-License-Identifier: BSD-2-Clause */
/* Texts made from the tables: parts that several generators share, and what a daemon says of itself. The
 * generators are in config.h. */
#ifndef CONFIG_DOC_H
#define CONFIG_DOC_H

#include <stdio.h>
#include "config/keys.h"

/* "NetFlow Accounting Daemon, nfacctd 1.0.0" */
void doc_version_line(FILE *f, const struct config_spec *spec);

/* What --explain shows: the key of that name; or else the keys of this daemon that have the word in their
 * names, one a line; or else the nearest one. Returns false, and writes nothing, when there is none. */
bool doc_explain(FILE *f, const struct config_spec *spec, const char *word);

/* The daemons that know a key by this name: "all", or their names. */
void doc_daemons(FILE *f, const struct key *k);

/* "-l, -d sets true": the flags that set a key, `before` in front; nothing when there are none. */
void doc_flags(FILE *f, const struct key *k, const char *before);

/* "the whole daemon", ... */
const char *doc_scope(const struct key *k);

#endif
