/* SPDX-License-Identifier: BSD-2-Clause */
/* The steps of config_load, for parse.c, plugins.c, apply.c, the tests and the fuzz target. */
#ifndef CONFIG_PARSE_H
#define CONFIG_PARSE_H

#include "config/flags.h"
#include "config/store.h"

struct parse {
    const struct config_spec *spec;
    struct config_set *set;
    struct store *st;
    const char *core_name; /* after plugins_choose */
    bool plugins_wrong;    /* so names that are not known are not worth a word */
};

/* All but reading the flags: file, flags, plugins, values. Frees nothing. */
enum config_verdict parse_load(struct parse *p, const struct flags *f);

/* Reads lines into settings; says what is wrong with them. `file` has to live as long as the store. */
void parse_text(struct parse *p, const char *file, const char *text, size_t len);
int parse_file(struct parse *p, const char *file); /* -1: it could not be read; said */

/* What the flags set comes after the file. */
void parse_flags(struct parse *p, const struct flags *f);

/* Finds the core's name and the plugins that are asked for, and makes p->set->plugins. */
void plugins_choose(struct parse *p);

/* Puts defaults, then settings in their order, into the core and the plugins. */
void parse_apply(struct parse *p);

/* Where people look up what will bring a key. */
#define STATUS_FILE "docs/keys-status.md"

#endif
