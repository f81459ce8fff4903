/* SPDX-License-Identifier: BSD-2-Clause */
/* sfacctd's decoder: that of src/sflow, with a message log for the counters. */
#ifndef SFACCTD_COUNTERLOG_H
#define SFACCTD_COUNTERLOG_H

#include "core/input.h"

/* Fills *ops; main keeps it. */
void counterlog_decoder(struct decoder_ops *ops);

/* Rules of the sfacctd_counter_* keys. */
int counterlog_check(const struct config_set *set, struct err *e);

#endif
