/* SPDX-License-Identifier: BSD-2-Clause */
/* TCP-AO keys of neighbours. The kernel's structs are written out, since its headers are often older than it.
 */
#include "bgp/tcpao.h"

#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include "base/addr.h"
#include "config/mapfile.h"

enum { LINE = 512, AO_ADD_KEY = 38, AO_DEL_KEY = 39, ALG_MAX = 64, KEY_MAX = 80 };

/* struct tcp_ao_add and struct tcp_ao_del of linux/tcp.h. */
struct ao_add {
    struct sockaddr_storage addr;
    char alg[ALG_MAX];
    int32_t ifindex;
    uint32_t flags;
    uint16_t reserved;
    uint8_t prefix, send_id, receive_id, mac_len, key_flags, key_len;
    uint8_t key[KEY_MAX];
};
struct ao_del {
    struct sockaddr_storage addr;
    int32_t ifindex;
    uint32_t flags;
    uint16_t reserved;
    uint8_t prefix, send_id, receive_id, current, next, key_flags;
};
_Static_assert(sizeof(struct ao_add) == 288 && sizeof(struct ao_del) == 144, "as the kernel has them");

struct key {
    struct addr addr;
    uint8_t bits, send_id, receive_id, len;
    const char *alg; /* the kernel's word */
    uint8_t text[KEY_MAX];
};

struct tcpao_keys {
    struct key *key;
    unsigned n;
};

/* ---- the file */

/* The next word before a comma, or the rest, without blanks around it. NULL: there is none. */
static char *word(char **line, bool last)
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

static bool read_id(const char *text, char **end, uint8_t *id)
{
    const unsigned long n = strtoul(text, end, 10);
    *id = (uint8_t)n;
    return isdigit((unsigned char)*text) && n <= UINT8_MAX;
}

static bool read_ids(const char *text, struct key *k)
{
    char *end;
    if (!text || !read_id(text, &end, &k->send_id))
        return false;
    k->receive_id = k->send_id;
    return !*end || (*end == ':' && read_id(end + 1, &end, &k->receive_id) && !*end);
}

static const char *algorithm(const char *text)
{
    static const char *const words[][2] = { { "hmac-sha-1-96", "hmac(sha1)" },
                                            { "aes-128-cmac-96", "cmac(aes128)" },
                                            { "hmac-sha-256-96", "hmac(sha256)" } };
    for (unsigned i = 0; text && i < sizeof(words) / sizeof(words[0]); i++)
        if (!strcasecmp(text, words[i][0]))
            return words[i][1];
    return NULL;
}

static int read_key(char *line, struct key *k, struct err *e)
{
    const char *address = word(&line, false), *ids = word(&line, false), *alg = word(&line, false),
               *password = word(&line, true);
    if (!address || !ids || !alg || !password)
        return err_set(e, ERR_CONFIG, "a line has the form address,id,algorithm,password");
    if (map_prefix("the address", address, &k->addr, &k->bits, e) == -1)
        return -1;
    k->bits = (uint8_t)(addr_is_v4(&k->addr) ? k->bits - 96 : k->bits);
    if (!read_ids(ids, k))
        return err_set(e, ERR_CONFIG, "'%.32s': an id is 0 to 255, or two of them: send:receive", ids);
    k->alg = algorithm(alg);
    if (!k->alg)
        return err_set(e, ERR_CONFIG,
                       "'%.32s': algorithms are hmac-sha-1-96, aes-128-cmac-96 and hmac-sha-256-96", alg);
    const size_t n = strlen(password);
    if (n == 0 || n > sizeof(k->text))
        return err_set(e, ERR_CONFIG, "a password has 1 to 80 octets");
    k->len = (uint8_t)n;
    memcpy(k->text, password, n);
    return 0;
}

static int add(struct tcpao_keys *k, const struct key *one, struct err *e)
{
    struct key *more = realloc(k->key, (k->n + 1) * sizeof(*more));
    if (!more)
        return err_sys(e, "no memory for keys");
    k->key = more;
    k->key[k->n++] = *one;
    return 0;
}

static int read_lines(struct tcpao_keys *k, FILE *f, const char *path, struct err *e)
{
    char line[LINE];
    for (unsigned number = 1; fgets(line, sizeof(line), f); number++) {
        struct key one = { 0 };
        struct err why = { 0 };
        char *text = line + strspn(line, " \t\r\n");
        if (!*text || *text == '!' || *text == '#')
            continue;
        if (read_key(text, &one, &why) == -1)
            return err_set(e, ERR_CONFIG, "[%s:%u] %s", path, number, why.text);
        if (add(k, &one, e) == -1)
            return -1;
    }
    return 0;
}

struct tcpao_keys *tcpao_keys_load(const char *path, struct err *e)
{
    struct tcpao_keys *k = calloc(1, sizeof(*k));
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
    tcpao_keys_free(k);
    return NULL;
}

unsigned tcpao_keys_count(const struct tcpao_keys *k) { return k->n; }

/* ---- the socket */

static int set_one(int fd, const struct key *k, bool v6_socket)
{
    struct ao_add a = { .prefix = k->bits, /* of a mapped IPv4 address too, 32 at most */
                        .send_id = k->send_id,
                        .receive_id = k->receive_id,
                        .key_len = k->len };
    addr_to_sockaddr(&k->addr, 0, v6_socket, &a.addr);
    snprintf(a.alg, sizeof(a.alg), "%s", k->alg);
    memcpy(a.key, k->text, k->len);
    const int rc = setsockopt(fd, IPPROTO_TCP, AO_ADD_KEY, &a, sizeof(a));
    explicit_bzero(a.key, sizeof(a.key));
    return rc;
}

static void unset_one(int fd, const struct key *k, bool v6_socket)
{
    struct ao_del d = { .prefix = k->bits, .send_id = k->send_id, .receive_id = k->receive_id };
    addr_to_sockaddr(&k->addr, 0, v6_socket, &d.addr);
    (void)setsockopt(fd, IPPROTO_TCP, AO_DEL_KEY, &d, sizeof(d));
}

/* Sessions keep the keys that they began with: the listener's are for those to come. */
int tcpao_keys_set(const struct tcpao_keys *k, int fd, const struct tcpao_keys *old, struct err *e)
{
    struct sockaddr_storage own = { 0 };
    socklen_t len = sizeof(own);
    char text[ADDR_TEXT];
    int rc = 0;
    const bool v6 = getsockname(fd, (struct sockaddr *)&own, &len) == 0 && own.ss_family == AF_INET6;
    for (unsigned i = 0; old && i < old->n; i++)
        unset_one(fd, &old->key[i], v6);
    for (unsigned i = 0; i < k->n; i++) {
        if (set_one(fd, &k->key[i], v6) == 0)
            continue;
        if (errno == ENOPROTOOPT)
            return err_set(e, ERR_UNSUPPORTED, "this kernel has no TCP-AO (Linux 6.7 with CONFIG_TCP_AO)");
        rc = err_sys(e, "cannot set the TCP-AO key %u of %s", k->key[i].send_id,
                     addr_str(&k->key[i].addr, text));
    }
    return rc;
}

void tcpao_keys_free(struct tcpao_keys *k)
{
    if (!k)
        return;
    if (k->key)
        explicit_bzero(k->key, k->n * sizeof(*k->key));
    free(k->key);
    free(k);
}
