/* SPDX-License-Identifier: BSD-2-Clause */
/* What this build was made of. */
#ifndef CORE_BUILD_H
#define CORE_BUILD_H

/* Prints on stdout what -V shows after its first line: arguments of configure, libraries, plugins, system, compiler. Fits
 * struct config_spec.version. */
void build_print(void);

#endif
