/* SPDX-License-Identifier: BSD-2-Clause */
/* The sections of -V. configure writes the facts into config.h; nothing here links a library in order to ask
 * its version. */
#include "config.h"
#include "core/build.h"

#include <stdio.h>
#include <sys/utsname.h>

static const char *const plugins[] = {
    "memory", "print", "nfprobe", "sfprobe", "tee",
#ifdef WITH_SQLITE3
    "sqlite",
#endif
#ifdef WITH_PGSQL
    "pgsql",
#endif
#ifdef WITH_MYSQL
    "mysql",
#endif
#ifdef WITH_KAFKA
    "kafka",
#endif
#ifdef WITH_RABBITMQ
    "amqp",
#endif
};

static void print_system(void)
{
    struct utsname u;
    if (uname(&u) == 0)
        printf("System:\n%s %s %s %s\n\n", u.sysname, u.release, u.version, u.machine);
}

void build_print(void)
{
    printf("\nArguments:\n%s\n\n", BUILD_ARGUMENTS);
    printf("Libs:\n%s\n", BUILD_LIBS);
    printf("Plugins:\n");
    for (size_t i = 0; i < sizeof plugins / sizeof *plugins; i++)
        printf("%s\n", plugins[i]);
    printf("\n");
    print_system();
    printf("Compiler:\n%s (%s)%s%s\n\n", BUILD_COMPILER, __VERSION__, *BUILD_KIND ? ", with " : "",
           BUILD_KIND);
    printf("For suggestions, critics, bugs: see README.md of %s.\n", PACKAGE_NAME);
}

const char *build_version(void) { return PACKAGE_VERSION; }

const char *build_arguments(void) { return BUILD_ARGUMENTS; }
