/* SPDX-License-Identifier: BSD-2-Clause */
/* Settings of librdkafka: one by one, as rows, brokers, files. Called by producers and consumers. */
#include "output/kafka_conf.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BROKERS_MAX = 64 << 10 };

int kafka_conf_set(rd_kafka_conf_t *conf, const char *key, const char *value, struct err *e)
{
    char why[512];
    if (rd_kafka_conf_set(conf, key, value, why, sizeof(why)) == RD_KAFKA_CONF_OK)
        return 0;
    return err_set(e, ERR_CONFIG, "key=%s value=%s failed: %s", key, value, why);
}

int kafka_conf_set_all(rd_kafka_conf_t *conf, const struct kafka_setting *rows, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++)
        if (kafka_conf_set(conf, rows[i].key, rows[i].value, e) == -1)
            return -1;
    return 0;
}

/* ---- brokers */

/* Is there a port behind this host (n octets, without scheme)? */
static bool has_port(const char *h, size_t n)
{
    const char *bracket = memchr(h, ']', n);
    if (bracket)
        return (size_t)(bracket - h) + 1 < n && bracket[1] == ':';
    const char *colon = memchr(h, ':', n);
    return colon && !memchr(colon + 1, ':', n - (size_t)(colon + 1 - h));
}

static void add_broker(struct strbuf *out, const char *h, size_t n, int port)
{
    const char *scheme = memmem(h, n, "://", 3);
    const size_t skip = scheme ? (size_t)(scheme + 3 - h) : 0;
    const char *host = h + skip;
    n -= skip;
    const bool bare = memchr(host, ':', n) && !has_port(host, n) && *host != '[';
    strbuf_add(out, h, skip);
    strbuf_str(out, bare ? "[" : "");
    strbuf_add(out, host, n);
    strbuf_str(out, bare ? "]" : "");
    if (!has_port(host, n))
        strbuf_printf(out, ":%d", port);
}

void kafka_conf_broker_list(struct strbuf *out, const char *hosts, int port)
{
    for (const char *p = hosts; *p;) {
        size_t n = strcspn(p, ","), blank = 0;
        while (blank < n && isspace((unsigned char)p[blank]))
            blank++;
        size_t end = n;
        while (end > blank && isspace((unsigned char)p[end - 1]))
            end--;
        if (end > blank) {
            if (out->len)
                strbuf_char(out, ',');
            add_broker(out, p + blank, end - blank, port);
        }
        p += n + (p[n] == ',');
    }
}

int kafka_conf_brokers(rd_kafka_conf_t *conf, const char *hosts, int port, struct err *e)
{
    struct strbuf list;
    strbuf_init(&list, BROKERS_MAX);
    kafka_conf_broker_list(&list, hosts, port);
    const int rc = kafka_conf_set(conf, "bootstrap.servers", strbuf_cstr(&list), e);
    strbuf_free(&list);
    return rc;
}

/* ---- files */

/* Cuts blanks off both ends. */
static char *trim(char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    char *end = text + strlen(text);
    while (end > text && isspace((unsigned char)end[-1]))
        end--;
    *end = '\0';
    return text;
}

/* The word before the next comma; *at goes behind it, NULL when there was none. */
static char *word(char **at)
{
    char *start = *at, *comma = start ? strchr(start, ',') : NULL;
    if (!comma)
        return NULL;
    *comma = '\0';
    *at = comma + 1;
    return trim(start);
}

/* Properties of topics are taken as defaults of the producer, too, so that both kinds are set the same way.
 */
static int line_of(rd_kafka_conf_t *conf, char *text, struct err *e)
{
    char *at = trim(text);
    if (!*at || *at == '!' || *at == '#')
        return 0;
    const char *scope = word(&at), *key = scope ? word(&at) : NULL;
    if (!key || !*key || (strcmp(scope, "global") != 0 && strcmp(scope, "topic") != 0))
        return err_set(e, ERR_CONFIG,
                       "Line malformed: `global, key, value` or `topic, key, value` is expected");
    return kafka_conf_set(conf, key, trim(at), e);
}

int kafka_conf_read(rd_kafka_conf_t *conf, const char *path, struct err *e)
{
    FILE *f = fopen(path, "re");
    char *text = NULL;
    size_t size = 0;
    struct err why;
    int rc = 0;
    if (!f)
        return err_sys(e, "[%s] cannot read the file", path);
    for (unsigned line = 1; rc == 0 && getline(&text, &size, f) != -1; line++)
        if (line_of(conf, text, &why) == -1)
            rc = err_set(e, ERR_CONFIG, "[%s:%u] %s", path, line, why.text);
    free(text);
    fclose(f);
    return rc;
}
