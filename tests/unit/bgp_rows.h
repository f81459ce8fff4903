/* SPDX-License-Identifier: BSD-2-Clause */
/* Tests of UPDATEs as rows: octets in, calls of the parser out. Included behind cmocka.h. */
#ifndef TESTS_BGP_ROWS_H
#define TESTS_BGP_ROWS_H

#include <string.h>
#include "base/cursor.h"
#include "bgp_record.h"
#include "hex.h"

/* Attributes that rows are made of. */
#define ORIGIN "400101 00"
#define PATH "400206 0201 0000fde9"
#define HOP "400304 c0000201"
#define OHP ORIGIN PATH HOP
#define ATTRS "attrs origin=0 path=65001 hop=192.0.2.1"
#define ROUTE "18 0a0102"

struct row {
    const char *what;
    const char *withdrawn, *attrs, *nlri;
    const char *expect;
    enum bgp_action action;
    uint8_t subcode, attr;
};

static inline size_t update_message(const struct row *r, uint8_t *p)
{
    uint8_t *q = p + BGP_HEADER + 2;
    size_t n = unhex(r->withdrawn, q, 1024);
    put_be16(q - 2, (uint16_t)n);
    q += n + 2;
    n = unhex(r->attrs, q, 2000);
    put_be16(q - 2, (uint16_t)n);
    q += n;
    q += unhex(r->nlri, q, 1024);
    bgp_header_write(p, (size_t)(q - p), BGP_UPDATE);
    return (size_t)(q - p);
}

/* Cut anywhere, a message must not be read behind its end; what it then says does not matter. */
static inline void cut(const uint8_t *msg, size_t n, const struct bgp_session_caps *caps)
{
    for (size_t at = BGP_HEADER; at < n; at++) {
        uint8_t *exact = malloc(at);
        struct bgp_error e;
        struct strbuf s;
        strbuf_init(&s, 1 << 16);
        memcpy(exact, msg, at);
        bgp_update_parse(exact, at, caps, &record_ops, &s, &e);
        assert_true(at >= BGP_HEADER + 4 || e.action == BGP_RESET);
        strbuf_free(&s);
        free(exact);
    }
}

static inline void check_rows(const struct row *rows, unsigned n, const struct bgp_session_caps *caps)
{
    for (unsigned i = 0; i < n; i++) {
        uint8_t msg[5000];
        struct bgp_error e;
        struct strbuf s;
        strbuf_init(&s, 1 << 16);
        size_t len = update_message(&rows[i], msg);
        int rc = bgp_update_parse(msg, len, caps, &record_ops, &s, &e);
        if (strcmp(strbuf_cstr(&s), rows[i].expect) != 0)
            fail_msg("%s: got\n  %s\nnot\n  %s", rows[i].what, strbuf_cstr(&s), rows[i].expect);
        if (rc != (rows[i].action == BGP_RESET ? -1 : 0) || e.action != rows[i].action ||
            e.subcode != rows[i].subcode || e.attr != rows[i].attr)
            fail_msg("%s: %d, action %d, 3/%u, attribute %u: %s", rows[i].what, rc, e.action, e.subcode,
                     e.attr, e.what);
        assert_true((e.what != NULL) == (e.action != BGP_NO_FAULT));
        strbuf_free(&s);
        cut(msg, len, caps);
    }
}
#define CHECK(rows, caps) check_rows(rows, sizeof(rows) / sizeof((rows)[0]), caps)

#endif
