/* SPDX-License-Identifier: BSD-2-Clause */
/* Templates that outlive the daemon. Called by netflow.c at start, once in a while, and at the end. */
#include "netflow/keep.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/files.h"
#include "base/strbuf.h"
#include "netflow/decode.h"

enum { ENTERPRISE = 0x8000, DEPTH_MAX = 6, FORMAT = 2 };

/* ---- a line */

/* Where the reader stands in a line, and what it has read of it. */
struct line {
    const char *p;
    struct kept *out;
    bool ours, no_room;
    const char *fault; /* NULL: none */
};

/* Members of the line itself, of an element of its list, and of what pmacct's elements hold. */
enum { IN_LINE = 1, IN_FIELD = 3, IN_OLD_FIELD = 4 };

static void skip_blanks(struct line *l)
{
    while (*l->p == ' ' || *l->p == '\t')
        l->p++;
}

static bool take(struct line *l, char c)
{
    skip_blanks(l);
    if (*l->p != c)
        return false;
    l->p++;
    return true;
}

/* A text without escapes, which nothing here needs. */
static bool take_text(struct line *l, char *out, size_t size)
{
    if (!take(l, '"'))
        return false;
    const char *end = strchr(l->p, '"');
    if (!end || (size_t)(end - l->p) >= size)
        return false;
    memcpy(out, l->p, (size_t)(end - l->p));
    out[end - l->p] = '\0';
    l->p = end + 1;
    return true;
}

static void on_line_number(struct line *l, const char *key, uint64_t v)
{
    struct kept *k = l->out;
    if (!strcmp(key, "format"))
        l->ours = v == FORMAT;
    else if (!strcmp(key, "version"))
        k->version = v <= 255 ? (uint8_t)v : 255;
    else if (!strcmp(key, "source_id"))
        k->source_id = (uint32_t)v;
    else if (!strcmp(key, "template_id"))
        k->id = v <= UINT16_MAX ? (uint16_t)v : 0;
    else if (!strcmp(key, "template_type"))
        k->options = v != 0;
    else if (!strcmp(key, "scope"))
        k->n_scope = v <= KEPT_FIELDS_MAX ? (unsigned)v : KEPT_FIELDS_MAX + 1;
}

static void on_number(struct line *l, unsigned depth, const char *key, uint64_t v)
{
    struct kept *k = l->out;
    const bool old = depth == IN_OLD_FIELD;
    if (depth == IN_LINE)
        on_line_number(l, key, v);
    if ((depth != IN_FIELD && !old) || k->n_fields == 0)
        return;
    if (!strcmp(key, "pen"))
        k->field[k->n_fields - 1].pen = (uint32_t)v;
    else if (!strcmp(key, old ? "tpl_index" : "type") || (old && !strcmp(key, "type")))
        k->field[k->n_fields - 1].id = (uint16_t)v;
    else if (!strcmp(key, old ? "tpl_len" : "len"))
        k->field[k->n_fields - 1].len = (uint16_t)v;
}

static bool read_value(struct line *l, unsigned depth, const char *key);

/* The elements of a list, or the members of an object, up to its end. */
static bool read_members(struct line *l, unsigned depth, char end)
{
    char key[32] = "";
    if (depth > DEPTH_MAX)
        return false;
    if (take(l, end))
        return true;
    do {
        if (end == '}' && (!take_text(l, key, sizeof(key)) || !take(l, ':')))
            return false;
        if (!read_value(l, depth, key))
            return false;
    } while (take(l, ','));
    return take(l, end);
}

static bool begin_field(struct line *l)
{
    struct kept *k = l->out;
    if (k->n_fields == KEPT_FIELDS_MAX)
        return false;
    memset(&k->field[k->n_fields++], 0, sizeof(k->field[0]));
    return true;
}

static bool read_text(struct line *l, unsigned depth, const char *key)
{
    char text[256];
    if (!take_text(l, text, sizeof(text)))
        return false;
    return depth != IN_LINE || strcmp(key, "agent") != 0 || addr_parse(text, &l->out->agent) == 0;
}

