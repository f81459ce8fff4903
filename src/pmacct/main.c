/* SPDX-License-Identifier: BSD-2-Clause */
/* pmacct: asks the memory plugin of a daemon and prints what it holds. */
#include "pmacct/client.h"

int main(int argc, char **argv)
{
    struct options o;
    int status = options_parse(argc, argv, &o);
    return status == -1 ? client_run(&o) : status;
}
