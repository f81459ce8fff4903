/* SPDX-License-Identifier: BSD-2-Clause */
/* Periodic dumps (telemetry_dump_*): what came of each sender since the last one. The service's thread alone.
 */
#ifndef TELEMETRY_DUMP_H
#define TELEMETRY_DUMP_H

#include "telemetry/telemetry.h"

/* Rules over the keys; -1: e. */
int tele_dump_check(const struct service *s, struct err *e);

/* Opens the stream if the configuration asks for one: t->dump. Start: timers. */
int tele_dump_open(struct telemetry *t, struct err *e);
int tele_dump_start(struct telemetry *t, struct err *e);

/* Keeps the payload of a message, a JSON value, for the next dump. serialization: a literal. */
void tele_dump_keep(struct telemetry *t, struct tele_peer *p, const char *payload, size_t len,
                    const char *serialization);

/* p goes: what is kept of it is dumped all the same. */
void tele_dump_forget(struct telemetry *t, struct tele_peer *p);

void tele_dump_tick(struct telemetry *t); /* each second */
void tele_dump_stats(struct telemetry *t);
void tele_dump_figures(const struct telemetry *t, struct figures *f);
void tele_dump_reopen(struct telemetry *t);
void tele_dump_stop(struct telemetry *t); /* closes handles; says what no dump has */
void tele_dump_close(struct telemetry *t);

#endif
