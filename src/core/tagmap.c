/* SPDX-License-Identifier: BSD-2-Clause */
/* pre_tag_map: what its rows set, and how one leads to another. */
#include "core/tagmap.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include "base/arena.h"
#include "base/pages.h"
#include "config/mapfile.h"

/* Actions, by their ids in maps.def; in a map file's rows they are numbered behind the conditions. */
enum { MAP_TAG = 1, MAP_VALUE = 2 };
enum action_id {
    SET_TAG,
    SET_TAG2,
    SET_LABEL,
    SET_TOS,
    ROW_LABEL,
    JUMP,
    STACK,
    RETURN,
};

enum stack { STACK_NONE, STACK_SUM, STACK_OR };

/* What a row does. */
struct tag_row {
    uint64_t tag, tag2;
    _Atomic uint64_t *counter; /* N++: what the next hit gets; else NULL */
    const char *label;
    uint32_t label_len;
    uint32_t jump; /* row to go on with, or ROWMAP_NONE */
    uint8_t stack, tos;
    bool sets_tag, sets_tag2, sets_tos, returns;
};

struct tagmap {
    struct rowmap rows;
    struct tag_row *row;
    struct fieldset needs;
    struct arena *memory;
    size_t labels_len; /* of all labels, with commas */
};

/* ---- reading */

struct named {
    const char *name;
    uint32_t row;
};

/* A map while it is read. Rows grow here and are moved into the map's own memory at the end. */
struct loader {
    struct tagmap *m;
    const struct tagmap_conf *conf;
    struct tag_row *row;
    unsigned *line;
    const char **label, **jump; /* by row, NULL: none */
    uint32_t cap;
};

#define MATCH(...)
#define ACTION(name, id, maps, help) { #name, id, maps },
static const struct {
    const char *name;
    uint8_t id, maps;
} actions[] = {
#include "core/maps.def"
};
#undef MATCH
#undef ACTION
enum { N_ACTIONS = sizeof(actions) / sizeof(actions[0]) };

static int bad_label(const char *text, struct err *e)
{
    return err_set(e, ERR_CONFIG,
                   "bad 'set_label' value: '%.64s': key%%value,... is expected (pre_tag_label_encode_as_map)",
                   text);
}

/* Of the form key%value,key%value? */
static bool is_map(const char *text)
{
    for (const char *item = text; *item;) {
        const size_t len = strcspn(item, ","), key = strcspn(item, "%");
        if (key == 0 || key >= len)
            return false;
        item += len + (item[len] == ',');
    }
    return *text != '\0';
}

static int set_tag(struct loader *l, struct tag_row *r, const char *key, const char *value, struct err *e)
{
    const size_t len = strlen(value);
    char digits[32];
    r->sets_tag = true;
    if (len < 3 || len >= sizeof(digits) || strcmp(value + len - 2, "++") != 0)
        return map_number(key, value, 0, UINT64_MAX, &r->tag, e);
    memcpy(digits, value, len - 2);
    digits[len - 2] = '\0';
    if (map_number(key, digits, 0, UINT64_MAX, &r->tag, e) == -1)
        return -1;
    r->counter = arena_alloc(l->m->memory, sizeof(*r->counter));
    if (!r->counter)
        return err_sys(e, "no memory for a map");
    atomic_init(r->counter, r->tag);
    return 0;
}

static int set_label(struct loader *l, struct tag_row *r, const char *value, struct err *e)
{
    if (l->conf->labels_are_map && !is_map(value))
        return bad_label(value, e);
    r->label_len = (uint32_t)strlen(value);
    r->label = arena_strdup(l->m->memory, value);
    l->m->labels_len += r->label_len + 1;
    return r->label ? 0 : err_sys(e, "no memory for a map");
}

static int set_stack(struct tag_row *r, const char *value, struct err *e)
{
    static const struct {
        const char *word;
        uint8_t stack;
    } words[] = { { "sum", STACK_SUM }, { "+", STACK_SUM }, { "or", STACK_OR } };
    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (!strcmp(words[i].word, value)) {
            r->stack = words[i].stack;
            return 0;
        }
    return err_set(e, ERR_CONFIG, "bad 'stack' value: '%.64s': sum, + or or is expected", value);
}

