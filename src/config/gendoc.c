/* SPDX-License-Identifier: BSD-2-Clause */
/* Prints CONFIG-KEYS (`gendoc keys`) or docs/keys-status.md (`gendoc status`). The build compares both with
 * what is committed. */
#include <stdio.h>
#include <string.h>

#include "config/config.h"

int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "keys"))
        config_print_keys(stdout);
    else if (argc == 2 && !strcmp(argv[1], "status"))
        config_print_status(stdout);
    else {
        fputs("usage: gendoc keys|status\n", stderr);
        return 1;
    }
    return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}
