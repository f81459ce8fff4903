/* SPDX-License-Identifier: BSD-2-Clause */
/* An Avro container file to which one of us wants to append: that goes on behind a file of the same schema
 * which ends where a block does, and nowhere else. */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "output/avro_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const char schema[] = "\"long\"";
    char path[64];
    uint8_t sync[AVRO_SYNC];
    struct err e;
    static int fd = -1; /* of all inputs, one after the other */
    if (fd == -1 && (fd = memfd_create("avro", MFD_CLOEXEC)) == -1)
        return 0;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (ftruncate(fd, 0) == 0 && pwrite(fd, data, len, 0) == (ssize_t)len &&
        avro_file_joins(path, schema, sizeof(schema) - 1, sync, &e) == 0 &&
        (len < AVRO_SYNC || memcmp(data + len - AVRO_SYNC, sync, AVRO_SYNC) != 0))
        abort();
    return 0;
}
