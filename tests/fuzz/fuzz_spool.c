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

/* A folder of this process, made once. */
static const char *folder(char *at, size_t n)
{
    snprintf(at, n, "%s/fuzz-spool.%d", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (int)getpid());
    if (mkdir(at, 0700) == -1 && access(at, W_OK) == -1)
        abort();
    return at;
}

static void empty(const char *dir)
{
    DIR *d = opendir(dir);
    if (!d)
        return;
    for (struct dirent *e; (e = readdir(d));)
        if (e->d_name[0] != '.')
            unlinkat(dirfd(d), e->d_name, 0);
    closedir(d);
}

static void write_at(const char *dir, const char *name, const uint8_t *p, size_t n)
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
    char dir[256];
    struct err e;
    write_at(folder(dir, sizeof(dir)), "0000000000000001.batch", data, len);
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
    empty(dir);
    rmdir(dir);
    return 0;
}
