/* SPDX-License-Identifier: BSD-2-Clause */
/* A file of the spool, as a disk may hand it back: whole or changed in any way. What is taken as a batch is
 * mapped and read; after that there is nothing, or what was set aside. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include "base/spool.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* A folder of this process, made once and taken away at its end. */
static char dir[64];

static void remove_dir(void) { (void)rmdir(dir); }

static void make_dir(void)
{
    snprintf(dir, sizeof(dir), "%s/fuzz-spool.XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(dir))
        abort();
    atexit(remove_dir);
}

static void empty(void)
{
    DIR *d = opendir(dir);
    if (!d)
        return;
    for (struct dirent *e; (e = readdir(d));)
        if (e->d_name[0] != '.')
            unlinkat(dirfd(d), e->d_name, 0);
    closedir(d);
}

static void write_at(const char *name, const uint8_t *p, size_t n)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd == -1 || write(fd, p, n) != (ssize_t)n)
        abort();
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const struct file_modes m = file_modes_of(-1, -1, -1);
    struct err e;
    if (!*dir)
        make_dir();
    write_at("0000000000000001.batch", data, len);
    struct spool *s = spool_open(dir, &m, &e);
    if (!s)
        abort();
    const size_t n = spool_count(s);
    for (size_t i = 0; i < n && spool_count(s); i++) {
        const uint8_t *p;
        size_t octets;
        const uint64_t seq = spool_at(s, 0)->seq;
        if (spool_map(s, seq, &p, &octets, &e) == 0) {
            uint8_t sum = 0;
            for (size_t k = 0; k < octets; k++)
                sum ^= p[k];
            if (sum == 1 && octets > len)
                abort();
            spool_unmap(p, octets);
            spool_remove(s, seq);
        }
    }
    spool_close(s);
    empty();
    return 0;
}
