/* SPDX-License-Identifier: BSD-2-Clause */
/* A file of the spool, as a disk may hand it back: whole or changed in any way. What is taken as a batch is
 * mapped and read; after that there is nothing, or what was set aside. How long the file is says whether its
 * sums are made good, so that what they guard is read too, and whether the octets make a batch of their own,
 * which has to come back as it was. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include "base/hash.h"
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

/* Where things stand in a file's head. */
enum { AT_LEN = 16 + SPOOL_META, AT_HASH = AT_LEN + 8, AT_CHECK = AT_HASH + 8, HEAD = AT_CHECK + 8 };

static void write_mended(const uint8_t *data, size_t len, bool hash_too)
{
    uint8_t *p = malloc(len);
    if (!p)
        return;
    memcpy(p, data, len);
    if (hash_too) {
        const uint64_t octets = len - HEAD, hash = hash_bytes(p + HEAD, len - HEAD);
        memcpy(p + AT_LEN, &octets, sizeof(octets));
        memcpy(p + AT_HASH, &hash, sizeof(hash));
    }
    const uint64_t check = hash_bytes(p, AT_CHECK);
    memcpy(p + AT_CHECK, &check, sizeof(check));
    write_at("0000000000000001.batch", p, len);
    free(p);
}

static void read_all(struct spool *s, size_t len)
{
    struct err e;
    const size_t n = spool_count(s);
    if (n)
        spool_put_off(s, spool_at(s, 0)->seq);
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
    if (spool_octets(s) || spool_count(s))
        abort();
}

static void keep_and_read(struct spool *s, const uint8_t *data, size_t len)
{
    static const uint8_t meta[SPOOL_META] = { 1, 2, 3 };
    const uint8_t *p;
    size_t octets;
    uint64_t seq;
    struct err e;
    if (spool_begin(s, meta, &e) == -1 || spool_add(s, data, len, &e) == -1 ||
        spool_commit(s, &seq, &e) == -1 || memcmp(spool_at(s, 0)->meta, meta, sizeof(meta)) != 0 ||
        spool_map(s, seq, &p, &octets, &e) == -1 || octets != len || (len && memcmp(p, data, len) != 0))
        abort();
    spool_unmap(p, octets);
    spool_remove(s, seq);
}

/* What else lies in such a folder. */
static void write_others(const uint8_t *data, size_t len)
{
    static const char *const names[] = { "0000000000000002.tmp", "0000000000000003.damaged", "x.batch",
                                         "00000000000000ff.batch", "0000000000000000.batch" };
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        write_at(names[i], data, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const struct file_modes m = file_modes_of(-1, -1, -1);
    struct err e;
    if (!*dir)
        make_dir();
    if (len >= HEAD && len % 4)
        write_mended(data, len, len % 4 > 1);
    else
        write_at("0000000000000001.batch", data, len);
    if (len % 64 == 0)
        write_others(data, len);
    struct spool *s = spool_open(dir, &m, &e);
    if (!s || spool_count(s) + spool_damaged(s) == 0)
        abort();
    read_all(s, len);
    if (len % 64 == 0)
        keep_and_read(s, data, len);
    spool_close(s);
    empty();
    return 0;
}
