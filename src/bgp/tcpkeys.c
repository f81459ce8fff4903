/* SPDX-License-Identifier: BSD-2-Clause */
/* Files of TCP's own keys: read line by line, given to a listener's socket. The kinds are md5.c and tcpao.c.
 */
#include "bgp/tcpkeys.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "config/mapfile.h"

enum { LINE = 512 };

struct tcpkeys {
    const struct tcpkeys_ops *ops;
    unsigned n;
    unsigned char *key; /* n of ops->size */
};

static const struct tcpkey *at(const struct tcpkeys *k, unsigned i)
{
    return (const struct tcpkey *)(const void *)(k->key + i * k->ops->size);
}

/* ---- words of a line */

char *tcpkey_word(char **line, bool last)
{
    char *text = *line, *end = text ? text + (last ? strlen(text) : strcspn(text, ",")) : NULL;
    if (!text || (!last && !*end))
        return NULL;
    *line = end + !last;
    *end = '\0';
    while (isspace((unsigned char)*text))
        text++;
    while (end > text && isspace((unsigned char)end[-1]))
        *--end = '\0';
    return text;
}

int tcpkey_prefix(const char *text, struct tcpkey *k, struct err *e)
{
    if (map_prefix("the address", text, &k->addr, &k->bits, e) == -1)
        return -1;
    if (addr_is_v4(&k->addr))
        k->bits = (uint8_t)(k->bits - 96);
    return 0;
}

size_t tcpkey_password(const char *text, void *octets, struct err *e)
{
    const size_t n = strlen(text);
    if (n == 0 || n > TCPKEY_PASSWORD) {
        err_set(e, ERR_CONFIG, "a password has 1 to %d octets", TCPKEY_PASSWORD);
        return 0;
    }
    memcpy(octets, text, n);
    return n;
}

/* ---- the file */

static int take_line(struct tcpkeys *k, char *text, struct err *e)
{
    const size_t size = k->ops->size;
    unsigned char *more = calloc(k->n + 1, size); /* not realloc, which leaves copies behind */
    if (!more)
        return err_sys(e, "no memory for keys");
    if (k->n) {
        memcpy(more, k->key, k->n * size);
        explicit_bzero(k->key, k->n * size);
    }
    free(k->key);
    k->key = more;
    return k->ops->read(text, more + k->n++ * size, e);
}

static int read_line(struct tcpkeys *k, char *line, struct err *e)
{
    char *text = line + strspn(line, " \t\r\n");
    if (strlen(line) == LINE - 1 && line[LINE - 2] != '\n')
        return err_set(e, ERR_CONFIG, "a line has at most %d octets", LINE - 2);
    return !*text || *text == '!' || *text == '#' ? 0 : take_line(k, text, e);
}

static int read_lines(struct tcpkeys *k, FILE *f, const char *path, struct err *e)
{
    char line[LINE];
    int rc = 0;
    for (unsigned number = 1; rc == 0 && fgets(line, sizeof(line), f); number++) {
        struct err why = { 0 };
        rc = read_line(k, line, &why);
        if (rc == -1)
            err_set(e, why.code, "[%s:%u] %s", path, number, why.text);
    }
    explicit_bzero(line, sizeof(line));
    return rc;
}

struct tcpkeys *tcpkeys_load(const struct tcpkeys_ops *ops, const char *path, struct err *e)
{
    struct tcpkeys *k = calloc(1, sizeof(*k));
    FILE *f = k ? fopen(path, "re") : NULL;
    if (!f) {
        err_sys(e, "cannot read '%s'", path);
        free(k);
        return NULL;
    }
    k->ops = ops;
    const int rc = read_lines(k, f, path, e);
    fclose(f);
    if (rc == 0)
        return k;
    tcpkeys_free(k);
    return NULL;
}

unsigned tcpkeys_count(const struct tcpkeys *k) { return k->n; }

/* ---- the socket */

static bool has(const struct tcpkeys *k, const struct tcpkey *one)
{
    for (unsigned i = 0; i < k->n; i++)
        if (addr_equal(&at(k, i)->addr, &one->addr) && at(k, i)->bits == one->bits)
            return true;
    return false;
}

int tcpkeys_set(const struct tcpkeys *k, int fd, const struct tcpkeys *old, struct err *e)
{
    struct sockaddr_storage own = { 0 };
    socklen_t len = sizeof(own);
    char text[ADDR_TEXT];
    int rc = 0;
    const bool v6 = getsockname(fd, (struct sockaddr *)&own, &len) == 0 && own.ss_family == AF_INET6;
    for (unsigned i = 0; old && i < old->n; i++)
        if (!k->ops->replaces || !has(k, at(old, i)))
            (void)k->ops->unset(fd, v6, at(old, i));
    for (unsigned i = 0; i < k->n; i++) {
        if (k->ops->set(fd, v6, at(k, i)) == 0)
            continue;
        if (errno == ENOPROTOOPT && k->ops->absent)
            return err_set(e, ERR_UNSUPPORTED, "%s", k->ops->absent);
        rc = err_sys(e, "cannot set the %s key of %s", k->ops->name, addr_str(&at(k, i)->addr, text));
    }
    return rc;
}

void tcpkeys_free(struct tcpkeys *k)
{
    if (!k)
        return;
    if (k->key)
        explicit_bzero(k->key, k->n * k->ops->size);
    free(k->key);
    free(k);
}
