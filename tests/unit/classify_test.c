/* SPDX-License-Identifier: BSD-2-Clause */
/* What packets are recognised as, until when nDPI looks at them, what is forgotten and when. Builds without
 * nDPI have nothing to test but that they say so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>
#include <stdio.h>
#include "app_packets.h"
#include "packet/classify.h"
#include "packet/link.h"

#define START_US INT64_C(1700000000000000)
#define SECOND INT64_C(1000000)
#define UNKNOWN "Unknown/Unknown"

enum { RAW = 12 };

struct bench {
    struct log log;
    struct config c;
    struct classifier *k;
    struct packet_decoder d;
    struct flow f;
};

static void bench_open(struct bench *b)
{
    static struct fieldset needs;
    struct packet_options o = { .needs = &needs };
    struct err e;
    fieldset_add(&needs, FIELD_src_port);
    log_init(&b->log, NULL, "default", "core", false);
    if (!b->c.classifier_idle_max_time)
        b->c.classifier_idle_max_time = 300000;
    b->c.classifier_idle_scan_period = 10000;
    b->c.classifier_idle_scan_budget = 1024;
    b->c.classifier_giveup_tcp = 10;
    b->c.classifier_giveup_udp = b->c.classifier_giveup_other = 8;
    assert_int_equal(packet_decoder_open(&b->d, RAW, &o, &e), 0);
    b->k = classifier_new(&b->c, &b->log, &e);
    if (b->k)
        return;
    assert_int_equal(e.code, ERR_UNSUPPORTED);
    packet_decoder_close(&b->d);
    print_message("skipped: %s\n", e.text);
    skip();
}

static void bench_close(struct bench *b)
{
    classifier_free(b->k);
    packet_decoder_close(&b->d);
}

/* As feed.c does it; caplen 0: all of it was captured. */
static const char *class_of(struct bench *b, const struct app_packet *p, uint32_t caplen, int64_t at_us)
{
    static char text[sizeof(b->f.class.b) + 1];
    uint32_t n = caplen && caplen < p->len ? caplen : p->len;
    uint8_t *exact = malloc(n); /* so that the address sanitizer sees reading beyond it */
    assert_non_null(exact);
    memcpy(exact, p->b, n);
    assert_int_equal(packet_decode(&b->d, exact, n, p->len, &b->f), PACKET_OK);
    classifier_packet(b->k, &b->f, b->d.ip, n, at_us);
    snprintf(text, sizeof(text), "%.*s", (int)sizeof(b->f.class.b), b->f.class.b);
    free(exact);
    return text;
}

static const char *tcp(struct bench *b, struct app_ends e, const void *data, size_t n, int64_t at_us)
{
    e.proto = APP_TCP;
    if (!e.flags)
        e.flags = n ? APP_PSH | APP_ACK : APP_ACK;
    struct app_packet p = app_packet(e, data, n);
    return class_of(b, &p, 0, at_us);
}

static void a_dns_query(void **state)
{
    (void)state;
    struct bench b = { .k = NULL };
    uint8_t q[512];
    size_t n = app_dns_query(q, "example", "org");
    bench_open(&b);
    for (unsigned v6 = 0; v6 < 2; v6++) {
        struct app_ends e = { APP_UDP, .client = 1, .sport = 40000, .dport = 53, .v6 = v6 };
        struct app_packet p = app_packet(e, q, n);
        assert_string_equal(class_of(&b, &p, 0, START_US), "Unknown/DNS");
        assert_string_equal(class_of(&b, &p, 0, START_US), "Unknown/DNS");
    }
    bench_close(&b);
}

static void http_from_its_request_on(void **state)
{
    (void)state;
    struct bench b = { .k = NULL };
    struct app_ends e = { .client = 1, .sport = 40001, .dport = 8080 }, syn = e, back = e;
    uint8_t get[512];
    size_t n = app_http_get(get, "example.org");
    syn.flags = APP_SYN;
    back.back = true;
    bench_open(&b);
    assert_string_equal(tcp(&b, syn, "", 0, START_US), UNKNOWN);
    back.flags = APP_SYN | APP_ACK;
    assert_string_equal(tcp(&b, back, "", 0, START_US), UNKNOWN);
    assert_string_equal(tcp(&b, e, "", 0, START_US), UNKNOWN);
    assert_string_equal(tcp(&b, e, get, n, START_US + 1000), "Unknown/HTTP");
    back.flags = 0;
    assert_string_equal(tcp(&b, back, "HTTP/1.1 200 OK\r\n\r\n", 19, START_US + 2000), "Unknown/HTTP");
    assert_string_equal(tcp(&b, e, "", 0, START_US + 3000), "Unknown/HTTP");
    bench_close(&b);
}

