/* SPDX-License-Identifier: BSD-2-Clause */
/* The text of a value as what the member of its kind holds. */
#ifndef CONFIG_VALUES_H
#define CONFIG_VALUES_H

#include "base/err.h"
#include "config/keys.h"

struct value {
    union {
        bool b;
        int i;
        int64_t l;
        uint64_t u;
        const char *s; /* the text that was parsed, or a static one */
        struct span span;
    };
    const char
        *area; /* a word that no build supports yet: the area that will bring it; nothing else is set then */
};

/* Parses `text` as the kind of `root` (a row with a kind: key_root) asks. Returns 0, or -1 with e saying what
 * is allowed. FILE looks for the file. */
int value_parse(const struct key *root, const char *text, struct value *v, struct err *e);

/* Puts a parsed value into the row's member; nothing for a row without one. */
void value_store(const struct key *root, const struct value *v, struct config *c);

/* What members hold before anything is set: zero, -1 where 0 is a value, and the defaults of the keys of that
 * daemon (letter). */
void value_defaults(struct config *c, char daemon);

#endif
