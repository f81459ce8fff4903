/* SPDX-License-Identifier: BSD-2-Clause */
/* Allow lists: a hash of prefixes, probed once for each prefix length that the list has. Used by the decoders
 * of datagrams. */
#include "core/allow.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/hash.h"

/* An address of 16 octets and how many of its bits count; IPv4 lies behind ::ffff:0:0/96. */
struct prefix {
    struct addr addr;
    uint8_t bits;
    bool used;
};

struct allow {
    struct prefix *slot; /* open addressing, cap is a power of two */
    unsigned n, cap;
    unsigned n_lengths;
    uint8_t lengths[129]; /* that occur */
};

/* Keeps the first `bits` bits of all 128. */
static void keep_bits(struct addr *a, unsigned bits)
{
    for (unsigned i = 0; i < sizeof(a->b); i++, bits -= bits < 8 ? bits : 8)
        a->b[i] &= bits >= 8 ? 0xff : (uint8_t)(0xff << (8 - bits));
}

static unsigned place(const struct allow *a, const struct addr *addr, uint8_t bits)
{
    unsigned i = (unsigned)XXH3_64bits_withSeed(addr, sizeof(*addr), bits) & (a->cap - 1);
    while (a->slot[i].used && (a->slot[i].bits != bits || !addr_equal(&a->slot[i].addr, addr)))
        i = (i + 1) & (a->cap - 1);
    return i;
}

bool allow_match(const struct allow *a, const struct addr *from)
{
    const unsigned least = addr_is_v4(from) ? 128 - 32 : 0; /* ::/0 does not mean IPv4 */
    for (unsigned i = 0; i < a->n_lengths; i++) {
        if (a->lengths[i] < least)
            continue;
        struct addr masked = *from;
        keep_bits(&masked, a->lengths[i]);
        if (a->slot[place(a, &masked, a->lengths[i])].used)
            return true;
    }
    return false;
}

unsigned allow_count(const struct allow *a) { return a->n; }

static int grow(struct allow *a, struct err *e)
{
    struct allow more = *a;
    more.cap = a->cap ? a->cap * 2 : 16;
    more.slot = calloc(more.cap, sizeof(*more.slot));
    if (!more.slot)
        return err_set(e, ERR_LIMIT, "out of memory");
    for (unsigned i = 0; i < a->cap; i++)
        if (a->slot[i].used)
            more.slot[place(&more, &a->slot[i].addr, a->slot[i].bits)] = a->slot[i];
    free(a->slot);
    *a = more;
    return 0;
}

static int add(struct allow *a, struct addr addr, unsigned bits, struct err *e)
{
    if (a->n * 2 >= a->cap && grow(a, e) < 0)
        return -1;
    keep_bits(&addr, bits);
    struct prefix *p = &a->slot[place(a, &addr, (uint8_t)bits)];
    if (p->used)
        return 0;
    *p = (struct prefix){ .addr = addr, .bits = (uint8_t)bits, .used = true };
    a->n++;
    if (!memchr(a->lengths, (int)bits, a->n_lengths))
        a->lengths[a->n_lengths++] = (uint8_t)bits;
    return 0;
}

/* Cuts the comment off and takes out all blanks. */
static void squeeze(char *line)
{
    char *to = line;
    for (const char *p = line; *p && *p != '#' && *p != '!'; p++)
        if (!isspace((unsigned char)*p))
            *to++ = *p;
    *to = '\0';
}

static int parse_line(struct allow *a, char *text, struct err *e)
{
    struct addr addr;
    char *slash = strchr(text, '/'), *rest = NULL;
    if (slash)
        *slash = '\0';
    if (addr_parse(text, &addr) < 0)
        return err_set(e, ERR_FORMAT, "Bad IP address '%s'", text);
    const unsigned max = addr_is_v4(&addr) ? 32 : 128;
    unsigned long bits = max;
    if (slash) {
        bits = isdigit((unsigned char)slash[1]) ? strtoul(slash + 1, &rest, 10) : max + 1;
        if (bits > max || *rest)
            return err_set(e, ERR_FORMAT, "Bad prefix length '%s' of %s: 0 to %u", slash + 1, text, max);
    }
    return add(a, addr, (unsigned)bits + (128 - max), e);
}

static int read_lines(struct allow *a, FILE *f, const char *path, struct err *e)
{
    struct err why;
    char *line = NULL;
    size_t size = 0;
    int status = 0;
    for (unsigned n = 1; status == 0 && getline(&line, &size, f) >= 0; n++) {
        squeeze(line);
        if (*line && parse_line(a, line, &why) < 0)
            status = err_set(e, why.code, "[%s:%u] %s", path, n, why.text);
    }
    free(line);
    return status;
}

struct allow *allow_load(const char *path, struct err *e)
{
    FILE *f = fopen(path, "re");
    struct allow *a = calloc(1, sizeof(*a));
    int status = -1;
    if (!f)
        err_sys(e, "[%s] cannot read the allow list", path);
    else if (!a)
        err_set(e, ERR_LIMIT, "out of memory");
    else if (grow(a, e) == 0)
        status = read_lines(a, f, path, e);
    if (status == 0 && ferror(f))
        status = err_sys(e, "[%s] cannot read the allow list", path);
    if (f)
        fclose(f);
    if (status == 0)
        return a;
    allow_free(a);
    return NULL;
}

void allow_free(struct allow *a)
{
    if (a)
        free(a->slot);
    free(a);
}

void allow_reload(struct allow **a, const char *path, const struct log *l)
{
    struct err e;
    log_info(l, "[%s] (re)loading map.", path);
    struct allow *more = allow_load(path, &e);
    if (!more) {
        log_warn(l, "%s. Rolling back the old allow list: it stays in force", e.text);
        return;
    }
    allow_free(*a);
    *a = more;
    log_info(l, "[%s] map successfully (re)loaded.", path);
}
