/* SPDX-License-Identifier: BSD-2-Clause */
/* Heads and blocks of Avro's container files. */
#include "output/avro_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/clock.h"
#include "output/avro.h"

static const char magic[4] = { 'O', 'b', 'j', 1 };

enum { HEAD_MAX = AVRO_SCHEMA_MAX + 4096, ENTRIES_MAX = 1000 };

void avro_file_sync(uint8_t sync[AVRO_SYNC])
{
    if (getrandom(sync, AVRO_SYNC, 0) == AVRO_SYNC)
        return;
    int64_t now = clock_wall_us(); /* it has to be unlikely in the data, no more */
    for (unsigned i = 0; i < AVRO_SYNC; i++)
        sync[i] = (uint8_t)(now >> (i % 8 * 8)) ^ (uint8_t)(i * 151);
}

void avro_file_head(struct strbuf *out, const char *schema, size_t len, const uint8_t sync[AVRO_SYNC])
{
    strbuf_add(out, magic, sizeof(magic));
    avro_long(out, 2); /* entries */
    avro_string(out, "avro.schema", 11);
    avro_string(out, schema, len);
    avro_string(out, "avro.codec", 10);
    avro_string(out, "null", 4);
    avro_long(out, 0);
    strbuf_add(out, sync, AVRO_SYNC);
}

void avro_file_block(struct strbuf *out, uint64_t records, size_t octets)
{
    avro_long(out, (int64_t)records);
    avro_long(out, (int64_t)octets);
}

/* ---- reading */

static int64_t take_long(struct cursor *c)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < AVRO_LONG_MAX; i++) {
        const uint8_t b = cursor_u8(c);
        v |= (uint64_t)(b & 0x7f) << (7 * i);
        if (b < 0x80)
            return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
    }
    c->bad = true;
    return 0;
}

static struct cursor take_bytes(struct cursor *c)
{
    const int64_t n = take_long(c);
    return cursor_sub(c, n < 0 ? SIZE_MAX : (size_t)n);
}

static bool is(const struct cursor *c, const char *text)
{
    return cursor_left(c) == strlen(text) && !memcmp(c->p, text, cursor_left(c));
}

static void take_entry(struct cursor *c, struct avro_head *out)
{
    const struct cursor name = take_bytes(c), value = take_bytes(c);
    if (is(&name, "avro.schema"))
        out->schema = value;
    else if (is(&name, "avro.codec"))
        out->plain = is(&value, "null");
}

bool avro_file_read_head(struct cursor *c, struct avro_head *out)
{
    const uint8_t *p = cursor_take(c, sizeof(magic));
    unsigned entries = 0;
    *out = (struct avro_head){ .plain = true, .schema.bad = true };
    if (!p || memcmp(p, magic, sizeof(magic)) != 0)
        return false;
    for (int64_t n; (n = take_long(c)) != 0 && !c->bad;) {
        if (n < 0)
            (void)take_long(c); /* octets of the entries, for those who skip them */
        for (uint64_t left = n < 0 ? 0 - (uint64_t)n : (uint64_t)n; left && !c->bad; left--) {
            if (++entries > ENTRIES_MAX)
                return false;
            take_entry(c, out);
        }
    }
    p = cursor_take(c, AVRO_SYNC);
    if (!p || out->schema.bad)
        return false;
    memcpy(out->sync, p, AVRO_SYNC);
    return true;
}

/* Reads from the file's beginning, size octets at most. */
static ssize_t read_at(int fd, uint8_t *p, size_t size, off_t at)
{
    size_t got = 0;
    while (got < size) {
        ssize_t n = pread(fd, p + got, size - got, at + (off_t)got);
        if (n <= 0)
            break;
        got += (size_t)n;
    }
    return (ssize_t)got;
}

/* A file of `size` octets; what buf has room for is its head. */
static int joins(int fd, off_t size, const char *path, uint8_t *buf, const char *schema, size_t len,
                 uint8_t sync[AVRO_SYNC], struct err *e)
{
    struct avro_head head;
    uint8_t end[AVRO_SYNC];
    struct cursor c = cursor_of(buf, (size_t)read_at(fd, buf, size < HEAD_MAX ? (size_t)size : HEAD_MAX, 0));
    if (!avro_file_read_head(&c, &head))
        return err_set(e, ERR_FORMAT, "'%s' is no Avro container file: nothing is appended", path);
    if (!head.plain || cursor_left(&head.schema) != len || memcmp(head.schema.p, schema, len) != 0)
        return err_set(e, ERR_FORMAT, "'%s' holds records of another schema: nothing is appended", path);
    if (read_at(fd, end, AVRO_SYNC, size - AVRO_SYNC) != AVRO_SYNC || memcmp(end, head.sync, AVRO_SYNC) != 0)
        return err_set(e, ERR_FORMAT, "'%s' ends within a block: nothing is appended", path);
    memcpy(sync, head.sync, AVRO_SYNC);
    return 0;
}

int avro_file_joins(const char *path, const char *schema, size_t len, uint8_t sync[AVRO_SYNC], struct err *e)
{
    struct stat st;
    uint8_t *buf = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), rc = -1;
    if (fd != -1 && fstat(fd, &st) == 0)
        buf = malloc(st.st_size < HEAD_MAX ? (size_t)st.st_size + 1 : HEAD_MAX);
    if (!buf)
        err_sys(e, "cannot read '%s'", path);
    else
        rc = joins(fd, st.st_size, path, buf, schema, len, sync, e);
    if (fd != -1)
        close(fd);
    free(buf);
    return rc;
}

int avro_schema_save(const char *path, struct strbuf *schema, const struct file_modes *m, struct err *e)
{
    const size_t len = schema->len;
    strbuf_char(schema, '\n');
    schema->len = len;
    if (schema->failed)
        return err_set(e, ERR_LIMIT, "'%s': the schema is too long", path);
    int fd = file_open_output(path, false, m, NULL, e);
    if (fd == -1)
        return -1;
    const bool whole = write(fd, schema->p, len + 1) == (ssize_t)len + 1;
    (void)strbuf_cstr(schema); /* the line's end stood in the place of the NUL */
    if (!whole)
        err_sys(e, "cannot write to '%s'", path);
    if (close(fd) == -1 && whole)
        return err_sys(e, "cannot close '%s'", path);
    return whole ? 0 : -1;
}
