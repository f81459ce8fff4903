/* SPDX-License-Identifier: BSD-2-Clause */
/* keys.def as a table, the words that keys accept, and the compile-time proof that each row's kind fits its
 * member. */
#include "config/keys.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define WORDS(name, ...) static const struct word words_##name[] = { __VA_ARGS__, { NULL, 0, NULL } }

WORDS(dry_run, { "config", DRY_RUN_CONFIG, NULL }, { "setup", DRY_RUN_SETUP, NULL });
WORDS(seccomp, { "refuse", SECCOMP_REFUSE, NULL }, { "kill", SECCOMP_KILL, NULL },
      { "log", SECCOMP_LOG, NULL }, { "off", SECCOMP_OFF, NULL }, { "true", SECCOMP_REFUSE, NULL },
      { "false", SECCOMP_OFF, NULL });
WORDS(facility, { "auth", 0, NULL }, { "mail", 0, NULL }, { "daemon", 0, NULL }, { "kern", 0, NULL },
      { "user", 0, NULL }, { "local0", 0, NULL }, { "local1", 0, NULL }, { "local2", 0, NULL },
      { "local3", 0, NULL }, { "local4", 0, NULL }, { "local5", 0, NULL }, { "local6", 0, NULL },
      { "local7", 0, NULL });
WORDS(print_output, { "formatted", PRINT_FORMATTED, NULL }, { "csv", PRINT_CSV, NULL },
      { "json", PRINT_JSON, NULL }, { "event_formatted", PRINT_EVENT_FORMATTED, NULL },
      { "event_csv", PRINT_EVENT_CSV, NULL }, { "avro", PRINT_AVRO, NULL }, { "avro_bin", PRINT_AVRO, NULL },
      { "avro_json", PRINT_AVRO_JSON, NULL },
      { "custom", PRINT_CUSTOM, "libraries of others are not loaded" });
/* The longest match of all is, with no other source built in, that of the flow and of networks_file. */
WORDS(as, { "netflow", SOURCE_FLOW, NULL }, { "sflow", SOURCE_FLOW, NULL },
      { "longest", SOURCE_LONGEST, NULL }, { "fallback", SOURCE_LONGEST, NULL },
      { "file", SOURCE_FILE, NULL }, { "bgp", SOURCE_BGP, NULL }, { "bmp", SOURCE_BMP, NULL });
WORDS(as_new, { "false", SOURCE_FLOW, NULL }, { "netflow", SOURCE_FLOW, NULL },
      { "sflow", SOURCE_FLOW, NULL }, { "longest", SOURCE_LONGEST, NULL },
      { "fallback", SOURCE_LONGEST, NULL }, { "true", SOURCE_FILE, NULL }, { "file", SOURCE_FILE, NULL },
      { "bgp", SOURCE_BGP, NULL }, { "bmp", SOURCE_BMP, NULL });
WORDS(net, { "netflow", SOURCE_FLOW, NULL }, { "sflow", SOURCE_FLOW, NULL },
      { "longest", SOURCE_LONGEST, NULL }, { "fallback", SOURCE_LONGEST, NULL },
      { "mask", SOURCE_MASK, NULL }, { "file", SOURCE_FILE, NULL }, { "bgp", SOURCE_BGP, NULL },
      { "bmp", SOURCE_BMP, NULL }, { "igp", SOURCE_IGP, "bgp" }, { "bgp-ls", SOURCE_IGP, "bgp" });
WORDS(table_type, { "original", 0, NULL }, { "bgp", 0, NULL });
WORDS(sql_data, { "typed", 0, NULL }, { "unified", 0, NULL });
WORDS(locking, { "table", SQL_LOCK_TABLE, NULL }, { "row", SQL_LOCK_ROW, NULL },
      { "none", SQL_LOCK_NONE, NULL });
