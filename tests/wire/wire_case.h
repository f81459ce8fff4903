/* SPDX-License-Identifier: BSD-2-Clause */
/* What the wire cases of all decoders have in common: a case is a text file; datagrams go in, and the flows,
 * counters and messages that come out are compared. The lines that build datagrams are each decoder's own. */
#ifndef TESTS_WIRE_CASE_H
#define TESTS_WIRE_CASE_H

#include <stdio.h>
#include "../unit/fake_worker.h"
#include "base/clock.h"
#include "core/input.h"

enum { WIRE_DATAGRAM_MAX = 65536 };

struct wire_case;

/* One decoder's side. */
struct wire_protocol {
    const char *folder; /* below tests/wire */
    const struct decoder_ops *ops;
    /* One line, its first word cut off. False: no such word. */
    bool (*line)(struct wire_case *r, const char *word, char *args);
    void (*send)(struct wire_case *r);   /* hands over what is being built, by wire_send; nothing: nothing */
    void (*opened)(struct wire_case *r); /* after ops->open. May be NULL */
    /* A counter of the decoder's. False: no such name. */
    bool (*counter)(const struct wire_case *r, const char *name, uint64_t *v);
    void (*ended)(struct wire_case *r); /* after the last line. May be NULL */
};

struct wire_case {
    const struct wire_protocol *protocol;
    const char *path;
    unsigned line;
    int failed;
    struct worker w;
    void *state; /* NULL until the first datagram */
    struct datagram from;
    unsigned shown; /* flows compared */
    char log_path[64], allow_path[64];
    FILE *seeds;
};

/* Octets on their way into a datagram. */
struct wire_bytes {
    uint8_t b[WIRE_DATAGRAM_MAX];
    size_t len;
};
void wire_put(struct wire_bytes *d, const void *p, size_t n);
void wire_put_be(struct wire_bytes *d, uint64_t v, unsigned n);
void wire_put_hex(struct wire_case *r, struct wire_bytes *d, const char *text);

void wire_fail(struct wire_case *r, const char *what, const char *wanted, const char *got);
_Noreturn void wire_die(const struct wire_case *r, const char *what);

/* The number behind ` name=` in args, or dflt. */
uint64_t wire_option(const char *args, const char *name, uint64_t dflt);

/* Feeds one datagram, out of memory of just its size so that a read past its end is seen. */
void wire_send(struct wire_case *r, const uint8_t *p, size_t len);

/* For main: without arguments all cases; `-seeds DIR` also writes their datagrams for the fuzz target. */
int wire_main(const struct wire_protocol *protocol, int argc, char **argv);

#endif
