/* SPDX-License-Identifier: BSD-2-Clause */
/* pre_tag_map from any text, and a flow through what comes out: the index has to say what a scan does. The
 * length of the text says of which daemon. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "core/tagmap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void run(const struct tagmap *m, const uint8_t *data, size_t len)
{
    static const char comms[] = "65000:1 65000:203";
    struct tagmap_run *r = tagmap_run_new(m);
    struct flow f;
    memset(&f, 0, sizeof(f));
    const size_t n = len < offsetof(struct flow, std_comm) ? len : offsetof(struct flow, std_comm);
    if (n)
        memcpy(&f, data, n); /* numbers and addresses; what points somewhere stays empty */
    f.in_iface_name = (struct var){ data, len < 16 ? (uint32_t)len : 16 };
    f.std_comm = (struct var){ (const uint8_t *)comms, sizeof(comms) - 1 };
    f.src_std_comm = (struct var){ data, len < 32 ? (uint32_t)len : 32 };
    f.label = (struct var){ data, len % 9 };
    for (uint32_t at = 0; r;) {
        at = tagmap_flow(m, r, &f, at);
        if (!at)
            break;
    }
    if (r && tagmap_by_sender(m)) {
        uint64_t tag, tag2;
        struct addr from;
        addr_parse("192.0.2.1", &from);
        tagmap_sender(m, r, &from, &tag, &tag2);
    }
    tagmap_run_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const char daemon = "NSP"[len % 3];
    const struct tagmap_conf c = { .daemon = daemon, .labels_are_map = daemon == 'S' };
    struct err e;
    char *text = malloc(len + 1);
    if (!text)
        return 0;
    if (len)
        memcpy(text, data, len);
    struct tagmap *m = tagmap_parse("fuzz", text, len, &c, &e);
    free(text);
    if (m)
        run(m, data, len);
    tagmap_free(m);
    return 0;
}
