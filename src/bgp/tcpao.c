/* SPDX-License-Identifier: BSD-2-Clause */
/* TCP-AO keys: their lines, and how the kernel is told them; its structs are written out, since its headers
 * are often older than it. A kind of tcpkeys.c. */
#include "bgp/tcpkeys.h"

#include <ctype.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

enum { AO_ADD_KEY = 38, AO_DEL_KEY = 39, ALG_MAX = 64 };

/* struct tcp_ao_add and struct tcp_ao_del of linux/tcp.h. */
struct ao_add {
    struct sockaddr_storage addr;
    char alg[ALG_MAX];
    int32_t ifindex;
    uint32_t flags;
    uint16_t reserved;
    uint8_t prefix, send_id, receive_id, mac_len, key_flags, key_len;
    uint8_t key[TCPKEY_PASSWORD];
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
    struct tcpkey k;
    uint8_t send_id, receive_id, len;
    const char *alg; /* the kernel's word */
    uint8_t text[TCPKEY_PASSWORD];
};

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

static int read_key(char *line, void *key, struct err *e)
{
    struct key *k = key;
    const char *address = tcpkey_word(&line, false), *ids = tcpkey_word(&line, false),
               *alg = tcpkey_word(&line, false), *password = tcpkey_word(&line, true);
    if (!address || !ids || !alg)
        return err_set(e, ERR_CONFIG, "a line has the form address,id,algorithm,password");
    if (tcpkey_prefix(address, &k->k, e) == -1)
        return -1;
    if (!read_ids(ids, k))
        return err_set(e, ERR_CONFIG, "'%.32s': an id is 0 to 255, or two of them: send:receive", ids);
    k->alg = algorithm(alg);
    if (!k->alg)
        return err_set(e, ERR_CONFIG,
                       "'%.32s': algorithms are hmac-sha-1-96, aes-128-cmac-96 and hmac-sha-256-96", alg);
    k->len = (uint8_t)tcpkey_password(password, k->text, e);
    return k->len ? 0 : -1;
}

static int set(int fd, bool v6, const void *key)
{
    const struct key *k = key;
    struct ao_add a = { .prefix = k->k.bits, /* of a mapped IPv4 address too, 32 at most */
                        .send_id = k->send_id,
                        .receive_id = k->receive_id,
                        .key_len = k->len };
    addr_to_sockaddr(&k->k.addr, 0, v6, &a.addr);
    snprintf(a.alg, sizeof(a.alg), "%s", k->alg);
    memcpy(a.key, k->text, k->len);
    const int rc = setsockopt(fd, IPPROTO_TCP, AO_ADD_KEY, &a, sizeof(a));
    explicit_bzero(a.key, sizeof(a.key));
    return rc;
}

static int unset(int fd, bool v6, const void *key)
{
    const struct key *k = key;
    struct ao_del d = { .prefix = k->k.bits, .send_id = k->send_id, .receive_id = k->receive_id };
    addr_to_sockaddr(&k->k.addr, 0, v6, &d.addr);
    return setsockopt(fd, IPPROTO_TCP, AO_DEL_KEY, &d, sizeof(d));
}

const struct tcpkeys_ops tcpkeys_ao = {
    .word = "tcp_ao_file",
    .name = "TCP-AO",
    .size = sizeof(struct key),
    .read = read_key,
    .set = set,
    .unset = unset,
    .absent = "this kernel has no TCP-AO (Linux 6.7 with CONFIG_TCP_AO)",
};