static bool read_value(struct line *l, unsigned depth, const char *key)
{
    skip_blanks(l);
    if (*l->p == '"')
        return read_text(l, depth, key);
    if (take(l, '['))
        return read_members(l, depth + 1, ']');
    if (take(l, '{')) {
        if (depth == IN_FIELD - 1 && !begin_field(l))
            return false;
        return read_members(l, depth + 1, '}');
    }
    char *end;
    if (*l->p < '0' || *l->p > '9')
        return false;
    const unsigned long long v = strtoull(l->p, &end, 10);
    l->p = end;
    on_number(l, depth, key, v);
    return true;
}

static const char *fault_of(const struct kept *k, bool ours)
{
    if (!addr_is_set(&k->agent))
        return "no address of the exporter";
    if (k->id < 256)
        return "no template_id";
    if (k->n_fields == 0)
        return "no fields";
    if (k->version != 9 && k->version != 10 && (ours || k->version != 0))
        return "version is neither 9 nor 10";
    if (k->n_scope > k->n_fields)
        return "more scope than fields";
    return k->options && !ours ? "options, of which the line does not tell the scope" : NULL;
}

int kept_parse(const char *text, struct kept *out, struct err *e)
{
    struct line l = { .p = text, .out = out };
    memset(out, 0, offsetof(struct kept, field));
    const bool whole = read_value(&l, 0, "") && (skip_blanks(&l), *l.p == '\0');
    if (!l.ours)
        out->id = (uint16_t)(out->id << 8 | out->id >> 8);
    const char *fault = whole ? fault_of(out, l.ours) : "not a template as JSON";
    return fault ? err_set(e, ERR_FORMAT, "%s", fault) : 0;
}

/* ---- reading */

/* Field specifiers as in a template set. */
static size_t as_specifiers(const struct kept *k, uint8_t version, uint8_t *raw)
{
    uint8_t *at = raw;
    for (unsigned i = 0; i < k->n_fields; i++) {
        const bool own = version == 10 && k->field[i].pen;
        const uint16_t id = (uint16_t)(k->field[i].id | (own ? ENTERPRISE : 0));
        *at++ = (uint8_t)(id >> 8);
        *at++ = (uint8_t)id;
        *at++ = (uint8_t)(k->field[i].len >> 8);
        *at++ = (uint8_t)k->field[i].len;
        for (unsigned n = own ? 4 : 0; n--;)
            *at++ = (uint8_t)(k->field[i].pen >> 8 * n);
    }
    return (size_t)(at - raw);
}

static int learn_kept(struct netflow *nf, const struct kept *k, uint8_t version, struct err *e)
{
    uint8_t raw[KEPT_FIELDS_MAX * 8];
    struct tmpl_record rec = { .id = k->id,
                               .version = version,
                               .options = k->options,
                               .n_fields = k->n_fields,
                               .n_scope = k->n_scope,
                               .fields = cursor_of(raw, as_specifiers(k, version, raw)) };
    unsigned gone = 0;
    bool evicted;
    struct tmpl *t;
    struct exporter *x = exporters_get(&nf->exporters, &k->agent, version, k->source_id, nf->clock_us, &gone);
    if (!x)
        return err_set(e, ERR_LIMIT, "out of memory");
    const enum tmpl_verdict v =
        tmpl_learn(&x->templates, &nf->exporters.forms, &rec, k->options ? &nf->option_wants : &nf->wants,
                   nf->exporters.limits.templates, &evicted, &t, e);
    if (v == TMPL_BAD)
        return -1;
    t->seen_s = (uint32_t)(nf->clock_us / US_PER_S);
    (void)exporters_settle(&nf->exporters, x, &gone);
    return 0;
}

static int learn_line(struct netflow *const *all, unsigned n, const char *text, struct kept *k, struct err *e)
{
    if (kept_parse(text, k, e) == -1)
        return -1;
    struct netflow *nf = all[input_worker_of(&k->agent, n)];
    if (k->version)
        return learn_kept(nf, k, k->version, e);
    return learn_kept(nf, k, 9, e) == -1 ? -1 : learn_kept(nf, k, 10, e);
}

