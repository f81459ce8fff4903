/* SPDX-License-Identifier: BSD-2-Clause */
/* TCP MD5 keys of neighbours. Called by listener.c. */
#include "bgp/md5.h"

#include <ctype.h>
#include <errno.h>
#include <linux/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "base/addr.h"

enum { LINE = 512 };

struct key {
    struct addr addr;
    uint8_t bits; /* of the prefix: 32 or 128 for a host */
    uint8_t len;
    char text[TCP_MD5SIG_MAXKEYLEN];
};

struct md5_keys {
    struct key *key;
    unsigned n;
};

static char *trim(char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    size_t n = strlen(text);
    while (n && isspace((unsigned char)text[n - 1]))
        text[--n] = '\0';
    return text;
}

static const char *read_prefix(char *text, struct key *k)
{
    char *slash = strchr(text, '/'), *end;
    if (slash)
        *slash = '\0';
    if (addr_parse(text, &k->addr) == -1)
        return "no IP address";
    const unsigned most = addr_is_v4(&k->addr) ? 32 : 128;
    const unsigned long bits = slash ? strtoul(slash + 1, &end, 10) : most;
    if (slash && (!isdigit((unsigned char)slash[1]) || *end || bits > most))
        return "no such prefix length";
    k->bits = (uint8_t)bits;
    return NULL;
}

/* NULL: fine. */
static const char *read_key(char *line, struct key *k)
{
    char *comma = strchr(line, ',');
    if (!comma)
        return "a line has the form address,password";
    *comma = '\0';
    const char *password = trim(comma + 1);
    const size_t n = strlen(password);
    if (n == 0 || n > sizeof(k->text))
        return "a password has 1 to 80 octets";
    memcpy(k->text, password, n);
    k->len = (uint8_t)n;
    return read_prefix(trim(line), k);
}

static int add(struct md5_keys *k, const struct key *one, struct err *e)
{
    struct key *more = realloc(k->key, (k->n + 1) * sizeof(*more));
    if (!more)
        return err_sys(e, "no memory for keys");
    k->key = more;
    k->key[k->n++] = *one;
    return 0;
}

static int read_lines(struct md5_keys *k, FILE *f, const char *path, struct err *e)
{
    char line[LINE];
    for (unsigned number = 1; fgets(line, sizeof(line), f); number++) {
        struct key one = { 0 };
        char *text = trim(line);
        if (!*text || *text == '!' || *text == '#')
            continue;
        const char *wrong = read_key(text, &one);
        if (wrong)
            return err_set(e, ERR_CONFIG, "[%s:%u] %s", path, number, wrong);
        if (add(k, &one, e) == -1)
            return -1;
    }
    return 0;
}

struct md5_keys *md5_keys_load(const char *path, struct err *e)
{
    struct md5_keys *k = calloc(1, sizeof(*k));
    FILE *f = fopen(path, "re");
    if (!k || !f) {
        err_sys(e, "cannot read '%s'", path);
        if (f)
            fclose(f);
        free(k);
        return NULL;
    }
    const int rc = read_lines(k, f, path, e);
    fclose(f);
    if (rc == 0)
        return k;
    md5_keys_free(k);
    return NULL;
}

unsigned md5_keys_count(const struct md5_keys *k) { return k->n; }

static int set_one(int fd, const struct key *k, bool v6_socket, bool away)
{
    struct tcp_md5sig sig = { .tcpm_keylen = away ? 0 : k->len };
    struct sockaddr_storage ss = { 0 };
    const unsigned most = addr_is_v4(&k->addr) ? 32 : 128;
    const socklen_t n = addr_to_sockaddr(&k->addr, 0, v6_socket, &ss);
    memcpy(&sig.tcpm_addr, &ss, n);
    memcpy(sig.tcpm_key, k->text, sig.tcpm_keylen);
    if (k->bits == most)
        return setsockopt(fd, IPPROTO_TCP, TCP_MD5SIG, &sig, sizeof(sig));
    sig.tcpm_flags = TCP_MD5SIG_FLAG_PREFIX;
    sig.tcpm_prefixlen = k->bits; /* of a mapped IPv4 address too, 32 at most */
    return setsockopt(fd, IPPROTO_TCP, TCP_MD5SIG_EXT, &sig, sizeof(sig));
}

static bool has(const struct md5_keys *k, const struct key *one)
{
    for (unsigned i = 0; i < k->n; i++)
        if (addr_equal(&k->key[i].addr, &one->addr) && k->key[i].bits == one->bits)
            return true;
    return false;
}

int md5_keys_set(const struct md5_keys *k, int fd, const struct md5_keys *old, struct err *e)
{
    struct sockaddr_storage own = { 0 };
    socklen_t len = sizeof(own);
    char text[ADDR_TEXT];
    int rc = 0;
    const bool v6 = getsockname(fd, (struct sockaddr *)&own, &len) == 0 && own.ss_family == AF_INET6;
    for (unsigned i = 0; old && i < old->n; i++)
        if (!has(k, &old->key[i]))
            (void)set_one(fd, &old->key[i], v6, true);
    for (unsigned i = 0; i < k->n; i++)
        if (set_one(fd, &k->key[i], v6, false) == -1)
            rc = err_sys(e, "cannot set the TCP MD5 key of %s", addr_str(&k->key[i].addr, text));
    return rc;
}

void md5_keys_free(struct md5_keys *k)
{
    if (!k)
        return;
    if (k->key)
        explicit_bzero(k->key, k->n * sizeof(*k->key));
    free(k->key);
    free(k);
}
