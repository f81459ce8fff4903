/* SPDX-License-Identifier: BSD-2-Clause */
/* Prints CONFIG-KEYS (`gendoc keys`), docs/keys-status.md (`gendoc status`) or pmacct.conf(5) (`gendoc man`).
 * The first two are committed, and lint compares. */
#include <stdio.h>
#include <string.h>

#include "config/config.h"

static const struct {
    const char *word;
    void (*print)(FILE *f);
} documents[] = { { "keys", config_print_keys },
                  { "status", config_print_status },
                  { "man", config_print_man } };
enum { DOCUMENTS = sizeof(documents) / sizeof(documents[0]) };

int main(int argc, char **argv)
{
    for (unsigned i = 0; argc == 2 && i < DOCUMENTS; i++)
        if (!strcmp(argv[1], documents[i].word)) {
            documents[i].print(stdout);
            return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
        }
    fputs("usage: gendoc keys|status|man\n", stderr);
    return 1;
}
