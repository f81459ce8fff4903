/* SPDX-License-Identifier: BSD-2-Clause */
/* A log that writes nowhere; link fake_log.c in the place of base/log.c. */
#ifndef TESTS_FUZZ_FAKE_LOG_H
#define TESTS_FUZZ_FAKE_LOG_H

#include <stdbool.h>

/* Texts take longer than most of what they tell of: a target lets only some of its inputs make them. */
void fake_log_silent(bool on);

#endif