WORDS(nf_version, { "5", 5, NULL }, { "9", 9, NULL }, { "10", 10, NULL });
WORDS(direction, { "in", 0, NULL }, { "out", 0, NULL }, { "tag", 0, NULL }, { "tag2", 0, NULL });
WORDS(tags, { "tag", 0, NULL }, { "tag2", 0, NULL });
WORDS(any_all, { "any", 0, NULL }, { "all", 1, NULL });
WORDS(in_out, { "in", 1, NULL }, { "out", 2, NULL });
WORDS(pcap_ifindex, { "none", 0, NULL }, { "sys", 1, NULL }, { "hash", 2, NULL }, { "map", 3, NULL });
WORDS(zmq_profile, { "micro", 0, NULL }, { "small", 1, NULL }, { "medium", 2, NULL }, { "large", 3, NULL },
      { "xlarge", 4, NULL });
WORDS(exchange, { "direct", 0, NULL }, { "fanout", 1, NULL }, { "topic", 2, NULL });
WORDS(broker_output, { "json", BODY_JSON, NULL }, { "avro", BODY_AVRO, NULL },
      { "avro_bin", BODY_AVRO, NULL }, { "avro_json", BODY_AVRO_JSON, NULL },
      { "protobuf", BODY_PROTO, NULL }, { "custom", BODY_CUSTOM, NULL });
WORDS(log_output, { "json", 0, NULL }, { "avro", 1, NULL }, { "avro_bin", 1, NULL },
      { "avro_json", 2, NULL });
WORDS(json_only, { "json", 1, NULL });
WORDS(peer_src_as, { "map", 1, NULL }, { "bgp", 2, NULL }, { "netflow", 0, NULL }, { "sflow", 0, NULL },
      { "fallback", 3, NULL }, { "longest", 3, NULL });
WORDS(map_bgp, { "map", 1, NULL }, { "bgp", 2, NULL });
WORDS(from_bgp, { "bgp", 2, NULL });
WORDS(per_peer, { "path_id", 0, NULL }, { "mpls_vpn_rd", 1, NULL });
WORDS(decoder, { "json", TELE_DECODER_JSON, NULL }, { "gpb", TELE_DECODER_GPB, NULL },
      { "cisco_v0", TELE_DECODER_V0, NULL }, { "cisco_v1", TELE_DECODER_V1, NULL });
WORDS(tele_layout, { "flat", TELE_LAYOUT_FLAT, NULL }, { "draft", TELE_LAYOUT_DRAFT, NULL });

const struct key_area key_areas[] = {
    { "packets", "link types, tunnels, fragments, classification, several interfaces, uacctd, sfprobe" },
    { "tee", "the replicator" },
    { "databases", "mysql, pgsql, the spool" },
    { "brokers", "Kafka, AMQP, ZeroMQ, Avro" },
    { "bgp", "pmbgpd and the BGP thread" },
    { "rpki", "origin validation" },
    { "bmp", "pmbmpd and the BMP thread" },
    { "telemetry", "pmtelemetryd" },
    { "speed", "several workers" },
    { "security", "DTLS, TLS, least privilege" },
    { NULL, NULL },
};

/* The number of each row, so that SAME can name one. */
enum {
#define SECTION(id, title) ROW_section_##id,
#define KEY(name, ...) ROW_##name,
#define LATER(name, ...) ROW_##name,
#define SAME(name, of, daemons) ROW_##name,
#define LATER_AS(name, of, area, daemons) ROW_##name,
#include "config/keys.def"
#undef SECTION
#undef KEY
#undef LATER
#undef SAME
#undef LATER_AS
    ROWS
};

/* clang-format off */
/* The address of a literal and not the literal: commas have to stay inside parentheses on their way through the rows. */
#define CHECK(low, high, list) (&((const struct check){ low, high, list }))
#define ANY CHECK(0, 0, NULL)
#define RANGE(low, high) CHECK(low, high, NULL)
#define ONE_OF(list) CHECK(0, 0, words_##list)
#define WORDS_OR(list, low, high) CHECK(low, high, words_##list)

#define SECTION(id, title) { .kind = KT_HEADING, .help = title, .same = -1, .off = KEY_NO_MEMBER },
#define KEY(n, k, member, d, c, w, whom, words, text)                                                           \
    { .name = #n, .kind = KT_##k, .off = offsetof(struct config, member), .dflt = d, .check = c, .where = w,    \
      .daemons = whom, .also = words, .help = text, .same = -1 },
