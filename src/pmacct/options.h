/* SPDX-License-Identifier: BSD-2-Clause */
/* What the command line of the client asks for. */
#ifndef PMACCT_OPTIONS_H
#define PMACCT_OPTIONS_H

#include "output/format.h"

enum mode {
    MODE_NONE,
    MODE_TABLE,   /* -s */
    MODE_COUNT,   /* -N */
    MODE_MATCH,   /* -M */
    MODE_BUCKETS, /* -t */
    MODE_CLASSES, /* -C */
    MODE_CUSTOM,  /* -U */
};

enum counter { COUNTER_NONE, COUNTER_BYTES, COUNTER_PACKETS, COUNTER_FLOWS, COUNTER_ALL };

struct options {
    enum mode mode;
    const char *query;      /* of -N or -M */
    const char *primitives; /* -c */
    const char *path;       /* -p */
    enum counter counter;   /* -n; COUNTER_NONE: not given */
    enum counter sort;      /* -T */
    uint64_t top;           /* -T: rows, 0: all */
    bool erase, reset, lock, since, sum;
    bool live;      /* --top */
    int every_s;    /* --top: seconds between two looks */
    unsigned times; /* --top: looks, 0: until q */
    struct format_style style;
};

/* Parses the command line. Returns -1 to go on, or the status to exit with; everything there is to say about
 * it was printed. */
int options_parse(int argc, char **argv, struct options *o);

#endif
