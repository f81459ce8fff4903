/* SPDX-License-Identifier: BSD-2-Clause */
/* Flags of the daemons: each one is a `key: value` that applies after the file. */
#ifndef CONFIG_FLAGS_H
#define CONFIG_FLAGS_H

#include "config/store.h"

struct flag {
    char letter;
    const char *daemons;   /* letters of the daemons that know it so */
    const char *key;       /* NULL: help below, no key */
    const char *value;     /* what it sets; NULL: its argument */
    const char *otherwise; /* key that gets an argument which does not fit `key`; or NULL */
    const char *help;      /* for those without a key */
};

extern const struct flag flag_table[]; /* ended by letter '\0' */

/* The flag with which a daemon (letter) sets the key of this row, '\0' when there is none. Argument-taking
 * and other flags alike. */
char flag_of_key(const struct key *k, char daemon);

enum flags_verdict {
    FLAGS_RUN,
    FLAGS_HELP,
    FLAGS_VERSION,
    FLAGS_LIST,
    FLAGS_SCHEMA,
    FLAGS_EXPLAIN,
    FLAGS_WRONG
};

struct flags {
    const char *file;   /* -f */
    bool strict, check; /* --strict, --check-config */
    const char *about;  /* --print-schema: which database; --explain: which key */
    struct item *items; /* what the flags set, in the store; no pointer into argv */
    unsigned n_items;
    const char *rest; /* words behind the flags, joined by blanks, or NULL */
};

/* Reads the flags of a daemon. FLAGS_WRONG: it has been said what is wrong. */
enum flags_verdict flags_read(struct store *st, char daemon, int argc, char **argv, struct flags *out);

/* What -h shows. */
void flags_usage(FILE *f, const struct config_spec *spec);

#endif
