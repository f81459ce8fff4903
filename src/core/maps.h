/* SPDX-License-Identifier: BSD-2-Clause */
/* All map files of a daemon: each is loaded once however many plugins name it, and again on SIGUSR2, as a
 * whole: one that is wrong leaves the old one in force. Workers hold references; they see a new map from
 * their next batch on, and the old one goes with the last of them. */
#ifndef CORE_MAPS_H
#define CORE_MAPS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "base/log.h"
#include "core/fields.h"

/* What a file is to the daemon; flags are the map's own. */
struct map_spec {
    const struct map_ops *ops;
    const char *path; /* maps_add copies it */
    char daemon;      /* letter */
    unsigned flags;
};

struct map_ops {
    const char *key; /* of the configuration: "pre_tag_map" */
    /* Loads the file. NULL: e says why, with file and line. */
    void *(*load)(const struct map_spec *s, struct err *e);
    void (*free)(void *map);
    uint64_t (*entries)(const void *map);
    /* What flows have to bring for it; may be NULL. */
    const struct fieldset *(*needs)(const void *map);
};

struct maps;

struct maps *maps_new(struct err *e);

/* Waits a moment for a thread that loads. false: it still waits for a file, and keeps the maps and the sink
 * of the log that maps_reload_aside was given, which are then not freed. */
bool maps_free(struct maps *m);

/* Loads a file unless it is there already. Returns its number, or -1 with e. */
int maps_add(struct maps *m, const struct map_spec *s, struct err *e);

/* The number of a file that was added, -1: it was not. */
int maps_find(const struct maps *m, const struct map_spec *s);

/* Says what was loaded, once the log is open. */
void maps_log(const struct maps *m, const struct log *l);

/* From now on a map that asks packets for more than this is refused, since it could not be told to their
 * decoder any more. */
void maps_fix_needs(struct maps *m, const struct fieldset *needs);

/* Loads all files again. What is wrong is said, and the old map stays. */
void maps_reload(struct maps *m, const struct log *l);

/* The same in a thread, so that large files hold nobody up; once more if it is asked for meanwhile. The
 * sink of l outlives the maps. */
void maps_reload_aside(struct maps *m, const struct log *l);

/* Changes when something was loaded; cheap. */
uint32_t maps_generation(const struct maps *m);

/* A map as it is now; to be given back. map_of is what ops->load returned. */
struct map_ref;
struct map_ref *maps_take(struct maps *m, int number);
void map_drop(struct map_ref *r);
const void *map_of(const struct map_ref *r);

#endif