void keep_read(struct netflow *const *all, unsigned n)
{
    const struct netflow *nf = all[0];
    const char *path = nf->c->templates_file;
    FILE *f = fopen(path, "re");
    struct kept *k = malloc(sizeof(*k));
    char *text = NULL;
    size_t cap = 0, good = 0, bad = 0;
    if (!f)
        log_info(nf->log, "[%s] no templates to begin with: %s", path, strerror(errno));
    for (unsigned line = 1; f && k && getline(&text, &cap, f) != -1; line++) {
        struct err e = { 0 };
        text[strcspn(text, "\r\n")] = '\0';
        const bool fine = *text == '\0' || learn_line(all, n, text, k, &e) == 0;
        if (!fine && bad++ < 10)
            log_warn(nf->log, "[%s:%u] template ignored: %s", path, line, e.text);
        good += fine && *text;
    }
    if (f)
        log_info(nf->log, "[%s] %zu templates read, %zu lines ignored", path, good, bad);
    free(text);
    free(k);
    if (f)
        fclose(f);
}

/* ---- writing */

static void put_template(struct strbuf *s, const struct exporter *x, const struct tmpl *t,
                         struct tmpl_field *f)
{
    char agent[ADDR_TEXT];
    const unsigned n = form_fields(t->form, f, UINT16_MAX);
    strbuf_printf(
        s,
        "{\"format\": %d, \"agent\": \"%s\", \"version\": %u, \"source_id\": %u, \"template_id\": %u, "
        "\"template_type\": %d, \"scope\": %u, \"num\": %u, \"list\": [",
        FORMAT, addr_str(&x->s.from, agent), t->version, x->s.id, t->id, t->options, t->form->n_scope, n);
    for (unsigned i = 0; i < n; i++) {
        strbuf_printf(s, "%s{\"type\": %u", i ? ", " : "", f[i].id);
        if (f[i].pen)
            strbuf_printf(s, ", \"pen\": %u", f[i].pen);
        strbuf_printf(s, ", \"len\": %u}", f[i].len);
    }
    strbuf_printf(s, "]}\n");
}

static int flush_to(int fd, struct strbuf *s)
{
    const char *text = strbuf_cstr(s);
    for (size_t left = strlen(text), n; left; left -= n, text += n) {
        const ssize_t done = write(fd, text, left);
        if (done <= 0)
            return -1;
        n = (size_t)done;
    }
    strbuf_clear(s);
    return 0;
}

static int write_exporters(int fd, const struct sender *oldest, struct strbuf *s, struct tmpl_field *f)
{
    for (; oldest; oldest = oldest->newer) {
        const struct exporter *x = (const struct exporter *)oldest;
        for (uint32_t i = 0; i < x->templates.cap && !x->s.session; i++) /* those end with their session */
            if (x->templates.slot[i] && x->templates.slot[i]->form->n_fields <= KEPT_FIELDS_MAX)
                put_template(s, x, x->templates.slot[i], f);
        if (flush_to(fd, s) == -1)
            return -1;
    }
    return 0;
}

static int write_tables(int fd, struct netflow *const *nf, unsigned n, struct strbuf *s, struct tmpl_field *f)
{
    for (unsigned w = 0; w < n; w++)
        if (write_exporters(fd, nf[w]->exporters.senders.unproven.oldest, s, f) == -1 ||
            write_exporters(fd, nf[w]->exporters.senders.proven.oldest, s, f) == -1)
            return -1;
    return fsync(fd);
}

static int write_aside(struct netflow *const *nf, unsigned n, const char *aside, struct err *e)
{
    const struct config *c = nf[0]->c;
    const struct file_modes modes = file_modes_of(c->files_umask, c->files_uid, c->files_gid);
    struct tmpl_field *f = calloc(UINT16_MAX, sizeof(*f));
    struct strbuf s;
    if (!f)
        return err_sys(e, "no memory");
    strbuf_init(&s, 64 << 20);
    const int fd = file_open_output(aside, false, &modes, NULL, e);
    int status = fd == -1 ? -1 : 0;
    if (fd != -1) {
        if (write_tables(fd, nf, n, &s, f) == -1)
            status = err_sys(e, "cannot write %s", aside);
        close(fd);
    }
    strbuf_free(&s);
    free(f);
    return status;
}

void keep_write(struct netflow *const *all, unsigned n)
{
    struct netflow *nf = all[0];
    const char *path = nf->c->templates_file;
    struct err e = { 0 };
    char aside[4096];
    snprintf(aside, sizeof(aside), "%s.new", path);
    int status = write_aside(all, n, aside, &e);
    if (status == 0 && rename(aside, path) == -1)
        status = err_sys(&e, "cannot rename %s", aside);
    if (status == -1)
        log_limited(nf->log, &nf->say_keep, LOG_LV_WARN, "[%s] templates are not kept: %s", path, e.text);
}
