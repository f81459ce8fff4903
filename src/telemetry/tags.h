/* SPDX-License-Identifier: BSD-2-Clause */
/* telemetry_daemon_tag_map: what senders are tagged with. peers.c and service.c call it. */
#ifndef TELEMETRY_TAGS_H
#define TELEMETRY_TAGS_H

#include "telemetry/telemetry.h"

/* Loads the map into s->maps if the configuration names one (service_ops.check). -1: e. */
int tele_tags_check(const struct service *s, struct err *e);

/* Takes the map. -1: no memory. Nothing to do without a map. */
int tele_tags_open(struct telemetry *t, struct err *e);
void tele_tags_close(struct telemetry *t);
/* Each second: takes the map as it is now, if it is a new one. */
void tele_tags_follow(struct telemetry *t);

/* Sets tags and label of a sender; adds them as members. */
void tele_tags_set(struct telemetry *t, struct tele_peer *p);
void tele_tags_members(struct strbuf *out, const struct tele_peer *p);

#endif
