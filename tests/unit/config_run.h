/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs the configuration parser over a text and flags, without a word on stderr, for the tests of src/config.
 */
#ifndef TESTS_CONFIG_RUN_H
#define TESTS_CONFIG_RUN_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "config/parse.h"

struct run {
    struct config_set set;
    struct parse p;
    struct flags f;
    enum flags_verdict flags;
    enum config_verdict verdict; /* when flags is FLAGS_RUN */
    char file[64];
};

static const char *const collector_types[] = { "memory", "print", "sqlite3", NULL };
static const char *const packet_types[] = { "memory", "print", "sqlite3", "nfprobe", NULL };
static const char *const no_types[] = { NULL };
static const struct config_spec spec_nfacctd = { .progname = "nfacctd",
                                                 .daemon = 'N',
                                                 .description = "NetFlow Accounting Daemon",
                                                 .plugin_types = collector_types };
static const struct config_spec spec_sfacctd = { .progname = "sfacctd",
                                                 .daemon = 'S',
                                                 .description = "sFlow Accounting Daemon",
                                                 .plugin_types = collector_types };
static const struct config_spec spec_pmacctd = { .progname = "pmacctd",
                                                 .daemon = 'P',
                                                 .description = "Promiscuous Mode Accounting Daemon",
                                                 .plugin_types = packet_types };
static const struct config_spec spec_pmbmpd = { .progname = "pmbmpd",
                                                .daemon = 'M',
                                                .description = "pmacct BMP Collector Daemon",
                                                .plugin_types = no_types };

/* Writes a file under the name of `r`; its directory is made. */
static inline void run_file(struct run *r, const char *text, size_t len)
{
    snprintf(r->file, sizeof(r->file), "/tmp/config-test-XXXXXX");
    int fd = mkstemp(r->file);
    if (fd == -1 || write(fd, text, len) != (ssize_t)len)
        abort();
    close(fd);
}

/* `text` is the file of -f, NULL for none; flags are blank separated, or NULL. */
static inline struct run *run_config(const struct config_spec *spec, const char *text, const char *flags)
{
    struct run *r = calloc(1, sizeof(*r));
    char words[512] = "", *argv[64], *save = NULL;
    int argc = 0;
    argv[argc++] = (char *)(uintptr_t)spec->progname;
    if (text) {
        run_file(r, text, strlen(text));
        argv[argc++] = (char *)(uintptr_t) "-f";
        argv[argc++] = r->file;
    }
    snprintf(words, sizeof(words), "%s", flags ? flags : "");
    for (char *w = strtok_r(words, " ", &save); w && argc < 63; w = strtok_r(NULL, " ", &save))
        argv[argc++] = w;
    argv[argc] = NULL;
    r->p = (struct parse){ .spec = spec, .set = &r->set, .st = store_new() };
    r->p.st->quiet = true;
    r->set.memory = r->p.st;
    r->flags = flags_read(r->p.st, spec->daemon, argc, argv, &r->f);
    if (r->flags == FLAGS_RUN)
        r->verdict = parse_load(&r->p, &r->f);
    return r;
}

static inline void run_free(struct run *r)
{
    if (*r->file)
        unlink(r->file);
    config_free(&r->set);
    free(r);
}

/* The first message that has `part` in it, NULL when there is none. */
static inline const char *run_said(const struct run *r, const char *part)
{
    for (unsigned i = 0; i < r->p.st->n_lines; i++)
        if (strstr(r->p.st->lines[i], part))
            return r->p.st->lines[i];
    return NULL;
}

static inline const struct config *run_plugin(const struct run *r, const char *name)
{
    for (unsigned i = 0; i < r->set.n_plugins; i++)
        if (!strcmp(r->set.plugins[i].name, name))
            return &r->set.plugins[i].c;
    return NULL;
}

#endif