static void tls_by_the_name_of_its_server(void **state)
{
    (void)state;
    static const char *const rows[][2] = { { "www.google.com", "TLS/Google" },
                                           { "www.wikipedia.org", "TLS/Wikipedia" },
                                           { "test.invalid", "Unknown/TLS" } };
    struct bench b = { .k = NULL };
    bench_open(&b);
    for (unsigned i = 0; i < 3; i++) {
        struct app_ends e = { .client = (uint8_t)i, .sport = 40002, .dport = 443 };
        uint8_t hello[512];
        size_t n = app_client_hello(hello, rows[i][0]);
        const char *class = tcp(&b, e, hello, n, START_US);
        if (strcmp(class, rows[i][1]) != 0)
            fail_msg("%s: %s, not %s", rows[i][0], class, rows[i][1]);
    }
    bench_close(&b);
}

/* The snapshot length cut them: nDPI gets what there is. */
static void packets_that_were_cut(void **state)
{
    (void)state;
    struct bench b = { .k = NULL };
    uint8_t text[1400];
    size_t n = app_http_get(text, "example.org");
    memset(text + n, 'x', sizeof(text) - n);
    struct app_ends e = { APP_TCP, APP_PSH | APP_ACK, .client = 1, .sport = 40003, .dport = 8080 };
    bench_open(&b);
    struct app_packet p = app_packet(e, text, sizeof(text));
    assert_string_equal(class_of(&b, &p, 128, START_US), "Unknown/HTTP");
    e.sport++;
    e.v6 = true;
    p = app_packet(e, text, sizeof(text));
    assert_string_equal(class_of(&b, &p, 148, START_US), "Unknown/HTTP");
    bench_close(&b);
}

/* Our decoder walks an authentication header (RFC 4302), nDPI stops there: for it the conversation changes
 * its protocol amid, and what it keeps for TCP in a union would be read as something else, or never freed. */
static void a_protocol_that_ndpi_reads_otherwise(void **state)
{
    (void)state;
    static const uint8_t ah[12] = { APP_TCP, 1 };
    struct app_ends e = { APP_TCP, APP_PSH | APP_ACK, .client = 1, .sport = 40004, .dport = 443, .v6 = true };
    struct bench b = { .k = NULL };
    uint8_t hello[512];
    size_t n = app_client_hello(hello, "www.wikipedia.org");
    bench_open(&b);
    struct app_packet part = app_packet(e, hello, n / 2), guarded = app_packet(e, hello, n / 2);
    memmove(guarded.b + 40 + sizeof(ah), guarded.b + 40, guarded.len - 40);
    memcpy(guarded.b + 40, ah, sizeof(ah));
    guarded.b[6] = 51;
    guarded.b[4] = (uint8_t)((guarded.len - 40 + sizeof(ah)) >> 8);
    guarded.b[5] = (uint8_t)(guarded.len - 40 + sizeof(ah));
    guarded.len += sizeof(ah);
    (void)class_of(&b, &part, 0, START_US);
    (void)class_of(&b, &guarded, 0, START_US + 1000);
    assert_int_equal(b.f.proto, APP_TCP);
    bench_close(&b);
}

/* Each at every length: nothing is read beyond what is there. */
static void every_length(void **state)
{
    (void)state;
    struct bench b = { .k = NULL };
    uint8_t hello[512];
    size_t n = app_client_hello(hello, "www.google.com");
    bench_open(&b);
    for (unsigned v6 = 0; v6 < 2; v6++) {
        struct app_ends e = { APP_TCP, APP_PSH | APP_ACK, .client = 1, .dport = 443, .v6 = v6 };
        for (uint32_t len = v6 ? 40 : 20; len < (v6 ? 40 : 20) + 20 + n; len++) {
            e.sport = (uint16_t)(41000 + len);
            struct app_packet p = app_packet(e, hello, n);
            class_of(&b, &p, len, START_US);
        }
    }
    bench_close(&b);
}

