/* SPDX-License-Identifier: BSD-2-Clause */
/* Process titles, written over the memory of arguments and environment, which is the only place the kernel
 * takes them from. Where that lies is asked anew each time: there is no state to keep. */
#include "base/title.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <unistd.h>

/* A copy of a NULL-terminated array and of its strings, in one piece. */
static char **copy_strings(char **v)
{
    size_t n = 0, octets = 0;
    for (; v[n]; n++)
        octets += strlen(v[n]) + 1;
    char **copy = malloc((n + 1) * sizeof(*copy) + octets);
    if (!copy)
        return NULL;
    char *at = (char *)(copy + n + 1);
    for (size_t i = 0; i < n; i++) {
        copy[i] = at;
        at = stpcpy(at, v[i]) + 1;
    }
    copy[n] = NULL;
    return copy;
}

/* The copies live as long as the process. */
void title_init(int argc, char **argv)
{
    if (argc < 1 || !argv[0])
        return;
    char **args = copy_strings(argv), **env = copy_strings(environ);
    char *name = strdup(program_invocation_name);
    if (!args || !env || !name) {
        free(args);
        free(env);
        free(name);
        return;
    }
    char *slash = strrchr(name, '/');
    for (int i = 0; i < argc; i++)
        argv[i] = args[i];
    environ = env;
    program_invocation_short_name = slash ? slash + 1 : name;
    program_invocation_name = name; /* last of all: title_set sees by it that everything has been moved */
}

/* Addresses of the arguments' begin and the environment's end, fields 48 to 51 of proc(5)'s stat. The kernel
 * puts the program's path, AT_EXECFN, right behind them; where it is elsewhere, they are those of somebody
 * who runs this program in his own process: valgrind still reads its options there. */
static bool find_strings(uintptr_t *start, uintptr_t *end)
{
    char text[2048];
    uintptr_t v[4] = { 0 }; /* arg_start, arg_end, env_start, env_end */
    FILE *f = fopen("/proc/self/stat", "re");
    if (!f)
        return false;
    char *at =
        fgets(text, sizeof(text), f) ? strrchr(text, ')') : NULL; /* the name before may hold anything */
    fclose(f);
    for (int field = 3; at && field < 48 + 4; field++) {
        at = strchr(at, ' ');
        if (at && field >= 48)
            v[field - 48] = (uintptr_t)strtoull(at, NULL, 10);
        at = at ? at + 1 : NULL;
    }
    const uintptr_t path = getauxval(AT_EXECFN);
    *start = v[0];
    *end = v[2] == v[1] ? v[3] : v[1];
    return *start && *start < *end && path >= v[3] && path - v[3] < 4096;
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

    uintptr_t start, end, mine = (uintptr_t)program_invocation_name;
    if (!find_strings(&start, &end) || (mine >= start && mine < end))
        return;
    char *area = (char *)start; /* NOLINT(performance-no-int-to-ptr) */
    memset(area, 0, end - start);
    snprintf(area, end - start, "%s", text);
}
