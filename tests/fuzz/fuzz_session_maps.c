/* SPDX-License-Identifier: BSD-2-Clause */
/* Maps and lists of who is talked to: cross connects, TCP keys, interfaces of pmacctd, receivers of a tee.
 * The first octet says which. What is read has to be within its bounds. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "bgp/tcpkeys.h"
#include "bgp/xconnect.h"
#include "plugins/tee_conf.h"
#include "pmacctd/ifaces.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void xconnects(const char *path)
{
    static const struct log quiet;
    struct err e;
    struct bgp_xconnects *x = bgp_xconnects_load(path, &quiet, &e);
    if (!x)
        return;
    if (bgp_xconnects_count(x) > 1 << 16)
        abort();
    bgp_xconnects_free(x);
}

/* There is no such socket, so that the system is told nothing; what it would be told is put together. */
static void keys(const struct tcpkeys_ops *ops, const char *path)
{
    struct err e;
    struct tcpkeys *k = tcpkeys_load(ops, path, &e);
    if (k && (tcpkeys_count(k) > 1 << 16 || (tcpkeys_set(k, -1, k, &e) == 0 && tcpkeys_count(k))))
        abort();
    tcpkeys_free(k);
}

static void keys_md5(const char *path) { keys(&tcpkeys_md5, path); }
static void keys_ao(const char *path) { keys(&tcpkeys_ao, path); }

static void pools(const char *path, bool transparent)
{
    struct tee_pools p;
    struct err e;
    if (tee_conf_load(path, transparent, &p, &e) == -1)
        return;
    for (unsigned i = 0; i < p.n; i++)
        for (unsigned k = 0; k < p.pool[i].n; k++) {
            const struct tee_target *t = &p.pool[i].target[k];
            if (!t->name || (t->kind == TEE_UDP && (!t->host || !t->port)) || t->pool != p.pool[i].id)
                abort();
        }
    tee_conf_free(&p);
}

static void receivers(const char *path) { pools(path, false); }
static void receivers_transparent(const char *path) { pools(path, true); }

static void interfaces(const uint8_t *data, size_t len)
{
    const struct config c = { .pcap_direction = 0, .pcap_ifindex = (int)(len % 4) };
    struct iface_list list = { NULL, 0 };
    struct err e;
    char *text = malloc(len + 1);
    if (!text)
        return;
    if (len)
        memcpy(text, data, len);
    if (iface_list_parse(&list, &c, "fuzz", text, len, &e) == 0) {
        if (list.n > IFACES_MAX)
            abort();
        for (unsigned i = 0; i < list.n; i++) {
            const uint32_t number = c.pcap_ifindex == IFINDEX_SYS ? 0 : iface_number(&list.row[i], &c);
            if ((c.pcap_ifindex == IFINDEX_NONE && number) ||
                !memchr(list.row[i].name, '\0', IFACE_NAME_MAX) || !*list.row[i].name)
                abort();
        }
        iface_list_free(&list);
    }
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static void (*const kinds[])(const char *path) = { xconnects, keys_md5, receivers, receivers_transparent,
                                                       keys_ao };
    enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };
    char path[64];
    if (len == 0)
        return 0;
    const unsigned kind = data[0] % (KINDS + 1);
    if (kind == KINDS) {
        interfaces(data + 1, len - 1);
        return 0;
    }
    const int fd = memfd_create("map", MFD_CLOEXEC);
    if (fd == -1)
        return 0;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (write(fd, data + 1, len - 1) == (ssize_t)(len - 1))
        kinds[kind](path);
    close(fd);
    return 0;
}
