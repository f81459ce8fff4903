/* SPDX-License-Identifier: BSD-2-Clause */
/* What the service manager is told, through libsystemd. */
#include "core/notify.h"

#include <inttypes.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include "base/clock.h"

void notify_ready(unsigned plugins)
{
    if (plugins)
        sd_notifyf(0, "READY=1\nSTATUS=%u plugin%s", plugins, plugins == 1 ? "" : "s");
    else
        sd_notify(0, "READY=1");
}

void notify_reloading(void) { sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIi64, clock_mono_us()); }

void notify_reloaded(void) { sd_notify(0, "READY=1"); }

void notify_stopping(void) { sd_notify(0, "STOPPING=1"); }

void notify_alive(void)
{
    /* Without a watchdog this is a getenv(3). */
    if (sd_watchdog_enabled(0, NULL) > 0)
        sd_notify(0, "WATCHDOG=1");
}
