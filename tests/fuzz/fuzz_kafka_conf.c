/* SPDX-License-Identifier: BSD-2-Clause */
/* Files of settings for librdkafka, and lists of brokers: the first octet says which. Stands in librdkafka's
 * place, which would load libraries and open files that settings name; what it is given are texts without
 * blanks around them. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "output/kafka_conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static bool is_trimmed(const char *text)
{
    const size_t n = strlen(text);
    return !n || (!isspace((unsigned char)text[0]) && !isspace((unsigned char)text[n - 1]));
}

/* In librdkafka's place. */
rd_kafka_conf_res_t rd_kafka_conf_set(rd_kafka_conf_t *conf, const char *name, const char *value, char *why,
                                      size_t size)
{
    (void)conf;
    if (!is_trimmed(name) || !is_trimmed(value))
        abort();
    if (strcmp(value, "bad") != 0)
        return RD_KAFKA_CONF_OK;
    snprintf(why, size, "Invalid value for configuration property \"%s\"", name);
    return RD_KAFKA_CONF_INVALID;
}

static void read_settings(const char *text, size_t len)
{
    static int fd = -1; /* of all inputs, one after the other */
    char path[64];
    struct err e;
    if (fd == -1 && (fd = memfd_create("settings", MFD_CLOEXEC)) == -1)
        return;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (ftruncate(fd, 0) == 0 && pwrite(fd, text, len, 0) == (ssize_t)len)
        (void)kafka_conf_read(NULL, path, &e);
}

/* As many brokers as there are words between commas, and each has a port. */
static void read_brokers(const char *text)
{
    struct strbuf list;
    struct err e;
    strbuf_init(&list, 1 << 16);
    kafka_conf_broker_list(&list, text, 9092);
    const char *all = strbuf_cstr(&list);
    for (const char *p = all; *p; p += strcspn(p, ",") + (p[strcspn(p, ",")] == ','))
        if (!memchr(p, ':', strcspn(p, ",")))
            abort();
    (void)kafka_conf_brokers(NULL, text, 9092, &e);
    strbuf_free(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char *text = len ? malloc(len) : NULL; /* one octet more than there are, for a NUL */
    if (!text)
        return 0;
    memcpy(text, data + 1, len - 1);
    text[len - 1] = '\0';
    if (data[0] & 1)
        read_settings(text, len - 1);
    else
        read_brokers(text);
    free(text);
    return 0;
}
