/* SPDX-License-Identifier: BSD-2-Clause */
/* Files that the daemons write: with their directories, owner and mode, locked while open; pidfiles and links
 * to the latest output. All of it is safe in threads (nothing here touches the umask). */
#ifndef BASE_FILES_H
#define BASE_FILES_H

#include <stdbool.h>
#include <sys/types.h>
#include "base/err.h"

/* The keys files_umask, files_uid, files_gid. */
struct file_modes {
    mode_t mask; /* files get 0666, directories 0777, without these bits */
    uid_t uid;   /* (uid_t)-1: as created */
    gid_t gid;
};

/* From the keys' values, -1: not set. The mask is 077 then: nobody else reads what is written. */
struct file_modes file_modes_of(int mask, int uid, int gid);

/* Makes the directories above path that do not exist. Who may not give a directory away (files_uid without
 * being root) keeps it: not an error, here and below. */
int file_make_parents(const char *path, const struct file_modes *m, struct err *e);

/* Opens a file for output, with its directories. Waits for the advisory lock (flock) on it, which goes with
 * the close; empties the file unless `append`. A FIFO is opened for reading and writing, without waiting for
 * a reader, neither locked nor emptied. *empty (may be NULL) tells whether what is written now is the
 * beginning. Returns the descriptor, or -1. */
int file_open_output(const char *path, bool append, const struct file_modes *m, bool *empty, struct err *e);

/* Opens a file that several processes append to line by line: as file_open_output, without the lock. */
int file_open_shared(const char *path, const struct file_modes *m, struct err *e);

/* Writes the number of this process and a newline into path. */
int pidfile_write(const char *path, const struct file_modes *m, struct err *e);

/* Removes a pidfile if it still holds the number of this process. */
void pidfile_remove(const char *path);

/* Points the symbolic link at the file `target`, in one step, unless the file it points to now was modified
 * after `target`. What is no link is left alone: an error. */
int file_link_latest(const char *link, const char *target, const struct file_modes *m, struct err *e);

#endif