static int keep_name(struct loader *l, const char **place, const char *value, struct err *e)
{
    *place = arena_strdup(l->m->memory, value);
    return *place ? 0 : err_sys(e, "no memory for a map");
}

static int act(struct loader *l, uint32_t row, enum action_id id, const char *key, const char *value,
               struct err *e)
{
    struct tag_row *r = &l->row[row];
    uint64_t n;
    switch (id) {
    case SET_TAG:
        return set_tag(l, r, key, value, e);
    case SET_TAG2:
        r->sets_tag2 = true;
        return map_number(key, value, 0, UINT64_MAX, &r->tag2, e);
    case SET_LABEL:
        return set_label(l, r, value, e);
    case SET_TOS:
        r->sets_tos = true;
        if (map_number(key, value, 0, UINT8_MAX, &n, e) == -1)
            return -1;
        r->tos = (uint8_t)n;
        return 0;
    case ROW_LABEL:
        return keep_name(l, &l->label[row], value, e);
    case JUMP:
        return keep_name(l, &l->jump[row], value, e);
    case STACK:
        return set_stack(r, value, e);
    case RETURN:
        return map_bool(key, value, &r->returns, e);
    }
    return -1;
}

static int grow(struct loader *l, struct err *e)
{
    const uint32_t cap = l->cap ? l->cap * 2 : 64;
    struct tag_row *row = realloc(l->row, cap * sizeof(*row));
    if (row)
        l->row = row;
    unsigned *line = realloc(l->line, cap * sizeof(*line));
    if (line)
        l->line = line;
    const char **label = realloc(l->label, cap * sizeof(*label));
    if (label)
        l->label = label;
    const char **jump = realloc(l->jump, cap * sizeof(*jump));
    if (jump)
        l->jump = jump;
    if (!row || !line || !label || !jump)
        return err_sys(e, "no memory for a map");
    l->cap = cap;
    return 0;
}

static int on_row(void *ctx, const struct mapfile_row *row, struct err *e)
{
    struct loader *l = ctx;
    const uint32_t at = l->m->rows.n_rows;
    if ((at == l->cap && grow(l, e) == -1) || rowmap_row(&l->m->rows, e) == -1)
        return -1;
    l->row[at] = (struct tag_row){ .jump = ROWMAP_NONE };
    l->line[at] = row->line;
    l->label[at] = l->jump[at] = NULL;
    for (unsigned i = 0; i < row->n; i++) {
        const struct mapfile_pair *p = &row->pair[i];
        const int status = p->id < match_keys() ? rowmap_add(&l->m->rows, p->id, p->value, l->conf->daemon, e)
                                                : act(l, at, p->id - match_keys(), p->key, p->value, e);
        if (status == -1)
            return -1;
    }
    if (l->row[at].returns && !l->jump[at])
        return err_set(e, ERR_CONFIG, "'return' without 'jeq': there is nowhere to go on");
    if (l->row[at].stack && !l->row[at].sets_tag && !l->row[at].sets_tag2)
        return err_set(e, ERR_CONFIG, "'stack' without 'set_tag' or 'set_tag2': there is nothing to add");
    return 0;
}

static int by_name(const void *a, const void *b)
{
    const struct named *x = a, *y = b;
    const int order = strcmp(x->name, y->name);
    return order ? order : (x->row > y->row) - (x->row < y->row);
}

static int resolve(const struct loader *l, const char *path, const struct named *names, uint32_t n,
                   uint32_t row, struct err *e)
{
    const char *name = l->jump[row];
    if (!strcmp(name, "next")) {
        l->row[row].jump = row + 1;
        return 0;
    }
    bool above = false;
    for (uint32_t lo = 0, hi = n; lo < hi;) {
        const uint32_t middle = lo + (hi - lo) / 2;
        const int order = strcmp(names[middle].name, name);
        if (order == 0 && names[middle].row > row) {
            l->row[row].jump = names[middle].row;
            return 0;
        }
        above |= order == 0;
        if (order < 0)
            lo = middle + 1;
        else
            hi = middle;
    }
    return err_set(e, ERR_CONFIG,
                   above ? "[%s:%u] Unresolved label '%.64s': jumps lead downwards only, its row is above"
                         : "[%s:%u] Unresolved label '%.64s': no row has it",
                   path, l->line[row], name);
}

