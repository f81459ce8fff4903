/* SPDX-License-Identifier: BSD-2-Clause */
/* zlib around framing.c. */
#include "telemetry/unzip.h"

#include <stdlib.h>
#include <zlib.h>

enum { STEP = 64 << 10 };

static z_stream *begin(void)
{
    z_stream *z = calloc(1, sizeof(*z));
    if (z && inflateInit(z) != Z_OK) {
        free(z);
        return NULL;
    }
    return z;
}

void unzip_end(void **state)
{
    if (!*state)
        return;
    inflateEnd(*state);
    free(*state);
    *state = NULL;
}

/* All of the input; what comes out goes to `out`. */
static int run(z_stream *z, struct strbuf *out)
{
    int rc = Z_OK;
    do {
        if (!strbuf_room(out, STEP))
            return -1;
        z->next_out = (Bytef *)out->p + out->len;
        z->avail_out = STEP;
        rc = inflate(z, Z_SYNC_FLUSH);
        out->len += STEP - z->avail_out;
    } while (rc == Z_OK && (z->avail_in || !z->avail_out));
    return rc == Z_OK || rc == Z_STREAM_END || (rc == Z_BUF_ERROR && !z->avail_in) ? 0 : -1;
}

int unzip(void **state, bool one_stream, const uint8_t *p, size_t len, struct strbuf *out)
{
    z_stream *z = *state ? *state : begin();
    *state = z;
    strbuf_clear(out);
    if (!z)
        return -1;
    z->next_in = (Bytef *)(uintptr_t)p;
    z->avail_in = (uInt)len;
    const int rc = run(z, out);
    if (rc == -1)
        unzip_end(state);
    else if (!one_stream && inflateReset(z) != Z_OK)
        unzip_end(state);
    return rc;
}
