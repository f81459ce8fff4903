/* SPDX-License-Identifier: BSD-2-Clause */
/* Where uacctd's packets come from. */
#ifndef UACCTD_INPUT_NFLOG_H
#define UACCTD_INPUT_NFLOG_H

#include "base/err.h"
#include "core/input.h"

extern const struct input_ops input_nflog;

enum { NFLOG_GROUPS_MAX = 64 };

/* Takes uacctd_group apart: numbers from 0 to 65535, separated by commas. Returns how many there are in
 * `groups`, or -1. */
int nflog_groups_parse(const char *text, uint16_t groups[NFLOG_GROUPS_MAX], struct err *e);

#endif
