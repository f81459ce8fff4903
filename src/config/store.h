/* SPDX-License-Identifier: BSD-2-Clause */
/* What a configuration is made of while it is read and as long as it lives: its memory, the settings as they
 * were given, and the messages that were said about them. config_set.memory is one of these. */
#ifndef CONFIG_STORE_H
#define CONFIG_STORE_H

#include "config/keys.h"

/* Where a setting or a message comes from. */
struct place {
    const char *file; /* NULL: the command line */
    unsigned line;    /* from 1; 0: the file as a whole */
    char flag;        /* letter, '\0' for a file */
};

/* One `key[name]: value`. */
struct item {
    const struct key *key;
    const char *name; /* process, NULL: global */
    const char *value;
    struct place at;
};

/* How much a message matters. */
enum weight {
    SAY_INFO,
    SAY_WARN,
    SAY_LATER, /* known, not in this build: --strict exits */
    SAY_DOUBT, /* not what was meant, probably: --strict and --check-config exit */
    SAY_WRONG, /* as SAY_DOUBT, but called an error, since what was asked for does not happen */
    SAY_ERROR, /* always exits */
    SAY_MAX
};

/* Owner of everything below, and of all strings of the configuration. */
struct store {
    struct chunk *chunks;
    struct item *items; /* in the order in which they apply: the file's, then the flags */
    unsigned n_items, cap_items;
    const char **lines; /* messages, ended by NULL */
    unsigned n_lines, cap_lines;
    unsigned said[SAY_MAX];
    bool quiet;  /* keep messages only, write none */
    bool failed; /* out of memory: what is here is not all */
};

struct store *store_new(void); /* NULL: out of memory */
void store_free(struct store *st);

/* n zeroed octets that live as long as the store, NULL (and failed) when there are none. */
void *store_alloc(struct store *st, size_t n);
char *store_text(struct store *st, const char *text, size_t len);

/* Appends a setting; its strings have to live as long as the store. */
void store_item(struct store *st, const struct item *it);

/* Says something about a place: to stderr at once, and kept for the log. */
void store_say(struct store *st, enum weight w, const struct place *at, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* "file:line", "file" or "cmdline"; returns buf. */
const char *place_text(const struct place *at, char *buf, size_t size);

#endif
