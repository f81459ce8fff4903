/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages out of streams: JSON that is and that is not, streams cut at every octet, headers of both
 * versions. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif
#ifdef WITH_ZLIB
#include <zlib.h>
#endif
#include "base/cursor.h"
#include "telemetry/framing.h"

/* ---- JSON */

static void json_texts(void **state)
{
    static const struct {
        const char *text;
        enum json_verdict all, first; /* as the whole of a text; as the beginning of a stream */
    } rows[] = {
        { "{}", JSON_WHOLE, JSON_WHOLE },
        { "[]", JSON_WHOLE, JSON_WHOLE },
        { " {\"a\" : [ 1 , 2.5e-3, -0, true,false , null, \"x\"] , \"b\":{} }\n", JSON_WHOLE, JSON_WHOLE },
        { "\"\\u00e9\\\"\\\\\\/\\b\\f\\n\\r\\t\"", JSON_WHOLE, JSON_WHOLE },
        { "12", JSON_WHOLE, JSON_SHORT },
        { " -1.5e3", JSON_WHOLE, JSON_SHORT },
        { "\"12", JSON_BAD, JSON_SHORT }, /* a string without its end is no number */
        { "-", JSON_BAD, JSON_SHORT },
        { "true", JSON_WHOLE, JSON_WHOLE },
        { "{} {}", JSON_BAD, JSON_WHOLE },
        { "", JSON_BAD, JSON_SHORT },
        { "{", JSON_BAD, JSON_SHORT },
        { "{\"a\"", JSON_BAD, JSON_SHORT },
        { "{\"a\":", JSON_BAD, JSON_SHORT },
        { "{\"a\":1", JSON_BAD, JSON_SHORT },
        { "{\"a\":1,", JSON_BAD, JSON_SHORT },
        { "{\"a\":1,}", JSON_BAD, JSON_BAD },
        { "[1,]", JSON_BAD, JSON_BAD },
        { "[,1]", JSON_BAD, JSON_BAD },
        { "{1:2}", JSON_BAD, JSON_BAD },
        { "{\"a\" 1}", JSON_BAD, JSON_BAD },
        { "[1 2]", JSON_BAD, JSON_BAD },
        { "[01]", JSON_BAD, JSON_BAD },
        { "[1.]", JSON_BAD, JSON_BAD },
        { "[.5]", JSON_BAD, JSON_BAD },
        { "[+1]", JSON_BAD, JSON_BAD },
        { "[1e]", JSON_BAD, JSON_BAD },
        { "[-]", JSON_BAD, JSON_BAD },
        { "[tru]", JSON_BAD, JSON_BAD },
        { "[nul", JSON_BAD, JSON_SHORT },
        { "[NaN]", JSON_BAD, JSON_BAD },
        { "{]", JSON_BAD, JSON_BAD },
        { "[}", JSON_BAD, JSON_BAD },
        { "}", JSON_BAD, JSON_BAD },
        { "[\"\\x\"]", JSON_BAD, JSON_BAD },
        { "[\"\\u12g4\"]", JSON_BAD, JSON_BAD },
        { "[\"a\nb\"]", JSON_BAD, JSON_BAD },
        { "[\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"]", JSON_WHOLE, JSON_WHOLE },
        { "[\"\xc3\"]", JSON_BAD, JSON_BAD },
        { "[\"\xc0\xaf\"]", JSON_BAD, JSON_BAD },         /* not the shortest form */
        { "[\"\xed\xa0\x80\"]", JSON_BAD, JSON_BAD },     /* a surrogate */
        { "[\"\xf4\x90\x80\x80\"]", JSON_BAD, JSON_BAD }, /* beyond U+10FFFF */
        { "[\"\xff\"]", JSON_BAD, JSON_BAD },
        { "[1]\v", JSON_BAD, JSON_WHOLE },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct json_found found;
        const uint8_t *p = (const uint8_t *)rows[i].text;
        const size_t n = strlen(rows[i].text);
        if (json_check_all(p, n, &found) != rows[i].all || json_check(p, p + n, &found) != rows[i].first)
            fail_msg("row %zu: %s", i, rows[i].text);
    }
}

