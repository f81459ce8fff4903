/* SPDX-License-Identifier: BSD-2-Clause */
/* Packets of applications, for the tests of what classifies them: an IP header, a transport header, a first
 * message. */
#ifndef TESTS_APP_PACKETS_H
#define TESTS_APP_PACKETS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { APP_TCP = 6, APP_UDP = 17, APP_FIN = 1, APP_SYN = 2, APP_RST = 4, APP_PSH = 8, APP_ACK = 16 };

struct app_packet {
    uint8_t b[1600];
    uint32_t len;
};

struct app_ends {
    uint8_t proto;
    uint8_t flags;  /* TCP's */
    uint8_t client; /* last octet of its address, 10.0.0.N or 2001:db8::N */
    uint16_t sport, dport;
    uint32_t seq;
    bool back, v6;
};

static inline void app_put(struct app_packet *p, const void *data, size_t n)
{
    memcpy(p->b + p->len, data, n);
    p->len += (uint32_t)n;
}

static inline void app_u16(struct app_packet *p, unsigned v)
{
    uint8_t b[2] = { (uint8_t)(v >> 8), (uint8_t)v };
    app_put(p, b, 2);
}

static inline void app_u8(struct app_packet *p, unsigned v)
{
    uint8_t b = (uint8_t)v;
    app_put(p, &b, 1);
}

static inline void app_ip4(struct app_packet *p, const struct app_ends *e, size_t payload)
{
    static const uint8_t server[4] = { 192, 0, 2, 9 };
    const uint8_t client[4] = { 10, 0, 0, e->client };
    app_u16(p, 0x4500);
    app_u16(p, 20 + (unsigned)payload);
    app_put(p, "\0\1\100\0\100", 5);
    app_u8(p, e->proto);
    app_u16(p, 0);
    app_put(p, e->back ? server : client, 4);
    app_put(p, e->back ? client : server, 4);
}

static inline void app_ip6(struct app_packet *p, const struct app_ends *e, size_t payload)
{
    static const uint8_t server[16] = { 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 9 };
    const uint8_t client[16] = { 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, e->client };
    app_put(p, "\140\0\0\0", 4);
    app_u16(p, (unsigned)payload);
    app_u8(p, e->proto);
    app_u8(p, 64);
    app_put(p, e->back ? server : client, 16);
    app_put(p, e->back ? client : server, 16);
}

/* The whole packet, from its IP header on. */
static inline struct app_packet app_packet(struct app_ends e, const void *data, size_t n)
{
    struct app_packet p = { .len = 0 };
    size_t payload = n + (e.proto == APP_TCP ? 20 : 8);
    if (e.v6)
        app_ip6(&p, &e, payload);
    else
        app_ip4(&p, &e, payload);
    app_u16(&p, e.back ? e.dport : e.sport);
    app_u16(&p, e.back ? e.sport : e.dport);
    if (e.proto == APP_TCP) {
        app_u16(&p, e.seq >> 16);
        app_u16(&p, e.seq & 0xffff);
        app_put(&p, "\0\0\0\1\120", 5);
        app_u8(&p, e.flags);
        app_put(&p, "\377\377\0\0\0\0", 6);
    } else {
        app_u16(&p, (unsigned)payload);
        app_u16(&p, 0);
    }
    app_put(&p, data, n);
    return p;
}

static inline size_t app_dns_query(uint8_t *out, const char *label, const char *domain)
{
    struct app_packet p = { .len = 0 };
    app_put(&p, "\22\64\1\0\0\1\0\0\0\0\0\0", 12);
    app_u8(&p, (unsigned)strlen(label));
    app_put(&p, label, strlen(label));
    app_u8(&p, (unsigned)strlen(domain));
    app_put(&p, domain, strlen(domain));
    app_put(&p, "\0\0\1\0\1", 5);
    memcpy(out, p.b, p.len);
    return p.len;
}

static inline size_t app_http_get(uint8_t *out, const char *host)
{
    return (size_t)sprintf((char *)out,
                           "GET / HTTP/1.1\r\nHost: %s\r\nUser-Agent: test\r\nAccept: */*\r\n\r\n", host);
}

/* A ClientHello of TLS 1.2 that names a server: RFC 5246 §7.4.1.2, RFC 6066 §3. */
static inline size_t app_client_hello(uint8_t *out, const char *server)
{
    struct app_packet p = { .len = 0 };
    unsigned n = (unsigned)strlen(server), extension = 9 + n, body = 2 + 32 + 1 + 2 + 4 + 2 + 2 + extension;
    app_put(&p, "\26\3\1", 3);
    app_u16(&p, body + 4);
    app_u16(&p, 0x0100);
    app_u16(&p, body);
    app_u16(&p, 0x0303);
    for (unsigned i = 0; i < 32; i++)
        app_u8(&p, i * 7 + 1);
    app_u8(&p, 0);
    app_put(&p, "\0\4\300\57\300\60\1\0", 8);
    app_u16(&p, extension);
    app_u16(&p, 0);
    app_u16(&p, n + 5);
    app_u16(&p, n + 3);
    app_u8(&p, 0);
    app_u16(&p, n);
    app_put(&p, server, n);
    memcpy(out, p.b, p.len);
    return p.len;
}

#endif
