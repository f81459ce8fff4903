/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads files with settings of librdkafka. */
#include "output/kafka_conf.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int kafka_conf_set(rd_kafka_conf_t *conf, const char *key, const char *value, struct err *e)
{
    char why[512];
    if (rd_kafka_conf_set(conf, key, value, why, sizeof(why)) == RD_KAFKA_CONF_OK)
        return 0;
    return err_set(e, ERR_CONFIG, "key=%s value=%s failed: %s", key, value, why);
}

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