/* Every beginning of a good text is the beginning of one, and no octet beyond the given ones is read. */
static void json_beginnings(void **state)
{
    static const char text[] = "{\"one\": [1.5e+10, \"two \\\" \\u0041 \xe2\x82\xac long enough for "
                               "words\"], \"t\": true, \"n\": null, "
                               "\"o\": {\"f\": false}}";
    (void)state;
    for (size_t n = 0; n < sizeof(text) - 1; n++) {
        struct json_found found;
        uint8_t *copy = malloc(n ? n : 1);
        memcpy(copy, text, n);
        if (json_check(copy, copy + n, &found) != JSON_SHORT)
            fail_msg("%zu octets", n);
        free(copy);
    }
}

static void json_depth(void **state)
{
    char text[2 * JSON_DEPTH + 4];
    struct json_found found;
    (void)state;
    for (unsigned depth = JSON_DEPTH; depth <= JSON_DEPTH + 1; depth++) {
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        assert_int_equal(json_check_all((uint8_t *)text, depth * 2, &found),
                         depth == JSON_DEPTH ? JSON_WHOLE : JSON_BAD);
    }
}

static void json_copies(void **state)
{
    static const char text[] = "{\r\n  \"a\\n\" :  1,\n\t\"b\" : [\n    2 ]\n}";
    struct json_found found;
    struct strbuf s;
    (void)state;
    strbuf_init(&s, 1000);
    assert_int_equal(json_check_all((const uint8_t *)text, sizeof(text) - 1, &found), JSON_WHOLE);
    assert_true(found.breaks);
    json_copy(&s, (const uint8_t *)text, sizeof(text) - 1, found.breaks);
    assert_string_equal(strbuf_cstr(&s), "{\"a\\n\" :  1,\"b\" : [2 ]}");
    strbuf_free(&s);
}

/* ---- streams */

/* What comes out of a stream, as text: messages in <>, faults by name. */
struct reader {
    framing_fn fn;
    struct framing framing;
    struct strbuf unpacked, out;
    bool broken;
};

static void reader_init(struct reader *r, framing_fn fn)
{
    *r = (struct reader){ .fn = fn };
    strbuf_init(&r->unpacked, TELE_MESSAGE_MAX);
    strbuf_init(&r->out, 1 << 20);
    r->framing.unpacked = &r->unpacked;
}

static void reader_free(struct reader *r)
{
    framing_end(&r->framing);
    strbuf_free(&r->unpacked);
    strbuf_free(&r->out);
}

static void show(struct reader *r, enum frame_verdict v, const struct frame *f)
{
    static const char *const words[] = { [TELE_JSON] = "", [TELE_GPB] = "gpb:" };
    if (v == FRAME_MESSAGE) {
        strbuf_char(&r->out, '<');
        strbuf_str(&r->out, words[f->message.encoding]);
        strbuf_add(&r->out, f->message.p, f->message.len);
        strbuf_char(&r->out, '>');
    } else if (v == FRAME_FAULT || v == FRAME_BROKEN) {
        strbuf_str(&r->out, tele_fault_name(f->fault));
        strbuf_char(&r->out, v == FRAME_BROKEN ? '!' : ' ');
    }
}

/* All that can be read of n octets that have come; returns what is done with. */
static size_t take(struct reader *r, const uint8_t *p, size_t n)
{
    size_t done = 0;
    while (done < n && !r->broken) {
        struct frame f = { 0 };
        const enum frame_verdict v = r->fn(&r->framing, p + done, n - done, &f);
        show(r, v, &f);
        if (v == FRAME_MORE) {
            assert_true(f.want > n - done);
            break;
        }
        r->broken = v == FRAME_BROKEN;
        assert_true(f.used > 0 || r->broken);
        assert_true(f.used <= n - done);
        done += f.used;
    }
    return done;
}

/* Feeds the stream in pieces of which each ends at `cut`, then at every `step`. Octets that have not come lie
 * beyond an allocation's end. */
static void feed(struct reader *r, const uint8_t *p, size_t n, size_t cut, size_t step)
{
    size_t done = 0, have = cut;
    for (;;) {
        uint8_t *copy = malloc(have - done + 1);
        memcpy(copy, p + done, have - done);
        done += take(r, copy, have - done);
        free(copy);
        if (have == n || r->broken)
            return;
        have = step && have + step < n ? have + step : n;
    }
}