/* nDPI looks at so many packets with payload and then no more. */
static void what_nobody_recognises(void **state)
{
    (void)state;
    struct bench b = { .c = { .classifier_idle_max_time = 300000 } };
    struct app_ends e = { .client = 1, .sport = 40004, .dport = 50000 };
    uint8_t noise[200], get[512];
    size_t n = app_http_get(get, "example.org");
    for (unsigned i = 0; i < sizeof(noise); i++)
        noise[i] = (uint8_t)(i * 73 + 41);
    bench_open(&b);
    for (unsigned i = 0; i < 11; i++, e.seq += 200)
        assert_string_equal(tcp(&b, e, noise, sizeof(noise), START_US + i), UNKNOWN);
    assert_string_equal(tcp(&b, e, get, n, START_US + 20), UNKNOWN); /* it is not asked any more */
    struct app_ends syn = e;
    syn.flags = APP_SYN; /* the same ports for something else */
    tcp(&b, syn, "", 0, START_US + 30);
    assert_string_equal(tcp(&b, e, get, n, START_US + 40), "Unknown/HTTP");
    bench_close(&b);
}

static void silence_is_forgotten(void **state)
{
    (void)state;
    struct bench b = { .c = { .classifier_idle_max_time = 5000 } };
    struct app_ends e = { .client = 1, .sport = 40005, .dport = 8080 };
    uint8_t get[512];
    size_t n = app_http_get(get, "example.org");
    bench_open(&b);
    assert_string_equal(tcp(&b, e, get, n, START_US), "Unknown/HTTP");
    assert_string_equal(tcp(&b, e, "", 0, START_US + 5 * SECOND), "Unknown/HTTP");
    assert_string_equal(tcp(&b, e, "", 0, START_US + 11 * SECOND), UNKNOWN);
    bench_close(&b);
}

/* Flows without an end, each with a packet that nDPI cannot name: memory is freed by the scans and the sweep.
 */
static void floods_are_bounded(void **state)
{
    (void)state;
    struct bench b = { .c = { .classifier_idle_max_time = 2000, .classifier_max_flows = 3000 } };
    bench_open(&b);
    for (unsigned i = 0; i < 30000; i++) {
        struct app_ends e = { .client = (uint8_t)(i >> 8), .sport = (uint16_t)(1024 + i), .dport = 50000 };
        tcp(&b, e, "\1\2\3\4\5\6\7", 7, START_US + i * INT64_C(1000));
    }
    /* Too many at once: those that are followed stay, the others have no class, and that is all. */
    for (unsigned i = 0; i < 6000; i++) {
        struct app_ends e = { .client = (uint8_t)(i >> 8), .sport = (uint16_t)(1024 + i), .dport = 50001 };
        assert_string_equal(tcp(&b, e, "\1\2\3\4\5\6\7", 7, START_US + 40 * SECOND), UNKNOWN);
    }
    struct app_ends e = { .client = 77, .sport = 1, .dport = 8080 };
    uint8_t get[512];
    size_t n = app_http_get(get, "example.org");
    assert_string_equal(tcp(&b, e, get, n, START_US + 40 * SECOND), UNKNOWN);
    assert_string_equal(tcp(&b, e, get, n, START_US + 50 * SECOND), "Unknown/HTTP");
    classifier_stats(b.k, &b.log, "test");
    bench_close(&b);
}

static void frames_without_ip_have_none(void **state)
{
    (void)state;
    struct bench b = { .k = NULL };
    bench_open(&b);
    memset(b.f.class.b, 'x', sizeof(b.f.class.b));
    classifier_packet(b.k, &b.f, NULL, 0, START_US);
    assert_string_equal(b.f.class.b, "");
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dns_query),
        cmocka_unit_test(http_from_its_request_on),
        cmocka_unit_test(tls_by_the_name_of_its_server),
        cmocka_unit_test(packets_that_were_cut),
        cmocka_unit_test(a_protocol_that_ndpi_reads_otherwise),
        cmocka_unit_test(every_length),
        cmocka_unit_test(what_nobody_recognises),
        cmocka_unit_test(silence_is_forgotten),
        cmocka_unit_test(floods_are_bounded),
        cmocka_unit_test(frames_without_ip_have_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
