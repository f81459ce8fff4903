/* SPDX-License-Identifier: BSD-2-Clause */
/* Queries of the looking glass: what is read, and what is wrong with others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "bgp/lgquery.h"

static void reads(void **state)
{
    struct lg_query q;
    static const char text[] = " {\"ip_prefix\": \"192.0.2.0/24\", \"peer_ip_src\": \"2001:db8::1\", \"rd\": "
                               "\"1:192.0.2.9:7\", \"peer_tcp_port\": 33001, \"more\": true } ";
    (void)state;
    assert_null(lg_query_parse(text, strlen(text), &q));
    assert_true(q.has_prefix && q.has_peer && q.has_rd && q.has_length);
    assert_int_equal(q.bits, 24);
    assert_int_equal(q.peer_port, 33001);
    assert_memory_equal(q.rd, "\0\1\xc0\0\2\x09\0\7", 8);
    assert_null(lg_query_parse("{\"query_type\": 2, \"queries\": 1}", 31, &q));
    assert_int_equal(q.query_type, LG_PEERS);
    assert_null(lg_query_parse("{}", 2, &q));
}

static void refuses(void **state)
{
    static const struct {
        const char *text, *why;
    } rows[] = {
        { "", "no JSON object" },
        { "[]", "no JSON object" },
        { "{\"query_type\": x}", "query_type is no number" },
        { "{\"query_type\"}", "a member has no name" },
        { "{\"query_type\": }", "a member has no value" },
        { "{\"query_type\": 1", "the object does not end" },
        { "{\"ip_prefix\": \"192.0.2.0/33\"}", "ip_prefix is no prefix" },
        { "{\"peer_ip_src\": \"\"}", "peer_ip_src is no address" },
        { "{\"rd\": \"1:2:3:4\"}", "rd is no route distinguisher" },
        { "{\"peer_tcp_port\": 65536}", "peer_tcp_port is no port" },
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct lg_query q;
        const char *why = lg_query_parse(rows[i].text, strlen(rows[i].text), &q);
        if (!why || strcmp(why, rows[i].why) != 0)
            fail_msg("%s: %s", rows[i].text, why);
    }
}

static void distinguishers(void **state)
{
    static const struct {
        const char *text, *octets; /* NULL: none */
    } rows[] = {
        { "0:65000:1", "\0\0\xfd\xe8\0\0\0\1" },
        { "65000:1", "\0\0\xfd\xe8\0\0\0\1" },
        { "2:65551:9", "\0\2\0\1\0\x0f\0\x09" },
        { "65551:9", "\0\2\0\1\0\x0f\0\x09" },
        { "192.0.2.1:7", "\0\1\xc0\0\2\1\0\7" },
        { "0:65536:1", NULL },
        { "3:1:1", NULL },
        { "2:1:65536", NULL },
        { "x", NULL },
        { "0:1:", NULL },
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t rd[8];
        const bool good = lg_rd_parse(rows[i].text, rd);
        if (good != (rows[i].octets != NULL) || (good && memcmp(rd, rows[i].octets, 8) != 0))
            fail_msg("%s", rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(reads), cmocka_unit_test(refuses),
                                        cmocka_unit_test(distinguishers) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