static void assert_stream(framing_fn fn, const void *p, size_t n, const char *want)
{
    for (size_t step = 0; step <= 3; step++)
        for (size_t cut = 0; cut <= n; cut++) {
            struct reader r;
            reader_init(&r, fn);
            feed(&r, p, n, cut, step);
            if (strcmp(strbuf_cstr(&r.out), want))
                fail_msg("cut at %zu, then every %zu: %s", cut, step, strbuf_cstr(&r.out));
            reader_free(&r);
        }
}

static void streams_of_json(void **state)
{
    static const struct {
        const char *stream, *want;
    } rows[] = {
        { "{\"a\":1}{\"b\":{\"c\":\"}\"}}", "<{\"a\":1}><{\"b\":{\"c\":\"}\"}}>" },
        { "{\"a\":\"\\\"{\"}\n\n  {\"b\":\"\\\\\"}[1,[2]]",
          "<{\"a\":\"\\\"{\"}><{\"b\":\"\\\\\"}><[1,[2]]>" },
        { "\x1e{}\n\x1e{}\n", "<{}><{}>" }, /* RFC 7464 */
        { "{\"a\":tru}{\"b\":1}", "json <{\"b\":1}>" },
        { "{\"a\":[}]}{}", "json junk <{}>" },
        { "{\"k\":\"\xe2\x82\xac and some more text, eight by eight\"}{}",
          "<{\"k\":\"\xe2\x82\xac and some more text, eight by eight\"}><{}>" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_stream(frame_json, rows[i].stream, strlen(rows[i].stream), rows[i].want);
}

static void junk_between(void **state)
{
    static const char stream[] = "garbage{\"a\":1}x{}";
    struct reader r;
    (void)state;
    reader_init(&r, frame_json);
    feed(&r, (const uint8_t *)stream, sizeof(stream) - 1, sizeof(stream) - 1, 0);
    assert_string_equal(strbuf_cstr(&r.out), "junk <{\"a\":1}>junk <{}>");
    reader_free(&r);
}

static void streams_of_gpb(void **state)
{
    static const char stream[] = "\0\0\0\3abc\0\0\0\0\0\0\0\1d";
    (void)state;
    assert_stream(frame_gpb, stream, sizeof(stream) - 1, "<gpb:abc><gpb:d>");
    assert_stream(frame_gpb, "\xff\0\0\0", 4, "too_long!");
}

/* ---- Cisco's headers */

static size_t put(uint8_t *to, size_t at, unsigned a, unsigned b, unsigned c, unsigned d, const void *body,
                  size_t len)
{
    put_be16(to + at, (uint16_t)a);
    put_be16(to + at + 2, (uint16_t)b);
    put_be16(to + at + 4, (uint16_t)c);
    put_be16(to + at + 6, (uint16_t)d);
    put_be32(to + at + 8, (uint32_t)len);
    if (len)
        memcpy(to + at + 12, body, len);
    return at + 12 + len;
}

static void headers_v1(void **state)
{
    uint8_t p[400];
    size_t n = put(p, 0, 1, 2, 1, 0, "{\"a\": 1}", 8);
    (void)state;
    n = put(p, n, 2, 1, 1, 0, NULL, 0); /* heartbeats */
    n = put(p, n, 2, 1, 1, 0, "beat", 4);
    n = put(p, n, 1, 1, 1, 0, "\x0a\x01x", 3);
    n = put(p, n, 1, 3, 1, 0, "c", 1);
    n = put(p, n, 1, 4, 1, 0, "k", 1);
    n = put(p, n, 1, 5, 1, 0, "?", 1); /* an encapsulation that there is not */
    n = put(p, n, 1, 2, 1, 0, "{}", 2);
    assert_stream(frame_mdt_v1, p, n, "<{\"a\": 1}><gpb:\x0a\x01x><gpb:c><gpb:k>header <{}>");
    n = put(p, 0, 3, 2, 1, 0, "{}", 2);
    assert_stream(frame_mdt_v1, p, n, "header!");
    n = put(p, 0, 1, 2, 2, 0, "{}", 2);
    assert_stream(frame_mdt_v1, p, n, "header!");
    put_be32(p + put(p, 0, 1, 2, 1, 0, NULL, 0) - 4, 0x7fffffff);
    assert_stream(frame_mdt_v1, p, 12, "too_long!");
}

static void headers_v0(void **state)
{
    uint8_t p[400];
    size_t n = put(p, 0, 0, 2, 0, 0, "{\"a\": 1}", 8);
    (void)state;
    n = put(p, n, 0, 1, 0, 0, NULL, 0); /* reset of the compressor */
    n = put(p, n, 0, 3, 0, 0, "c", 1);
    n = put(p, n, 0, 4, 0, 0, "k", 1);
    assert_stream(frame_mdt_v0, p, n, "<{\"a\": 1}><gpb:c><gpb:k>");
    n = put(p, 0, 0, 5, 0, 0, NULL, 0);
    assert_stream(frame_mdt_v0, p, n, "header!");
}

#ifdef WITH_ZLIB
static size_t deflated(z_stream *z, int flush, const char *text, uint8_t *to, size_t size)
{
    z->next_in = (Bytef *)(uintptr_t)text;
    z->avail_in = (uInt)strlen(text);
    z->next_out = to;
    z->avail_out = (uInt)size;
    deflate(z, flush);
    return size - z->avail_out;
}

/* v0: one stream for all messages until the reset. v1: one for each. */
static void compressed(void **state)
{
    uint8_t p[600], body[200];
    z_stream z = { 0 };
    size_t n = 0;
    (void)state;
    for (unsigned turn = 0; turn < 2; turn++) {
        deflateInit(&z, 6);
        size_t len = deflated(&z, Z_SYNC_FLUSH, "{\"first\": 1}", body, sizeof(body));
        n = put(p, n, 0, 2, 0, 1, body, len);
        len = deflated(&z, Z_SYNC_FLUSH, "{\"first\": 2}", body, sizeof(body));
        n = put(p, n, 0, 2, 0, 1, body, len);
        deflateEnd(&z);
        n = put(p, n, 0, 1, 0, 0, NULL, 0);
    }
    n = put(p, n, 0, 2, 0, 1, "no zlib", 7);
    n = put(p, n, 0, 2, 0, 0, "{}", 2);
    assert_stream(frame_mdt_v0, p, n,
                  "<{\"first\": 1}><{\"first\": 2}><{\"first\": 1}><{\"first\": 2}>zlib <{}>");

    n = 0;
    for (unsigned turn = 0; turn < 2; turn++) {
        deflateInit(&z, 6);
        const size_t len = deflated(&z, Z_FINISH, "{\"second\": 1}", body, sizeof(body));
        deflateEnd(&z);
        n = put(p, n, 1, 2, 1, 1, body, len);
    }
    assert_stream(frame_mdt_v1, p, n, "<{\"second\": 1}><{\"second\": 1}>");
}

/* A few octets that unpack to more than a message may have. */
static void bomb(void **state)
{
    const uLong size = TELE_MESSAGE_MAX + 1000;
    uLongf len = compressBound(size);
    uint8_t *zeros = calloc(1, size), *packed = malloc(len), *p = malloc(len + 12);
    struct reader r;
    (void)state;
    assert_int_equal(compress(packed, &len, zeros, size), Z_OK);
    const size_t n = put(p, 0, 1, 2, 1, 1, packed, len);
    reader_init(&r, frame_mdt_v1);
    feed(&r, p, n, n, 0);
    assert_string_equal(strbuf_cstr(&r.out), "zlib ");
    reader_free(&r);
    free(zeros);
    free(packed);
    free(p);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_texts),      cmocka_unit_test(json_beginnings),
        cmocka_unit_test(json_depth),      cmocka_unit_test(json_copies),
        cmocka_unit_test(streams_of_json), cmocka_unit_test(junk_between),
        cmocka_unit_test(streams_of_gpb),  cmocka_unit_test(headers_v1),
        cmocka_unit_test(headers_v0),
#ifdef WITH_ZLIB
        cmocka_unit_test(compressed),      cmocka_unit_test(bomb),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
