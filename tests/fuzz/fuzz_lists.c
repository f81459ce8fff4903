/* SPDX-License-Identifier: BSD-2-Clause */
/* Every file of rows that has no fuzz target of its own, over any text; the first octet says which one. What
 * is read is asked about a few flows and addresses. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "core/allow.h"
#include "core/custom.h"
#include "core/networks.h"
#include "core/numlist.h"
#include "core/valuemap.h"
#include "netflow/keep.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const char *const asked[] = { "10.0.0.1",    "192.0.2.255", "0.0.0.0", "255.255.255.255",
                                     "2001:db8::1", "::",          "ffff::" };
enum { ASKED = sizeof(asked) / sizeof(asked[0]) };

static void networks(char *text, size_t len)
{
    struct err e;
    struct networks *n = networks_parse("fuzz", text, len, &e);
    struct addr all[ASKED];
    struct network_hit many[ASKED];
    for (unsigned i = 0; i < ASKED; i++)
        addr_parse(asked[i], &all[i]);
    if (n)
        networks_find_many(n, all, ASKED, many);
    for (unsigned i = 0; n && i < ASKED; i++) {
        networks_prefetch(n, &all[i]);
        const struct network_hit hit = networks_find(n, &all[i]);
        if (hit.of != many[i].of || hit.len != many[i].len) /* looked up together or by itself */
            abort();
        if (hit.of && addr_is_set(networks_hop(n, hit.of)) && hit.len > 128)
            abort();
    }
    networks_free(n);
}

static void customs(char *text, size_t len)
{
    struct err e;
    struct customs *c = customs_parse("fuzz", text, len, &e);
    static const uint8_t packet[64] = { 0x45, 0, 0, 64, 0, 0, 0, 0, 64, 6 };
    struct flow f;
    if (!c)
        return;
    memset(&f, 0, sizeof(f));
    f.packet = packet;
    f.packet_len = f.packet_caplen = sizeof(packet);
    f.packet_dlt = 12; /* DLT_RAW */
    customs_clear(c, c->n ? ~UINT64_C(0) >> (64 - c->n) : 0, &f);
    customs_from_packet(c, customs_of_packets(c), &f);
    free(c);
}

static void values(const struct valuemap_kind *kind, const char *path)
{
    struct err e;
    struct valuemap *m = valuemap_load(kind, path, 'N', &e);
    struct match_memory *memory = match_memory_new();
    for (unsigned i = 0; m && memory && i < ASKED; i++) {
        struct flow f;
        uint64_t value;
        memset(&f, 0, sizeof(f));
        addr_parse(asked[i], &f.peer_src_ip);
        (void)valuemap_find(m, &f, memory, &value);
    }
    match_memory_free(memory);
    valuemap_free(m);
}

static void sampling(const char *path) { values(&valuemap_sampling, path); }
static void rd(const char *path) { values(&valuemap_rd, path); }

static void ports(const char *path)
{
    struct err e;
    free(numlist_load(&numlist_ports, path, &e));
}
static void protos(const char *path)
{
    struct err e;
    free(numlist_load(&numlist_protos, path, &e));
}
static void tos(const char *path)
{
    struct err e;
    free(numlist_load(&numlist_tos, path, &e));
}

static void allow(const char *path)
{
    struct err e;
    struct allow *l = allow_load(path, &e);
    for (unsigned i = 0; l && i < ASKED; i++) {
        struct addr a;
        addr_parse(asked[i], &a);
        if (allow_match(l, &a) && !allow_count(l))
            abort();
    }
    allow_free(l);
}

static void templates(char *text, size_t len)
{
    struct kept *k = malloc(sizeof(*k));
    struct err e;
    text[len] = '\0';
    for (char *line = text; k && line && line < text + len;) {
        char *next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        if (kept_parse(line, k, &e) == 0 && (k->n_fields == 0 || k->n_scope > k->n_fields || k->id < 256))
            abort();
        line = next;
    }
    free(k);
}

/* What is read out of a file alone. */
static void from_file(void (*kind)(const char *path), const char *text, size_t len)
{
    char path[64];
    const int fd = memfd_create("list", MFD_CLOEXEC);
    if (fd == -1)
        return;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (write(fd, text, len) == (ssize_t)len)
        kind(path);
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const struct {
        void (*text)(char *text, size_t len);
        void (*file)(const char *path);
    } kinds[] = { { networks, NULL }, { customs, NULL }, { NULL, sampling },
                  { NULL, rd },       { NULL, ports },   { NULL, protos },
                  { NULL, tos },      { NULL, allow },   { templates, NULL } };
    if (len == 0)
        return 0;
    const unsigned kind = data[0] % (sizeof(kinds) / sizeof(kinds[0]));
    char *text = malloc(len); /* one octet more than there are, for a NUL */
    if (!text)
        return 0;
    memcpy(text, data + 1, len - 1);
    if (kinds[kind].text)
        kinds[kind].text(text, len - 1);
    else
        from_file(kinds[kind].file, text, len - 1);
    free(text);
    return 0;
}
