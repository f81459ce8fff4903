/* SPDX-License-Identifier: BSD-2-Clause */
/* Prints docs/flow.proto. The build runs it for `make config-docs`; lint compares. */
#include "output/protobuf.h"

int main(void)
{
    const char *what;
    if (proto_print(stdout, &what))
        return 0;
    fprintf(stderr, "src/output/protobuf.def: field '%s' has no number of its own: give it the next one\n",
            what);
    return 1;
}