/* Jumps by name become jumps by row. */
static int resolve_all(const struct loader *l, const char *path, struct err *e)
{
    const uint32_t n_rows = l->m->rows.n_rows;
    struct named *names = calloc(n_rows + 1, sizeof(*names));
    uint32_t n = 0;
    int status = 0;
    if (!names)
        return err_sys(e, "no memory for a map");
    for (uint32_t i = 0; i < n_rows; i++)
        if (l->label[i])
            names[n++] = (struct named){ l->label[i], i };
    qsort(names, n, sizeof(*names), by_name);
    for (uint32_t i = 1; i < n && status == 0; i++)
        if (!strcmp(names[i].name, names[i - 1].name))
            status = err_set(e, ERR_CONFIG, "[%s:%u] label '%.64s' stands in line %u too", path,
                             l->line[names[i].row], names[i].name, l->line[names[i - 1].row]);
    for (uint32_t i = 0; i < n_rows && status == 0; i++)
        if (l->jump[i])
            status = resolve(l, path, names, n, i, e);
    free(names);
    return status;
}

/* What the map itself changes has to be there: a stacked tag may come from the exporter. */
static void sum_needs(struct tagmap *m)
{
    m->needs = m->rows.needs;
    for (uint32_t i = 0; i < m->rows.n_rows; i++)
        if (m->row[i].stack) {
            fieldset_add(&m->needs, FIELD_tag);
            fieldset_add(&m->needs, FIELD_tag2);
        }
}

static int finish(struct loader *l, const char *path, struct err *e)
{
    struct tagmap *m = l->m;
    if (resolve_all(l, path, e) == -1 || rowmap_compile(&m->rows, e) == -1)
        return -1;
    m->row = pages_settle(l->row, m->rows.n_rows * sizeof(*m->row));
    l->row = NULL;
    sum_needs(m);
    return 0;
}

/* Conditions first, by their numbers, then actions. */
static void list_keys(struct mapfile_key *out, unsigned maps)
{
    unsigned n = 0;
    for (unsigned i = 0; i < match_keys(); i++)
        out[n++] = (struct mapfile_key){ .name = match_key_name(i), .id = (uint16_t)match_key_first(i) };
    for (unsigned i = 0; i < N_ACTIONS; i++)
        if (actions[i].maps & maps)
            out[n++] = (struct mapfile_key){ .name = actions[i].name,
                                             .id = (uint16_t)(match_keys() + actions[i].id) };
    out[n] = (struct mapfile_key){ 0 };
}

static struct tagmap *load(const char *path, char *text, size_t len, const struct tagmap_conf *c,
                           struct err *e)
{
    struct mapfile_key *known = calloc(match_keys() + N_ACTIONS + 1, sizeof(*known));
    struct loader l = { .m = calloc(1, sizeof(*l.m)), .conf = c };
    int status = -1;
    if (l.m) {
        rowmap_init(&l.m->rows);
        l.m->memory = arena_new(NULL, "pre_tag_map");
    }
    if (!known || !l.m || !l.m->memory) {
        err_sys(e, "no memory for a map");
    } else {
        list_keys(known, MAP_TAG);
        const struct mapfile_spec spec = { known, on_row };
        status = text ? mapfile_parse(path, text, len, &spec, &l, e) : mapfile_read(path, &spec, &l, e);
        if (status == 0)
            status = finish(&l, path, e);
    }
    free(known);
    free(l.row);
    free(l.line);
    free(l.label);
    free(l.jump);
    if (status == 0)
        return l.m;
    tagmap_free(l.m);
    return NULL;
}

struct tagmap *tagmap_load(const char *path, const struct tagmap_conf *c, struct err *e)
{
    return load(path, NULL, 0, c, e);
}

