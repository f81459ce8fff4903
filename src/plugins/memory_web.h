/* SPDX-License-Identifier: BSD-2-Clause */
/* The live page of a memory table (web_listen) and the JSON behind it (docs/web-api.md). memory.c opens it,
 * tells it what comes in, and that time passes; everything runs on the plugin's loop, in slices. */
#ifndef PLUGINS_MEMORY_WEB_H
#define PLUGINS_MEMORY_WEB_H

#include "core/plugin.h"

struct memory;
struct web;

/* Is web_listen good, and does it have a token where others can reach it? -1: e. */
int web_check(const struct config_set *set, const struct plugin_conf *pc, struct err *e);
/* Listens, if the configuration asks for it; *out is NULL if not. -1: e. */
int web_open(struct web **out, struct memory *m, struct err *e);
void web_close(struct web *w);

/* Records came in. */
void web_seen(struct web *w, const struct sums *s);
/* Each 100 ms or so. */
void web_tick(struct web *w, int64_t wall_us, int64_t mono_us);
/* The daemon's figures, asked for by the page. */
void web_figures(struct web *w, const struct strbuf *octets);

/* The page, made of src/web/page.html by the build. */
extern const unsigned char web_page[];
extern const unsigned web_page_len;

#endif
