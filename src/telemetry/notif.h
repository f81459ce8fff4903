/* SPDX-License-Identifier: BSD-2-Clause */
/* UDP-notif (draft-ietf-netconf-udp-notif, and the header of draft-ietf-netconf-udp-pub-channel before it):
 * header, options, segments put together again, gaps in message ids. udp.c calls it. */
#ifndef TELEMETRY_NOTIF_H
#define TELEMETRY_NOTIF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct telemetry;
struct tele_peer;
struct notif_source; /* what is known of a sender: its publishers and their unfinished messages */

/* One datagram of p's; whatever is wrong with it is counted there. */
void notif_datagram(struct telemetry *t, struct tele_peer *p, const uint8_t *octets, size_t n);

/* Each second: unfinished messages whose segments do not come any more. */
void notif_tick(struct telemetry *t);

/* What is known of p goes; its unfinished messages are counted as faults. */
void notif_forget(struct telemetry *t, struct tele_peer *p);

/* For the pool: a message of this publisher was given up. arg: struct telemetry. */
struct reassembly;
void notif_gave_up(void *arg, struct reassembly *lost);

/* A line for each publisher. */
void notif_stats(struct telemetry *t, const struct tele_peer *p);

#endif
