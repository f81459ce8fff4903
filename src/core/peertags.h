/* SPDX-License-Identifier: BSD-2-Clause */
/* Tags of those who send events, not flows: bgp_daemon_tag_map and its kin. A pre_tag_map whose rows know the
 * peer's address (ip) and, of routes, the communities (comms); it sets tag, tag2 or label. One for each
 * thread that writes. */
#ifndef CORE_PEERTAGS_H
#define CORE_PEERTAGS_H

#include "core/flow.h"
#include "core/maps.h"

struct peertags;

/* Before anything starts: loads the map `path` of the key into m. -1: e, with the key. */
int peertags_load(struct maps *m, const char *key, const char *path, bool labels_are_map, struct err *e);

/* The map that was loaded. `path` NULL, and no memory: NULL, which tags nothing. */
struct peertags *peertags_new(struct maps *m, const char *path, bool labels_are_map);
void peertags_free(struct peertags *t);

/* Each second or so: takes the map that is in force, if it is a new one: on SIGUSR2 maps are loaded in a
 * thread of their own. True: it is; texts of labels of before are gone. */
bool peertags_follow(struct peertags *t);

/* Do the peers' addresses decide alone? Then a peer's tag holds for all of its routes. True for NULL. */
bool peertags_by_peer(const struct peertags *t);

struct peertag {
    uint64_t tag;
    struct var label; /* lives until the next call, or in the map */
};
/* `comms`: standard communities as text, separated by blanks; NULL: none. */
struct peertag peertags_find(struct peertags *t, const struct addr *peer, const char *comms, size_t len);

#endif
