/* SPDX-License-Identifier: BSD-2-Clause */
/* What ps shows of a process: "nfacctd: Core Process [default]". */
#ifndef BASE_TITLE_H
#define BASE_TITLE_H

/* Moves arguments and environment out of the memory that ps reads, so that title_set may write there; argv's
 * pointers lead to the copies afterwards. Once, in main, before anything keeps a pointer from getenv. */
void title_init(int argc, char **argv);

/* Sets the title of this process; children inherit it. What does not fit into the old arguments and
 * environment is cut. The name that killall and pkill go by remains the program's, which is what stands
 * before the first colon. */
void title_set(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
