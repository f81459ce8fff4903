/* SPDX-License-Identifier: BSD-2-Clause */
/* Process titles, written over the memory of the arguments, which is the only place the kernel takes them
 * from. That memory belongs to the process as a whole, and so does the one variable of this file. */
#include "base/title.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static struct {
    char *at; /* the memory of arguments and environment, NULL: not usable */
    size_t size;
} title;

/* The end of the strings of v, as long as they lie one behind the other from `end` on. */
static char *end_of_strings(char **v, char *end)
{
    for (; *v && *v == end; v++)
        end += strlen(end) + 1;
    return end;
}

/* Replaces the strings of v, and v itself unless `in_place`, by copies. They live as long as the process. */
static char **move_strings(char **v, int in_place)
{
    size_t n = 0;
    while (v[n])
        n++;
    char **copy = in_place ? v : calloc(n + 1, sizeof(*v));
    if (!copy)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        copy[i] = strdup(v[i]);
        if (!copy[i])
            return NULL;
    }
    return copy;
}

void title_init(int argc, char **argv)
{
    if (argc < 1 || !argv[0] || title.at)
        return;
    char *start = argv[0], *end = end_of_strings(argv, start);
    end = end_of_strings(environ, end);
    char **env = move_strings(environ, 0);
    char *name = strdup(program_invocation_name);
    if (!env || !name || !move_strings(argv, 1)) {
        free(name);
        return;
    }
    char *slash = strrchr(name, '/');
    environ = env;
    program_invocation_name = name;
    program_invocation_short_name = slash ? slash + 1 : name;
    title.at = start;
    title.size = (size_t)(end - start);
}

void title_set(const char *fmt, ...)
{
    char text[512], name[16];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    size_t prog = strcspn(text, ":");
    snprintf(name, sizeof(name), "%.*s", (int)(prog < sizeof(name) ? prog : sizeof(name) - 1), text);
    prctl(PR_SET_NAME, name);
    if (!title.at)
        return;
    memset(title.at, 0, title.size);
    snprintf(title.at, title.size, "%s", text);
}
