/* SPDX-License-Identifier: BSD-2-Clause */
/* Texts made from the tables; the generators are in config.h. */
#ifndef CONFIG_DOC_H
#define CONFIG_DOC_H

#include <stdio.h>
#include "config/config.h"

/* "NetFlow Accounting Daemon, nfacctd 1.0.0" */
void doc_version_line(FILE *f, const struct config_spec *spec);

#endif
