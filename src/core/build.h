/* SPDX-License-Identifier: BSD-2-Clause */
/* What this build was made of. */
#ifndef CORE_BUILD_H
#define CORE_BUILD_H

/* Prints on stdout what -V shows after its first line: arguments of configure, libraries, plugins, system,
 * compiler. Fits struct config_spec.version. */
void build_print(void);

/* The version of the suite, and the arguments that configure was given, each quoted. */
const char *build_version(void);
const char *build_arguments(void);

#endif
