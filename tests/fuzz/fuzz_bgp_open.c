/* SPDX-License-Identifier: BSD-2-Clause */
/* A stream of BGP messages as a session sees it: frames, OPEN, NOTIFICATION, ROUTE-REFRESH. An OPEN that is
 * read is answered, and what is written must be read again as the same. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "bgp/open.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void cap(void *arg, uint8_t code, const uint8_t *value, uint8_t len)
{
    bgp_cap_text(arg, code, value, len);
}

static void written_is_read(const struct bgp_open *o)
{
    uint8_t msg[BGP_MAX];
    struct bgp_open back;
    struct bgp_error e;
    size_t n = bgp_open_write(msg, sizeof(msg), o);
    if (!n)
        return;
    if (bgp_frame(msg, n, false, &e) != (int)n)
        abort();
    int rc = bgp_open_parse(msg, n, &back, NULL, NULL, &e);
    if (o->as && (rc != 0 || back.n != o->n || back.as4 != o->as4 || back.restart_s != o->restart_s))
        abort();
}

static void on_open(const uint8_t *msg, size_t len, struct strbuf *s)
{
    struct bgp_open o, answer;
    struct bgp_error e;
    struct bgp_session_caps c;
    if (bgp_open_parse(msg, len, &o, cap, s, &e) != 0)
        return;
    bgp_open_answer(&o, &answer);
    bgp_negotiate(&answer, &o, &c);
    answer.as = o.as;
    memcpy(answer.id, o.id, 4);
    if (answer.n) /* without families, what is read has IPv4 unicast */
        written_is_read(&answer);
}

static void on_message(const uint8_t *msg, size_t len, struct strbuf *s)
{
    struct bgp_error e;
    struct bgp_notification n;
    struct bgp_refresh r;
    if (bgp_type(msg) == BGP_OPEN)
        on_open(msg, len, s);
    if (bgp_type(msg) == BGP_ROUTE_REFRESH)
        (void)bgp_refresh_parse(msg, len, &r, &e);
    if (bgp_type(msg) == BGP_NOTIFICATION && bgp_notification_parse(msg, len, &n, &e) == 0)
        bgp_notification_text(s, &n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bgp_error e;
    struct strbuf s;
    strbuf_init(&s, 1 << 16);
    int n;
    while ((n = bgp_frame(data, size, true, &e)) > 0 && (size_t)n <= size) {
        on_message(data, (size_t)n, &s);
        data += n;
        size -= (size_t)n;
    }
    strbuf_free(&s);
    return 0;
}
