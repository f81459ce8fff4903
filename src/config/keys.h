/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of configuration keys (keys.def) as the parser, the documentation and the tests see it. */
#ifndef CONFIG_KEYS_H
#define CONFIG_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "config/config.h"

/* Kind, type of the member it fills, what it is called in CONFIG-KEYS. */
#define KEY_KINDS(K)                                                                                         \
    K(BOOL, bool, "true or false")                                                                           \
    K(INT, int, "number")                                                                                    \
    K(NUMBER, int, "number, decimal or 0x...")                                                               \
    K(SIZE, int64_t, "octets") /* K, M, G or T may follow */                                                 \
    K(TAG, uint64_t, "64-bit number")                                                                        \
    K(SECS, int, "seconds")                                                                                  \
    K(SECS64, int64_t, "seconds")                                                                            \
    K(SPAN, struct span, "number and unit") /* s m h d w M */                                                \
    K(ENUM, int, "word")                    /* one of check.words, as its value */                           \
    K(WORD, const char *, "word")           /* one of check.words, as text */                                \
    K(WORDNUM, const char *, "word or number")                                                               \
    K(TEXT, const char *, "text")                                                                            \
    K(CHAR, const char *, "character") /* the character itself, \t and \s already resolved */                \
    K(ROUNDOFF, const char *, "letters")                                                                     \
    K(PATH, const char *, "path")                                                                            \
    K(FILE, const char *, "file") /* a path that has to exist and be readable */                             \
    K(ADDR, const char *, "IP address")                                                                      \
    K(ADDR4, const char *, "IPv4 address")                                                                   \
    K(HOSTPORT, const char *, "host:port")                                                                   \
    K(OCTAL, int, "octal number") /* -1: not set */                                                          \
    K(UID, int, "user")           /* -1: not set */                                                          \
    K(GID, int, "group")          /* -1: not set */

enum key_kind {
#define K(kind, type, text) KT_##kind,
    KEY_KINDS(K)
#undef K
        KT_HEADING, /* a SECTION: help is its title */
    KT_MAX
};

/* An accepted word. `area`: known, but no build supports it yet; that area will bring it. */
struct word {
    const char *text;
    int value;
    const char *area;
};

struct check {
    int64_t lo, hi;           /* of numbers; both 0: any */
    const struct word *words; /* ended by a NULL text */
};

enum { CORE = 1, PLUGIN = 2, BOTH = 3, HINT = 4, GUARD = 8 };

#define KEY_NO_MEMBER UINT16_MAX

struct key {
    const char *name;    /* NULL for a heading */
    const char *dflt;    /* "": none; "(...": words for the documentation only */
    const char *daemons; /* letters of the daemons where it has an effect */
    const char *area;    /* NULL: works; else what will bring it */
    const char *also;    /* words that mean it, blank separated */
    const char *help;
    const struct check *check; /* NULL for a heading and for SAME */
    int16_t same;              /* row that has the rest, -1: this one */
    uint16_t off;              /* of the member in struct config, or KEY_NO_MEMBER */
    uint8_t kind;              /* enum key_kind */
    uint8_t where;             /* CORE, PLUGIN, BOTH, HINT, GUARD */
};

extern const struct key keys[];
extern const unsigned keys_count;

/* The row with kind, default, check and help of k: k itself but for SAME and LATER_AS. */
const struct key *key_root(const struct key *k);

/* Whether k fills a member in this build. */
bool key_works(const struct key *k);

/* The area that will bring k, NULL when it works. */
const char *key_area(const struct key *k);

/* Two names of one value. */
bool key_same_slot(const struct key *a, const struct key *b);

/* Whether k, by whatever name, has an effect in a daemon (letter). */
bool key_matters(const struct key *k, char daemon);

/* NULL when there is none; the name in lower case. */
const struct key *key_find(const char *name);

const char *key_kind_text(enum key_kind kind);

/* Describes what the key accepts ("1 to 65535", "formatted, csv or json") in buf; returns buf. Words that
 * need a feature which no build has are left out unless `all`. */
const char *key_allowed(const struct key *k, bool all, char *buf, size_t size);

/* What the areas are, for docs/keys-status.md; ended by a NULL name. */
struct key_area {
    const char *name, *what;
};
extern const struct key_area key_areas[];

#endif
