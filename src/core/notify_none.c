/* SPDX-License-Identifier: BSD-2-Clause */
/* A build without libsystemd tells nobody. */
#include "core/notify.h"

void notify_ready(unsigned plugins) { (void)plugins; }
void notify_reloading(void) {}
void notify_reloaded(void) {}
void notify_stopping(void) {}
void notify_alive(void) {}