#define LATER(n, k, a, d, c, w, whom, words, text)                                                              \
    { .name = #n, .kind = KT_##k, .off = KEY_NO_MEMBER, .dflt = d, .check = c, .where = w, .daemons = whom,     \
      .also = words, .help = text, .same = -1, .area = a },
#define SAME(n, of, whom) { .name = #n, .same = ROW_##of, .daemons = whom, .off = KEY_NO_MEMBER },
#define LATER_AS(n, of, a, whom) { .name = #n, .same = ROW_##of, .daemons = whom, .area = a, .off = KEY_NO_MEMBER },
/* clang-format on */
const struct key keys[] = {
#include "config/keys.def"
};
#undef SECTION
#undef KEY
#undef LATER
#undef SAME
#undef LATER_AS
const unsigned keys_count = ROWS;

#define K(kind, type, text) typedef type kt_##kind;
KEY_KINDS(K)
#undef K
#define SECTION(...)
#define KEY(name, kind, member, ...)                                                                         \
    _Static_assert(_Generic(((struct config *)0)->member, kt_##kind : 1, default : 0), #name);
#define LATER(name, kind, ...) _Static_assert(KT_##kind < KT_HEADING, #name);
#define SAME(...)
#define LATER_AS(...)
#include "config/keys.def"

const struct key *key_root(const struct key *k)
{
    while (k->same >= 0)
        k = &keys[k->same];
    return k;
}

const char *key_area(const struct key *k)
{
    for (; !k->area && k->same >= 0; k = &keys[k->same])
        ;
    return k->area;
}

bool key_works(const struct key *k) { return !key_area(k); }

bool key_same_slot(const struct key *a, const struct key *b)
{
    if (key_works(a) != key_works(b))
        return false;
    a = key_root(a);
    b = key_root(b);
    return a == b || (a->off == b->off && a->off != KEY_NO_MEMBER);
}

bool key_matters(const struct key *k, char daemon)
{
    for (unsigned i = 0; i < keys_count; i++)
        if (keys[i].name && key_same_slot(&keys[i], k) && strchr(keys[i].daemons, daemon))
            return true;
    return false;
}

const struct key *key_find(const char *name)
{
    for (unsigned i = 0; i < keys_count; i++)
        if (keys[i].name && *keys[i].name == *name && !strcmp(keys[i].name, name))
            return &keys[i];
    return NULL;
}

const char *key_kind_text(enum key_kind kind)
{
    static const char *const text[KT_MAX] = {
#define K(kind, type, words) words,
        KEY_KINDS(K)
#undef K
    };
    return kind < KT_HEADING ? text[kind] : "";
}

/* "a, b or c" */
static int words_text(const struct word *w, bool all, char *buf, size_t size)
{
    const struct word *shown[32];
    unsigned n = 0;
    for (; w->text && n < 32; w++)
        if (all || !w->area)
            shown[n++] = w;
    int len = 0;
    for (unsigned i = 0; i < n && (size_t)len < size; i++)
        len += snprintf(buf + len, size - (size_t)len, "%s%s",
                        i == 0       ? ""
                        : i + 1 == n ? " or "
                                     : ", ",
                        shown[i]->text);
    return len;
}

static void range_text(const struct check *c, char *buf, size_t size)
{
    if (c->hi == INT64_MAX || c->hi == INT32_MAX)
        snprintf(buf, size, "%" PRId64 " or more", c->lo);
    else
        snprintf(buf, size, "%" PRId64 " to %" PRId64, c->lo, c->hi);
}

const char *key_allowed(const struct key *k, bool all, char *buf, size_t size)
{
    const struct check *c = key_root(k)->check;
    bool range = c->lo != 0 || c->hi != 0;
    int len = 0;
    buf[0] = '\0';
    if (key_root(k)->kind == KT_OCTAL) {
        snprintf(buf, size, "%03o to %03o", (unsigned)c->lo, (unsigned)c->hi);
        return buf;
    }
    if (c->words)
        len = words_text(c->words, all, buf, size);
    if (c->words && range && (size_t)len < size)
        len += snprintf(buf + len, size - (size_t)len, " or ");
    if (range && (size_t)len < size)
        range_text(c, buf + len, size - (size_t)len);
    return buf;
}
