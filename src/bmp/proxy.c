/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads PROXY protocol headers. service.c calls it for new connections. */
#include "bmp/proxy.h"

#include <stdlib.h>
#include <string.h>
#include "base/cursor.h"

enum { V1_MAX = 107, V2_HEAD = 16, V2_MAX = 2048 };

/* "PROXY TCP4 192.0.2.1 192.0.2.2 4000 1790\r\n" */
static long read_v1(const uint8_t *p, size_t n, struct addr *from, uint16_t *port)
{
    char line[V1_MAX + 1], *rest = line;
    const char *word[6] = { 0 };
    const uint8_t *end = memmem(p, n < V1_MAX ? n : V1_MAX, "\r\n", 2);
    unsigned long source = 0;
    struct addr a;
    if (!end)
        return n >= V1_MAX ? -1 : 0;
    const size_t len = (size_t)(end - p);
    memcpy(line, p, len);
    line[len] = '\0';
    if (!strncmp(line, "PROXY UNKNOWN", 13))
        return (long)len + 2;
    for (unsigned i = 0; i < 6 && rest; i++)
        word[i] = strsep(&rest, " ");
    if (word[5])
        source = strtoul(word[4], NULL, 10);
    if (!source || source > UINT16_MAX || strncmp(word[1], "TCP", 3) != 0 || addr_parse(word[2], &a) == -1)
        return -1;
    *from = a;
    *port = (uint16_t)source;
    return (long)len + 2;
}

static long read_v2(const uint8_t *p, size_t n, struct addr *from, uint16_t *port)
{
    if (n < V2_HEAD)
        return 0;
    struct cursor c = cursor_of(p + 12, n - 12);
    const uint8_t command = cursor_u8(&c), family = cursor_u8(&c);
    const size_t len = cursor_u16(&c);
    if (command >> 4 != 2 || (command & 15) > 1 || len > V2_MAX)
        return -1;
    if (n < V2_HEAD + len)
        return 0;
    const size_t addr_len = family >> 4 == 1 ? 4 : 16;
    const bool known = command & 1 && (family >> 4 == 1 || family >> 4 == 2);
    if (known && len < 2 * addr_len + 4)
        return -1;
    if (known) {
        const uint8_t *source = cursor_take(&c, 2 * addr_len);
        if (addr_len == 4)
            addr_set_v4(from, source);
        else
            addr_set_v6(from, source);
        *port = cursor_u16(&c);
    }
    return (long)(V2_HEAD + len);
}

long bmp_proxy_read(const uint8_t *p, size_t n, struct addr *from, uint16_t *port)
{
    static const uint8_t v2[12] = { 0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a };
    if (!n)
        return 0;
    if (p[0] == v2[0])
        return memcmp(p, v2, n < sizeof(v2) ? n : sizeof(v2)) != 0 ? -1 : read_v2(p, n, from, port);
    if (memcmp(p, "PROXY ", n < 6 ? n : 6) != 0)
        return -1;
    return read_v1(p, n, from, port);
}
