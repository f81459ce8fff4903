/* SPDX-License-Identifier: BSD-2-Clause */
/* TCP MD5 keys: their lines, and how the kernel is told them. A kind of tcpkeys.c. */
#include "bgp/tcpkeys.h"

#include <linux/tcp.h>
#include <string.h>
#include <sys/socket.h>

struct key {
    struct tcpkey k;
    uint8_t len;
    char text[TCPKEY_PASSWORD];
};
_Static_assert(TCPKEY_PASSWORD == TCP_MD5SIG_MAXKEYLEN, "as the kernel has it");

static int read_key(char *line, void *key, struct err *e)
{
    struct key *k = key;
    const char *address = tcpkey_word(&line, false), *password = tcpkey_word(&line, true);
    if (!address)
        return err_set(e, ERR_CONFIG, "a line has the form address,password");
    if (tcpkey_prefix(address, &k->k, e) == -1)
        return -1;
    k->len = (uint8_t)tcpkey_password(password, k->text, e);
    return k->len ? 0 : -1;
}

static int tell(int fd, bool v6, const struct key *k, bool away)
{
    struct tcp_md5sig sig = { .tcpm_keylen = away ? 0 : k->len };
    struct sockaddr_storage ss = { 0 };
    const unsigned most = addr_is_v4(&k->k.addr) ? 32 : 128;
    const bool host = k->k.bits == most;
    memcpy(&sig.tcpm_addr, &ss, addr_to_sockaddr(&k->k.addr, 0, v6, &ss));
    memcpy(sig.tcpm_key, k->text, sig.tcpm_keylen);
    sig.tcpm_flags = host ? 0 : TCP_MD5SIG_FLAG_PREFIX;
    sig.tcpm_prefixlen = host ? 0 : k->k.bits; /* of a mapped IPv4 address too, 32 at most */
    const int rc = setsockopt(fd, IPPROTO_TCP, host ? TCP_MD5SIG : TCP_MD5SIG_EXT, &sig, sizeof(sig));
    explicit_bzero(sig.tcpm_key, sizeof(sig.tcpm_key));
    return rc;
}

static int set(int fd, bool v6, const void *key) { return tell(fd, v6, key, false); }
static int unset(int fd, bool v6, const void *key) { return tell(fd, v6, key, true); }

const struct tcpkeys_ops tcpkeys_md5 = { .word = "md5_file",
                                         .name = "TCP MD5",
                                         .size = sizeof(struct key),
                                         .read = read_key,
                                         .replaces = true,
                                         .set = set,
                                         .unset = unset };
