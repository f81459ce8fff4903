/* SPDX-License-Identifier: BSD-2-Clause */
/* A message of a log as a list of named members, in the order in which JSON shows them: for what is told
 * seldom (sessions that come and go, BMP's events). Whoever makes it need not know how it is written: as JSON
 * here, or as a record of another encoding that finds members by name. Routes, of which there are millions,
 * go another way. */
#ifndef OUTPUT_MEMBERS_H
#define OUTPUT_MEMBERS_H

#include "base/addr.h"
#include "base/clock.h"
#include "base/strbuf.h"

enum { MEMBERS_MAX = 128 }; /* more are left out */

enum member_kind {
    MEMBER_UINT,
    MEMBER_TEXT,  /* any octets: escaped where that is needed */
    MEMBER_LABEL, /* of a map: "k1%v1,k2%v2" */
    MEMBER_NULL
};

struct member {
    const char *name; /* a literal, or kept in `made` by members_name */
    enum member_kind kind;
    bool made; /* text: the offset `at` in members.made; else `p` */
    union {
        uint64_t u;
        struct {
            const char *p;
            size_t at, len;
        } text;
    };
};

struct members {
    struct member m[MEMBERS_MAX];
    struct member left_out;
    unsigned n;
    char names[1024]; /* of members whose name is made */
    size_t names_len;
    struct strbuf made; /* texts that nobody else keeps */
};

void members_init(struct members *ms);
void members_free(struct members *ms);
void members_clear(struct members *ms);

/* Names have to outlive the list; so have texts. */
void members_uint(struct members *ms, const char *name, uint64_t v);
void members_text(struct members *ms, const char *name, const char *p, size_t len);
void members_word(struct members *ms, const char *name, const char *word);
void members_label(struct members *ms, const char *name, const char *p, size_t len);
void members_null(struct members *ms, const char *name);
void members_addr(struct members *ms, const char *name, const struct addr *a);
void members_time(struct members *ms, const char *name, int64_t at_us, const struct time_style *st,
                  bool fraction, struct time_cache *tc);
/* Upper-case hex digits, octets joined by `-`; null for none. */
void members_hex(struct members *ms, const char *name, const uint8_t *p, size_t len);

/* A name that is made, kept with the list; NULL: no room. */
const char *members_name(struct members *ms, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The member of this name; NULL: none. */
const struct member *members_find(const struct members *ms, const char *name);
/* Its text, of any kind but MEMBER_UINT and MEMBER_NULL; valid until the list changes. */
const char *member_text(const struct members *ms, const struct member *m, size_t *len);

/* Appends the list as one JSON object. */
void members_json(const struct members *ms, bool label_as_map, struct strbuf *out);

#endif
