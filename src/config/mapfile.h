/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads map files: rows of key=value pairs, as pre_tag_map, sampling_map, tee_receivers, pcap_interfaces_map,
 * aggregate_primitives and others have them; and lists of one item a line. Each map says which keys it knows
 * and gets its rows one by one; messages name file and line.
 *
 *     ! comment                          (# too; a line by itself)
 *     key=value  key='text with blanks'  ...
 *
 * A file is read as a whole: every faulty row is told of (the first few by their text), and one is enough for
 * the whole to fail, so that a daemon never runs with half a map. */
#ifndef CONFIG_MAPFILE_H
#define CONFIG_MAPFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/addr.h"
#include "base/err.h"

struct mapfile_key {
    const char *name;
    uint16_t id; /* what the map calls it; two names may share one */
    bool many;   /* may stand several times in a row */
};

struct mapfile_pair {
    const char *key, *value; /* as written, without quotes; value may be empty */
    uint16_t id;
};

struct mapfile_row {
    unsigned line;
    unsigned n;
    const struct mapfile_pair *pair; /* in the order of the file */
};

struct mapfile_spec {
    const struct mapfile_key *keys; /* ended by a NULL name */
    /* Gets one row; all it points to is gone when it returns. -1: the row is wrong, e says why (mapfile adds
     * file and line). */
    int (*row)(void *ctx, const struct mapfile_row *row, struct err *e);
};

/* Reads a map file. -1: it cannot be read, or rows are wrong; e names file, lines and reasons. Rows that were
 * right have been handed to spec->row even then: what was made of them is to be thrown away. */
int mapfile_read(const char *path, const struct mapfile_spec *spec, void *ctx, struct err *e);

/* The same over `len` octets of text, which are changed. text[len] has to be writable. */
int mapfile_parse(const char *path, char *text, size_t len, const struct mapfile_spec *spec, void *ctx,
                  struct err *e);

/* The value of a key in a row, NULL where it does not stand there. */
const char *mapfile_value(const struct mapfile_row *row, uint16_t id);

/* Reads a list: one item a line, blank lines and comments (! or #, also behind an item) left out, blanks at
 * both ends cut. Errors as mapfile_read. */
int listfile_read(const char *path, int (*item)(void *ctx, unsigned line, char *text, struct err *e),
                  void *ctx, struct err *e);
int listfile_parse(const char *path, char *text, size_t len,
                   int (*item)(void *ctx, unsigned line, char *text, struct err *e), void *ctx,
                   struct err *e);

/* ---- values. Each returns 0, or -1 with e naming key, value and what is allowed. */

/* A leading minus means "anything but"; returns the text behind it. */
const char *map_negation(const char *text, bool *negated);

/* A whole number, decimal, lo..hi. */
int map_number(const char *key, const char *text, uint64_t lo, uint64_t hi, uint64_t *out, struct err *e);

/* A whole number of at most hi, hexadecimal with or without 0x. */
int map_hex(const char *key, const char *text, uint64_t hi, uint64_t *out, struct err *e);

int map_bool(const char *key, const char *text, bool *out, struct err *e);

int map_addr(const char *key, const char *text, struct addr *out, struct err *e);

/* An address with an optional /length; host bits are cleared. *bits counts the 128 bits of struct addr, so
 * that of 10.0.0.0/8 is 104. */
int map_prefix(const char *key, const char *text, struct addr *net, uint8_t *bits, struct err *e);

/* Is the address in the network that map_prefix made? ::/0 holds no IPv4 address, 0.0.0.0/0 no IPv6 one. */
bool map_in_prefix(const struct addr *a, const struct addr *net, uint8_t bits);

int map_mac(const char *key, const char *text, uint8_t mac[6], struct err *e);

/* A route distinguisher, type:admin:value with type 0, 1 or 2, or admin:value with a type that fits (RFC 4364
 * §4.2). */
int map_rd(const char *key, const char *text, uint8_t rd[8], struct err *e);

/* Walks over a comma list: the next item of at most size - 1 characters goes to buf; *at moves on and becomes
 * NULL behind the last one. False: the item is empty or too long. */
bool map_list_next(const char **at, char *buf, size_t size);

#endif
