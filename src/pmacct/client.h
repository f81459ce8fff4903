/* SPDX-License-Identifier: BSD-2-Clause */
/* What pmacct does once its command line is read. */
#ifndef PMACCT_CLIENT_H
#define PMACCT_CLIENT_H

#include "pmacct/options.h"

/* Asks the table what the options say and prints the answer, or why there is none, on stdout. Returns the
 * exit status. */
int client_run(const struct options *o);

#endif
