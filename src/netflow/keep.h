/* SPDX-License-Identifier: BSD-2-Clause */
/* nfacctd_templates_file: the templates of all exporters, kept over a restart, so that data is decoded before
 * an exporter has sent its templates again. A line a template, as JSON; numbers as they are meant:
 *
 *   {"format": 2, "agent": "192.0.2.1", "version": 9, "source_id": 0, "template_id": 256, "template_type": 0,
 *    "scope": 0, "num": 2, "list": [{"type": 8, "len": 4}, {"type": 1, "pen": 43874, "len": 65535}]}
 *
 * template_type 1: options, of which `scope` fields come first. Lines that pmacct has written (no "format";
 * template_id in network order; fields as "otpl" and "utpl") are understood as far as they go: not options,
 * whose scope they do not tell. */
#ifndef NETFLOW_KEEP_H
#define NETFLOW_KEEP_H

#include "base/addr.h"
#include "base/err.h"
#include "netflow/tmpl.h"

enum { KEPT_FIELDS_MAX = 2048 };

/* A line. */
struct kept {
    struct addr agent;
    uint32_t source_id;
    uint8_t version; /* 9 or 10; 0: the line does not say, it may be either */
    uint16_t id;
    bool options;
    unsigned n_fields, n_scope;
    struct {
        uint16_t id, len;
        uint32_t pen;
    } field[KEPT_FIELDS_MAX];
};

/* Reads a line, NUL-terminated. -1: e says what is wrong with it. */
int kept_parse(const char *line, struct kept *out, struct err *e);

struct netflow;

/* Reads the file into the decoders of n workers, each exporter into that of its worker. A file that is not
 * there, and lines that are wrong, are said and passed over. */
void keep_read(struct netflow *const *nf, unsigned n);

/* Writes the templates of all n aside, and renames: there is always a whole file. Fails with a line in the
 * log. */
void keep_write(struct netflow *const *nf, unsigned n);

#endif