struct tagmap *tagmap_parse(const char *path, char *text, size_t len, const struct tagmap_conf *c,
                            struct err *e)
{
    return load(path, text, len, c, e);
}

void tagmap_free(struct tagmap *m)
{
    if (!m)
        return;
    rowmap_free(&m->rows);
    arena_free(m->memory);
    free(m->row);
    free(m);
}

unsigned tagmap_rows(const struct tagmap *m) { return m->rows.n_rows; }
const struct fieldset *tagmap_needs(const struct tagmap *m) { return &m->needs; }
bool tagmap_by_sender(const struct tagmap *m) { return m->rows.of_sender; }

/* ---- running */

struct tagmap_run {
    struct match_memory *memory;
    char label[]; /* joined labels; no run through the map can be longer than all labels together */
};

struct tagmap_run *tagmap_run_new(const struct tagmap *m)
{
    struct tagmap_run *r = malloc(sizeof(*r) + m->labels_len + 1);
    if (r && !(r->memory = match_memory_new())) {
        free(r);
        return NULL;
    }
    return r;
}

void tagmap_run_free(struct tagmap_run *r)
{
    if (r)
        match_memory_free(r->memory);
    free(r);
}

static uint64_t stacked(enum stack how, uint64_t old, uint64_t more)
{
    return how == STACK_SUM ? old + more : how == STACK_OR ? old | more : more;
}

/* The first label stands alone, wherever it lies; a further one is joined to it by a comma. */
static void add_label(struct tagmap_run *run, struct flow *f, const struct tag_row *r, bool first)
{
    if (first) {
        f->label = (struct var){ r->label, r->label_len };
        return;
    }
    if (f->label.p != run->label)
        memcpy(run->label, f->label.p, f->label.len);
    run->label[f->label.len] = ',';
    memcpy(run->label + f->label.len + 1, r->label, r->label_len);
    f->label = (struct var){ run->label, f->label.len + 1 + r->label_len };
}

static void apply(struct tagmap_run *run, struct flow *f, const struct tag_row *r, bool *labelled)
{
    if (r->sets_tag) {
        const uint64_t tag =
            r->counter ? atomic_fetch_add_explicit(r->counter, 1, memory_order_relaxed) : r->tag;
        f->tag = stacked((enum stack)r->stack, f->tag, tag);
    }
    if (r->sets_tag2)
        f->tag2 = stacked((enum stack)r->stack, f->tag2, r->tag2);
    if (r->label) {
        add_label(run, f, r, !*labelled);
        *labelled = true;
    }
    if (r->sets_tos)
        f->tos = r->tos;
}

uint32_t tagmap_flow(const struct tagmap *m, struct tagmap_run *run, struct flow *f, uint32_t from)
{
    bool labelled = false;
    if (from) {
        f->tag = f->tag2 = 0;
        f->label = (struct var){ 0 };
    }
    while ((from = rowmap_find(&m->rows, f, from, run->memory)) != ROWMAP_NONE) {
        const struct tag_row *r = &m->row[from];
        apply(run, f, r, &labelled);
        if (r->jump == ROWMAP_NONE)
            return 0;
        from = r->jump;
        if (r->returns)
            return from;
    }
    return 0;
}

bool tagmap_expects(const struct tagmap *m) { return m->rows.expects; }

void tagmap_expect(const struct tagmap *m, unsigned octets, const struct expected *e, unsigned n)
{
    uint32_t row[ROWMAP_SOON];
    const unsigned rows = rowmap_expect(&m->rows, octets, e, n, row);
    for (unsigned i = 0; i < rows; i++)
        __builtin_prefetch(&m->row[row[i]]);
}

void tagmap_sender(const struct tagmap *m, struct tagmap_run *run, const struct addr *from, uint64_t *tag,
                   uint64_t *tag2)
{
    struct flow f;
    memset(&f, 0, sizeof(f));
    f.peer_src_ip = *from;
    for (uint32_t at = 0;;) {
        const uint32_t next = tagmap_flow(m, run, &f, at);
        if (!next)
            break;
        at = next;
    }
    *tag = f.tag;
    *tag2 = f.tag2;
}
