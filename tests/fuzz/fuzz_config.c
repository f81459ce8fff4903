/* SPDX-License-Identifier: BSD-2-Clause */
/* The configuration parser over any text: as nfacctd's, with --check-config, or as pmacctd's; the length of
 * the text says which, so that a mutation costs one run. */
#include <stddef.h>
#include <stdint.h>
#include "config/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { DOUBTS = 1000 };

static void run(const struct config_spec *spec, const uint8_t *data, size_t len, bool check)
{
    struct config_set set = { .check_only = check };
    struct parse p = { .spec = spec, .set = &set, .st = store_new() };
    if (!p.st)
        return;
    p.st->quiet = true;
    if (len % 64)
        p.st->said[SAY_DOUBT] = DOUBTS; /* no proposals, which take longer than all the rest */
    set.memory = p.st;
    parse_text(&p, "fuzz.conf", (const char *)data, len);
    plugins_choose(&p);
    parse_apply(&p);
    config_free(&set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const char *const types[] = { "memory", "print", "sqlite3", "nfprobe", NULL };
    static const struct config_spec nfacctd = {
        .progname = "nfacctd", .daemon = 'N', .description = "", .plugin_types = types
    };
    static const struct config_spec pmacctd = {
        .progname = "pmacctd", .daemon = 'P', .description = "", .plugin_types = types
    };
    if (len % 2)
        run(&nfacctd, data, len, true);
    else
        run(&pmacctd, data, len, false);
    return 0;
}
