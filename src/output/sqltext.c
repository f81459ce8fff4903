/* SPDX-License-Identifier: BSD-2-Clause */
/* Columns, statements and values of SQL sinks. Three small tables say what the fields table does not: the
 * default layouts by version, names that changed with a version, and what a kind of field is in SQL. */
#include "output/sqltext.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "output/format_impl.h"

enum role { ROLE_KEY, ROLE_OR, ROLE_SUM, ROLE_STAMP_INSERTED, ROLE_STAMP_UPDATED };

struct sql_col;
typedef void value_fn(struct sqltext *t, struct sql_col *c, const struct row *r, struct sql_value *v);

struct sql_col {
    char name[48];
    const char *type; /* for CREATE TABLE */
    value_fn *value;
    enum role role;
    int64_t filler;          /* value_filler: this number ... */
    const char *filler_text; /* ... or this text, if not NULL */
    struct fcol fc;          /* value_text and those that read the key */
};

struct sqltext {
    const struct sql_dialect *d;
    const struct layout *layout;
    struct format *format;
    int version;
    bool bgp, bgp_assumed;
    bool as_text;  /* sql_data: unified */
    bool as_typed; /* tables of AS numbers, which stand as numbers where others have addresses */
    bool epoch, num_hosts;
    char table[24];
    struct time_style stamps;
    char updated[TIME_TEXT];
    uint32_t updated_len;
    int64_t updated_s;
    struct strbuf scratch; /* text of the row in hand */
    size_t room;
    unsigned n;
    struct sql_col col[SQL_COLUMNS_MAX];
};

/* The default tables: since which version a column is there (0: never in the plain ones), and whether the BGP
 * table has it. */
static const struct {
    enum field_id field;
    uint8_t since;
    bool bgp;
} schema[] = {
    { FIELD_tag, 2, true },         { FIELD_class, 5, false },      { FIELD_src_mac, 1, false },
    { FIELD_dst_mac, 1, false },    { FIELD_vlan, 2, false },       { FIELD_src_as, 6, true },
    { FIELD_dst_as, 6, true },      { FIELD_src_host, 1, false },   { FIELD_dst_host, 1, false },
    { FIELD_src_port, 1, false },   { FIELD_dst_port, 1, false },   { FIELD_tcpflags, 7, false },
    { FIELD_proto, 1, false },      { FIELD_tos, 3, false },        { FIELD_peer_src_as, 0, true },
    { FIELD_peer_dst_as, 0, true }, { FIELD_peer_src_ip, 0, true }, { FIELD_peer_dst_ip, 0, true },
    { FIELD_std_comm, 0, true },    { FIELD_as_path, 0, true },     { FIELD_local_pref, 0, true },
    { FIELD_med, 0, true },
};
enum { N_SCHEMA = sizeof(schema) / sizeof(schema[0]), FLOWS_SINCE = 4, AS_SINCE = 6, VERSION_LAST = 9 };

/* Columns that were called otherwise before a version. */
static const struct {
    enum field_id field;
    uint8_t before;
    const char *name;
    bool port;
} renamed[] = {
    { FIELD_tag, 9, "agent_id", false },
    { FIELD_src_port, 8, "src_port", true },
    { FIELD_dst_port, 8, "dst_port", true },
    { FIELD_src_as, AS_SINCE, "ip_src", false }, /* an AS number in the place of an address */
    { FIELD_dst_as, AS_SINCE, "ip_dst", false },
};

/* ---- values */

static void value_filler(struct sqltext *t, struct sql_col *c, const struct row *r, struct sql_value *v)
{
    (void)t, (void)r;
    if (c->filler_text) {
        v->type = SQL_TEXT;
        v->text.p = c->filler_text;
        v->text.len = (uint32_t)strlen(c->filler_text);
    } else {
        v->type = SQL_INT;
        v->i = c->filler;
    }
}

static void value_unsigned(struct sql_value *v, uint64_t n)
{
    v->type = n > INT64_MAX ? SQL_UNSIGNED : SQL_INT;
    v->u = n;
}

static void value_u8(struct sqltext *t, struct sql_col *c, const struct row *r, struct sql_value *v)
{
    (void)t;
    v->type = SQL_INT;
    v->i = *fcol_value(&c->fc, t->format, r);
}

static void value_u16(struct sqltext *t, struct sql_col *c, const struct row *r, struct sql_value *v)
{
    (void)t;
    uint16_t n;
    memcpy(&n, fcol_value(&c->fc, t->format, r), sizeof(n));
    v->type = SQL_INT;
    v->i = n;
}

static void value_u32(struct sqltext *t, struct sql_col *c, const struct row *r, struct sql_value *v)
{
    (void)t;
    uint32_t n;
    memcpy(&n, fcol_value(&c->fc, t->format, r), sizeof(n));
    v->type = SQL_INT;
    v->i = n;
}

static void value_u64(struct sqltext *t, struct sql_col *c, const struct row *r, struct sql_value *v)
{
    (void)t;
    uint64_t n;
    memcpy(&n, fcol_value(&c->fc, t->format, r), sizeof(n));
    value_unsigned(v, n);
}

static void value_real(struct sqltext *t, struct sql_col *c, const struct row *r, struct sql_value *v)
{
    (void)t;
    v->type = SQL_REAL;
    memcpy(&v->d, fcol_value(&c->fc, t->format, r), sizeof(v->d));
}

/* Text of bounded size, as csv has it. */
static void value_text(struct sqltext *t, struct sql_col *c, const struct row *r, struct sql_value *v)
{
    struct strbuf *s = &t->scratch;
    char *p = s->p + s->len, *end = c->fc.put(&c->fc, t->format, fcol_value(&c->fc, t->format, r), p);
    v->type = SQL_TEXT;
    v->text.p = p;
    v->text.len = (uint32_t)(end - p);
    s->len += v->text.len;
}

/* Tables have 16 characters for it, and some databases refuse a row with more. */
static void value_class(struct sqltext *t, struct sql_col *c, const struct row *r, struct sql_value *v)
{
    enum { CLASS_TEXT = 16 };
    value_text(t, c, r, v);
    if (v->text.len > CLASS_TEXT)
        v->text.len = CLASS_TEXT;
}

static void value_var(struct sqltext *t, struct sql_col *c, const struct row *r, struct sql_value *v)
{
    uint32_t len;
    struct strbuf *s = &t->scratch;
    size_t at = s->len;
    const uint8_t *bytes = fcol_bytes(&c->fc, t->format, r, &len);
    c->fc.put_var(t->format, bytes, len, s);
    v->type = SQL_TEXT;
    v->text.p = s->p + at;
    v->text.len = (uint32_t)(s->len - at);
}

/* sql_num_hosts: IPv4 as a number, IPv6 as its octets. */
static void value_host(struct sqltext *t, struct sql_col *c, const struct row *r, struct sql_value *v)
{
    struct addr a;
    memcpy(&a, fcol_value(&c->fc, t->format, r), sizeof(a));
    v->type = SQL_INT;
    v->i = 0;
    if (addr_is_v4(&a)) {
        uint32_t n;
        memcpy(&n, a.b + 12, sizeof(n));
        v->i = ntohl(n);
    } else if (addr_is_set(&a)) {
        struct strbuf *s = &t->scratch;
        addr_get_v6(&a, (uint8_t *)s->p + s->len);
        v->type = SQL_BLOB;
        v->text.p = s->p + s->len;
        v->text.len = 16;
        s->len += 16;
    }
}

static void set_time(struct sqltext *t, struct time_cache *tc, int64_t at_us, struct sql_value *v)
{
    int64_t at_s = at_us / US_PER_S - (at_us % US_PER_S < 0);
    if (t->epoch) {
        v->type = SQL_INT;
        v->i = at_s;
        return;
    }
    /* A time that is not known is the epoch: databases want a date. One µs later, since 0 is written
     * otherwise. */
    struct strbuf *s = &t->scratch;
    v->type = SQL_TEXT;
    v->text.p = s->p + s->len;
    v->text.len = (uint32_t)time_text(at_us ? at_us : 1, &t->stamps, false, tc, s->p + s->len);
    s->len += v->text.len;
}

static void value_time(struct sqltext *t, struct sql_col *c, const struct row *r, struct sql_value *v)
{
    int64_t at_us;
    memcpy(&at_us, fcol_value(&c->fc, t->format, r), sizeof(at_us));
    set_time(t, &c->fc.tc, at_us, v);
}

static void value_residual(struct sqltext *t, struct sql_col *c, const struct row *r, struct sql_value *v)
{
    (void)t;
    int64_t at_us;
    memcpy(&at_us, fcol_value(&c->fc, t->format, r), sizeof(at_us));
    v->type = SQL_INT;
    v->i = (at_us % US_PER_S + US_PER_S) % US_PER_S;
}

static void value_inserted(struct sqltext *t, struct sql_col *c, const struct row *r, struct sql_value *v)
{
    int64_t at_s;
    memcpy(&at_s, r->key + t->layout->bin_off, sizeof(at_s));
    set_time(t, &c->fc.tc, at_s * US_PER_S, v);
}

static void value_updated(struct sqltext *t, struct sql_col *c, const struct row *r, struct sql_value *v)
{
    (void)c, (void)r;
    if (t->epoch) {
        v->type = SQL_INT;
        v->i = t->updated_s;
    } else {
        v->type = SQL_TEXT;
        v->text.p = t->updated;
        v->text.len = t->updated_len;
    }
}

/* What a kind is in SQL; text where this says nothing. */
static value_fn *const value_of[FK_MAX] = {
    [FK_U8] = value_u8,     [FK_U16] = value_u16,     [FK_U32] = value_u32,      [FK_U64] = value_u64,
    [FK_ASN] = value_u32,   [FK_TCPFLAGS] = value_u8, [FK_FWDSTATUS] = value_u8, [FK_COORDS] = value_real,
    [FK_TIME] = value_time, [FK_CLASS] = value_class,
};

/* ---- columns */

static const char *column_name(const struct sqltext *t, const struct field *f)
{
    for (size_t i = 0; i < sizeof(renamed) / sizeof(renamed[0]); i++) {
        bool as = renamed[i].before == AS_SINCE;
        if (f == &fields[renamed[i].field] && t->version < renamed[i].before &&
            !(renamed[i].port && t->d->port_names_new) && !(as && t->bgp))
            return renamed[i].name;
    }
    return f->sql;
}

static struct sql_col *add_column(struct sqltext *t, const char *name, const char *type, enum role role,
                                  value_fn *value)
{
    struct sql_col *c = &t->col[t->n++];
    snprintf(c->name, sizeof(c->name), "%.47s", name);
    c->type = type;
    c->role = role;
    c->value = value;
    return c;
}

static bool text_as_in_address(const struct sqltext *t, const struct field *f)
{
    return f->kind == FK_ASN && strcmp(column_name(t, f), f->sql) != 0;
}

/* The exceptions from "a kind is written in one way". */
static void choose_value(const struct sqltext *t, const struct config *c, struct sql_col *col,
                         const struct field *f)
{
    bool numbers = c->num_protos || t->d->proto_numbers;
    if (field_is_var(f)) {
        col->value = value_var;
    } else if (f->kind == FK_PROTO && numbers) {
        col->value = value_u8;
        col->type = t->d->type_proto_number;
    } else if ((f->kind == FK_ADDR || f->kind == FK_NET) && t->num_hosts) {
        col->value = value_host;
        col->type = t->d->type_host_number;
    } else if (f->kind == FK_ADDR) {
        col->fc.put =
            kind_text[FK_NET].put; /* an address that is not known is 0.0.0.0 here: columns may be typed */
    } else if (f->kind == FK_FWDSTATUS && c->fwd_status_encode_as_string) {
        col->value = value_text;
        col->fc.put = text_fwd_status;
        col->type = t->d->type_fwd_text;
    } else if (f->kind == FK_TIME && t->epoch) {
        col->type = t->d->type_epoch;
    } else if (text_as_in_address(t, f) && t->as_typed) {
        col->type = t->d->type_as;
    } else if (text_as_in_address(t, f)) {
        col->value = value_text;
        col->type = t->d->type[FK_ADDR];
    }
}

/* sql_data: unified has text where other tables have types of their own. */
static const char *type_of(const struct sqltext *t, const struct field *f)
{
    if (f->kind == FK_MAC && t->as_text)
        return t->d->type_mac_text;
    if ((f->kind == FK_ADDR || f->kind == FK_NET) && (t->as_text || t->as_typed))
        return t->as_typed ? t->d->type_as : t->d->type_addr_text;
    return t->d->type[f->kind];
}

static void add_second(struct sqltext *t, const struct config *c, const struct sql_col *first,
                       const struct field *f)
{
    char name[64];
    if (f->kind == FK_COORDS) {
        snprintf(name, sizeof(name), "%.40s", first->name);
        memcpy(name, "lon", 3);
        struct sql_col *lon = add_column(t, name, first->type, ROLE_KEY, value_real);
        lon->fc = first->fc;
        lon->fc.off += offsetof(struct coords, lon);
    } else if (f->kind == FK_TIME && !c->timestamps_secs) {
        snprintf(name, sizeof(name), "%.30s_residual", first->name);
        struct sql_col *rest = add_column(t, name, t->d->type_residual, ROLE_KEY, value_residual);
        rest->fc = first->fc;
    }
}

static void add_field(struct sqltext *t, const struct config *c, const struct column *column)
{
    const struct field *f = column->field;
    value_fn *value = value_of[f->kind] ? value_of[f->kind] : value_text;
    struct sql_col *col =
        add_column(t, column_name(t, f), type_of(t, f), f->flags & F_OR ? ROLE_OR : ROLE_KEY, value);
    fcol_init(&col->fc, t->format, column);
    choose_value(t, c, col, f);
    add_second(t, c, col, f);
}

/* A column of the default table that nobody asked for. */
static void add_filler(struct sqltext *t, const struct field *f)
{
    struct sql_col *c =
        add_column(t, column_name(t, f), type_of(t, f), f->flags & F_OR ? ROLE_OR : ROLE_KEY, value_filler);
    switch (f->kind) {
    case FK_MAC:
        c->filler_text = "0:0:0:0:0:0";
        break;
    case FK_ADDR:
        c->filler_text = t->num_hosts || t->as_typed ? NULL : "0.0.0.0";
        break;
    case FK_CLASS:
        c->filler_text = "unknown";
        break;
    case FK_COMMS:
    case FK_ASPATH:
        c->filler_text = "";
        break;
    default:
        break;
    }
}

static bool in_schema(const struct sqltext *t, enum field_id id, bool *known)
{
    for (unsigned i = 0; i < N_SCHEMA; i++) {
        if (schema[i].field != id)
            continue;
        *known = t->bgp || schema[i].since;
        return t->bgp ? schema[i].bgp : schema[i].since && t->version >= schema[i].since;
    }
    *known = false;
    return false;
}

/* Before version 6 an AS number stands in the column of the address: no room for both, and none for a filler.
 */
static bool as_takes_address(const struct sqltext *t, const struct fieldset *set, enum field_id host)
{
    enum field_id as = host == FIELD_src_host ? FIELD_src_as : FIELD_dst_as;
    return (host == FIELD_src_host || host == FIELD_dst_host) && fieldset_has(set, as) &&
           text_as_in_address(t, &fields[as]);
}

/* Fields in the order of statements: what is asked for, and between them the rest of the default table. */
static void add_fields(struct sqltext *t, const struct plugin *pl)
{
    enum field_id order[FIELD_MAX] = { 0 };
    unsigned n = 0;
    for (unsigned id = 0; id < FIELD_MAX; id++) {
        bool known, fill = !pl->c->sql_optimize_clauses && in_schema(t, (enum field_id)id, &known) &&
                           !as_takes_address(t, &pl->spec->set, (enum field_id)id);
        if (!fields[id].sql_rank || (!fill && !layout_find(t->layout, (enum field_id)id)))
            continue;
        unsigned at = n++;
        for (; at && fields[order[at - 1]].sql_rank > fields[id].sql_rank; at--)
            order[at] = order[at - 1];
        order[at] = (enum field_id)id;
    }
    for (unsigned i = 0; i < n; i++) {
        const struct column *column = layout_find(t->layout, order[i]);
        if (column)
            add_field(t, pl->c, column);
        else
            add_filler(t, &fields[order[i]]);
    }
    for (unsigned i = 0; i < t->layout->n; i++)
        if (t->layout->col[i].field->flags & F_CUSTOM)
            add_field(t, pl->c, &t->layout->col[i]);
}

static void add_counter(struct sqltext *t, const char *name, const char *type, uint16_t off)
{
    struct sql_col *c = add_column(t, name, type, ROLE_SUM, value_u64);
    c->fc.where = IN_ROW;
    c->fc.off = off;
}

static void add_counters(struct sqltext *t, const struct config *c)
{
    add_counter(t, "packets", t->d->type_packets, offsetof(struct row, packets));
    add_counter(t, "bytes", t->d->type_bytes, offsetof(struct row, bytes));
    if (t->layout->flows)
        add_counter(t, "flows", t->d->type_flows, offsetof(struct row, flows));
    else if (!c->sql_optimize_clauses && (t->bgp ? t->d->bgp_flows : t->version >= FLOWS_SINCE))
        add_column(t, "flows", t->d->type_flows, ROLE_SUM, value_filler);
}

/* ---- what the table can hold */

/* BGP primitives other than AS numbers make a table of type bgp. */
static bool wants_bgp(const struct fieldset *set)
{
    for (unsigned id = 0; id < FIELD_MAX; id++) {
        if (fieldset_has(set, (enum field_id)id) && fields[id].group == FG_BGP && id != FIELD_src_as &&
            id != FIELD_dst_as)
            return true;
    }
    return false;
}

static void name_table(struct sqltext *t)
{
    const char *kind = t->as_text ? "_uni" : t->as_typed ? "_as" : "";
    if (t->bgp && t->version == 1)
        snprintf(t->table, sizeof(t->table), "acct_bgp");
    else if (t->bgp || t->version == 1)
        snprintf(t->table, sizeof(t->table), "acct%s", kind);
    else
        snprintf(t->table, sizeof(t->table), "acct%s_v%d", kind, t->version);
}

static void set_version(struct sqltext *t, const struct config *c, const struct fieldset *set)
{
    const char *type = c->sql_table_type;
    t->version = c->sql_table_version > 0 ? c->sql_table_version : 1;
    t->bgp = type && !strcmp(type, "bgp");
    if (!t->bgp && !type && wants_bgp(set))
        t->bgp = t->bgp_assumed = true;
    bool early = t->d->typed && !t->bgp && t->version < AS_SINCE;
    t->as_text = early && c->sql_data && !strcmp(c->sql_data, "unified");
    t->as_typed =
        early && !t->as_text && (fieldset_has(set, FIELD_src_as) || fieldset_has(set, FIELD_dst_as));
    name_table(t);
}

static int refuse(const char *at, const struct field *f, const struct sqltext *t, struct err *e)
{
    return err_set(e, ERR_CONFIG,
                   "%s: %s accounting not supported for selected sql_table_version/_type (%d, %s). Choose "
                   "another, or have only the "
                   "columns in use with sql_optimize_clauses: true",
                   at, f->name, t->version, t->bgp ? "bgp" : "original");
}

static int check_schema(const struct sqltext *t, const struct config *c, const struct aggregate_spec *spec,
                        const char *at, struct err *e)
{
    for (unsigned id = 0; id < FIELD_MAX; id++) {
        const struct field *f = &fields[id];
        bool known, in;
        if (!fieldset_has(&spec->set, (enum field_id)id) || text_as_in_address(t, f))
            continue;
        in = in_schema(t, (enum field_id)id, &known);
        bool bgp_only = !t->bgp && f->group == FG_BGP && id != FIELD_src_as && id != FIELD_dst_as;
        if (!in && (known || bgp_only) && !c->sql_optimize_clauses)
            return refuse(at, f, t, e);
    }
    if (spec->flows && !c->sql_optimize_clauses && !t->bgp && t->version < FLOWS_SINCE)
        return err_set(e, ERR_CONFIG,
                       "%s: The accounting of flows requires SQL table v%d. Set sql_table_version", at,
                       FLOWS_SINCE);
    return 0;
}

static int check_mixed(const struct sqltext *t, const struct fieldset *set, const char *at, struct err *e)
{
    bool src = fieldset_has(set, FIELD_src_as) &&
               (fieldset_has(set, FIELD_src_host) || fieldset_has(set, FIELD_src_net));
    bool dst = fieldset_has(set, FIELD_dst_as) &&
               (fieldset_has(set, FIELD_dst_host) || fieldset_has(set, FIELD_dst_net));
    if (t->bgp || t->version >= AS_SINCE || !(src || dst))
        return 0;
    return err_set(e, ERR_CONFIG,
                   "%s: SQL tables < v%d are unable to mix IP addresses and AS numbers (ie. src_ip, src_as). "
                   "Set sql_table_version: %d",
                   at, AS_SINCE, AS_SINCE);
}

int sqltext_check(const struct config_set *set, const struct plugin_conf *pc,
                  const struct aggregate_spec *spec, const struct sql_dialect *d, struct err *e)
{
    struct sqltext t = { .d = d };
    char at[256];
    config_where(set, "aggregate", pc->name, at, sizeof(at));
    set_version(&t, &pc->c, &spec->set);
    if (check_mixed(&t, &spec->set, at, e) == -1)
        return -1;
    return check_schema(&t, &pc->c, spec, at, e);
}

/* ---- life */

static struct format *text_format(const struct plugin *pl)
{
    struct format_style st = { .kind = FORMAT_CSV, .separator = ',' };
    return format_new(pl->layout, &st);
}

static struct sqltext *begin(const struct plugin *pl, const struct sql_dialect *d, struct err *e)
{
    const struct config *c = pl->c;
    struct sqltext *t = calloc(1, sizeof(*t));
    if (!t || !(t->format = text_format(pl))) {
        free(t);
        err_set(e, ERR_SYS, "out of memory");
        return NULL;
    }
    t->d = d;
    t->layout = pl->layout;
    t->epoch = c->timestamps_since_epoch;
    t->num_hosts = c->sql_num_hosts && d->host_numbers;
    t->stamps = (struct time_style){ .utc = c->timestamps_utc };
    set_version(t, c, &pl->spec->set);
    strbuf_init(&t->scratch, 64 << 20);
    return t;
}

static void add_columns(struct sqltext *t, const struct plugin *pl)
{
    const struct config *c = pl->c;
    const struct sql_dialect *d = t->d;
    if (t->layout->bin_off != LAYOUT_NO_BIN) {
        const char *updated = t->epoch ? d->type_epoch : d->type_stamp;
        const char *inserted = t->epoch ? d->type_epoch : d->type_stamp_inserted;
        add_column(t, "stamp_updated", updated, ROLE_STAMP_UPDATED, value_updated);
        add_column(t, "stamp_inserted", inserted, ROLE_STAMP_INSERTED, value_inserted);
    }
    add_fields(t, pl);
    add_counters(t, c);
    for (unsigned i = 0; i < t->n; i++)
        t->room += t->col[i].fc.max + 64u;
    sqltext_set_now(t, 0);
}

struct sqltext *sqltext_new(const struct plugin *pl, const struct sql_dialect *d, struct err *e)
{
    struct sqltext *t = begin(pl, d, e);
    if (t)
        add_columns(t, pl);
    return t;
}

/* A table of which nobody has chosen primitives: it has all columns of its version. */
static void print_table(const struct sql_dialect *d, int version, const char *type, bool as_typed, FILE *f)
{
    struct config c = { .sql_table_version = version,
                        .sql_table_type = !strcmp(type, "bgp") ? "bgp" : "original",
                        .sql_data = type };
    struct aggregate_spec spec = { .sum = SUM_NONE };
    struct layout l;
    layout_make(&l, &spec, true);
    struct plugin pl = { .c = &c, .spec = &spec, .layout = &l };
    struct sqltext *t = begin(&pl, d, NULL);
    struct strbuf sql;
    if (!t)
        return;
    if (as_typed) {
        t->as_typed = true;
        name_table(t);
    }
    add_columns(t, &pl);
    strbuf_init(&sql, 1 << 20);
    sqltext_create(t, t->table, true, &sql);
    fprintf(f, "%s;\n", strbuf_cstr(&sql));
    strbuf_free(&sql);
    sqltext_free(t);
}

bool sqltext_print_schemas(const char *database, FILE *f)
{
    static const struct sql_dialect *const all[] = { &sql_dialect_sqlite3, &sql_dialect_pgsql,
                                                     &sql_dialect_mysql };
    const struct sql_dialect *d = NULL;
    for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (!strcmp(all[i]->name, database))
            d = all[i];
    if (!d)
        return false;
    fprintf(f, "-- Tables of the plugin %s: one for each sql_table_version, that of sql_table_type: bgp%s.\n",
            d->name, d->typed ? ", and up to version 5 those of sql_data: unified and of AS numbers" : "");
    for (int version = 1; version <= VERSION_LAST; version++)
        print_table(d, version, "typed", false, f);
    for (int version = 1; d->typed && version < AS_SINCE; version++) {
        print_table(d, version, "unified", false, f);
        print_table(d, version, "typed", true, f);
    }
    print_table(d, 1, "bgp", false, f);
    return true;
}

void sqltext_free(struct sqltext *t)
{
    if (!t)
        return;
    format_free(t->format);
    strbuf_free(&t->scratch);
    free(t);
}

unsigned sqltext_columns(const struct sqltext *t) { return t->n; }
const char *sqltext_default_table(const struct sqltext *t) { return t->table; }
bool sqltext_bgp_assumed(const struct sqltext *t) { return t->bgp_assumed; }

void sqltext_set_now(struct sqltext *t, int64_t now_us)
{
    struct time_cache tc = { 0 };
    t->updated_s = now_us / US_PER_S;
    t->updated_len = (uint32_t)time_text(now_us, &t->stamps, false, &tc, t->updated);
}

/* Octets of columns in the tail of a key; labels grow to 11 characters for 4 octets. */
static size_t tail_octets(const struct sqltext *t, const struct row *r)
{
    size_t n = 0;
    for (unsigned i = 0; t->layout->n_tail && i < t->layout->n; i++)
        n += column_tail_len(&t->layout->col[i], r->key);
    return n * 3;
}

bool sqltext_values(struct sqltext *t, const struct row *r, struct sql_value *v)
{
    strbuf_clear(&t->scratch);
    if (!strbuf_room(&t->scratch, t->room + tail_octets(t, r))) /* once: values point into it */
        return false;
    for (unsigned i = 0; i < t->n; i++)
        t->col[i].value(t, &t->col[i], r, &v[i]);
    return true;
}

/* ---- statements */

static bool is_plain(const char *name)
{
    if (!*name || (*name >= '0' && *name <= '9'))
        return false;
    return name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")] == '\0';
}

void sqltext_identifier(const struct sqltext *t, const char *name, struct strbuf *out)
{
    if (is_plain(name)) {
        strbuf_str(out, name);
        return;
    }
    strbuf_str(out, t->d->quote);
    for (; *name; name++) {
        if (*name == *t->d->quote)
            strbuf_char(out, *name);
        strbuf_char(out, *name);
    }
    strbuf_str(out, t->d->quote);
}

static void placeholder(const struct sqltext *t, unsigned i, struct strbuf *out)
{
    char text[16];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(text, sizeof(text), t->d->placeholder, i + 1);
#pragma GCC diagnostic pop
    strbuf_str(out, text);
}

static bool left_out(const struct sql_col *c, bool event) { return event && c->role == ROLE_SUM; }

static const unsigned role_bit[] = { [ROLE_KEY] = SQL_KEYS,
                                     [ROLE_OR] = SQL_ORS,
                                     [ROLE_SUM] = SQL_SUMS,
                                     [ROLE_STAMP_INSERTED] = SQL_BINS,
                                     [ROLE_STAMP_UPDATED] = SQL_UPDATED };

static bool picked(const struct sql_col *c, unsigned which, bool event)
{
    return (which & role_bit[c->role]) && !left_out(c, event);
}

unsigned sqltext_each(const struct sqltext *t, unsigned which, bool event, const char *pattern,
                      const char *sep, struct strbuf *out)
{
    unsigned n = 0;
    for (unsigned i = 0; i < t->n; i++) {
        if (!picked(&t->col[i], which, event))
            continue;
        if (n++)
            strbuf_str(out, sep);
        for (const char *p = pattern; *p; p++) {
            if (*p == '@')
                strbuf_str(out, t->col[i].name);
            else
                strbuf_char(out, *p);
        }
    }
    return n;
}

unsigned sqltext_pick(const struct sqltext *t, unsigned which, bool event, uint16_t index[SQL_COLUMNS_MAX])
{
    unsigned n = 0;
    for (unsigned i = 0; i < t->n; i++)
        if (picked(&t->col[i], which, event))
            index[n++] = (uint16_t)i;
    return n;
}

const char *sqltext_column(const struct sqltext *t, unsigned i) { return t->col[i].name; }

void sqltext_insert(const struct sqltext *t, const char *table, bool event, struct strbuf *out)
{
    const char *sep = "";
    strbuf_lit(out, "INSERT INTO ");
    sqltext_identifier(t, table, out);
    strbuf_lit(out, " (");
    for (unsigned i = 0; i < t->n; i++) {
        if (left_out(&t->col[i], event))
            continue;
        strbuf_printf(out, "%s%s", sep, t->col[i].name);
        sep = ", ";
    }
    strbuf_lit(out, ") VALUES (");
    sep = "";
    for (unsigned i = 0; i < t->n; i++) {
        if (left_out(&t->col[i], event))
            continue;
        strbuf_str(out, sep);
        placeholder(t, i, out);
        sep = ", ";
    }
    strbuf_char(out, ')');
}

static bool update_set(const struct sqltext *t, bool event, struct strbuf *out)
{
    const char *sep = " SET ";
    for (unsigned i = 0; i < t->n; i++) {
        const struct sql_col *c = &t->col[i];
        bool sum = c->role == ROLE_SUM, or = c->role == ROLE_OR;
        if (left_out(c, event) || (!sum && ! or &&c->role != ROLE_STAMP_UPDATED))
            continue;
        strbuf_printf(out, "%s%s = ", sep, c->name);
        if (sum || or)
            strbuf_printf(out, "%s %c ", c->name, sum ? '+' : '|');
        placeholder(t, i, out);
        sep = ", ";
    }
    return *sep == ',';
}

bool sqltext_update(const struct sqltext *t, const char *table, bool event, struct strbuf *out)
{
    strbuf_lit(out, "UPDATE ");
    sqltext_identifier(t, table, out);
    if (!update_set(t, event, out))
        return false;
    const char *sep = " WHERE ";
    for (unsigned i = 0; i < t->n; i++) {
        const struct sql_col *c = &t->col[i];
        if (c->role != ROLE_KEY && c->role != ROLE_STAMP_INSERTED)
            continue;
        strbuf_printf(out, "%s%s = ", sep, c->name);
        placeholder(t, i, out);
        sep = " AND ";
    }
    return true;
}

static void create_columns(const struct sqltext *t, const enum role *roles, unsigned n, struct strbuf *out)
{
    for (unsigned k = 0; k < n; k++) {
        for (unsigned i = 0; i < t->n; i++) {
            if (t->col[i].role == roles[k])
                strbuf_printf(out, "%s%s %s", out->p[out->len - 1] == '(' ? "" : ", ", t->col[i].name,
                              t->col[i].type);
        }
    }
}

void sqltext_create(const struct sqltext *t, const char *table, bool unique, struct strbuf *out)
{
    static const enum role order[] = { ROLE_KEY, ROLE_OR, ROLE_SUM, ROLE_STAMP_INSERTED, ROLE_STAMP_UPDATED };
    bool stamped = t->layout->bin_off != LAYOUT_NO_BIN;
    const char *sep = ", PRIMARY KEY (";
    strbuf_lit(out, "CREATE TABLE ");
    sqltext_identifier(t, table, out);
    strbuf_lit(out, " (");
    create_columns(t, order, sizeof(order) / sizeof(order[0]), out);
    if (!stamped) /* the layout has them all the same */
        strbuf_printf(out, ", stamp_inserted %s, stamp_updated %s", t->d->type_stamp_inserted,
                      t->d->type_stamp);
    for (unsigned i = 0; unique && i < t->n; i++) {
        if (t->col[i].role != ROLE_KEY)
            continue;
        strbuf_printf(out, "%s%s", sep, t->col[i].name);
        sep = ", ";
    }
    if (unique)
        strbuf_printf(out, "%sstamp_inserted)", sep);
    strbuf_char(out, ')');
}

/* ---- triggers */

void sql_trigger_env(const struct plugin *pl, const char *db, const char *table, const struct batch *b,
                     void (*add)(void *env, const char *name, const char *value), void *env)
{
    const struct config *c = pl->c;
    const struct {
        const char *name;
        uint64_t value;
        bool known;
    } numbers[] = {
        { "SQL_REFRESH_TIME", (uint64_t)c->refresh_time, true },
        { "SAMPLING_RATE", (uint64_t)c->sampling_rate, c->sampling_rate > 0 },
        { "SQL_MAX_WRITERS", (uint64_t)c->max_writers, true },
        { "INSERT_QUERIES_NUMBER", b ? b->inserted : 0, b },
        { "UPDATE_QUERIES_NUMBER", b ? b->updated : 0, b },
        { "ELAPSED_TIME", b ? (uint64_t)b->took_s : 0, b },
        { "TOTAL_ELEM_NUMBER", b ? b->rows : 0, b },
        { "EFFECTIVE_ELEM_NUMBER", b ? b->written : 0, b },
        { "SQL_HISTORY_BASETIME", b ? (uint64_t)b->base_s : 0, b && c->history.n },
        { "SQL_HISTORY_TIMESLOT", c->history.n ? (uint64_t)span_seconds(c->history) : 0, b && c->history.n },
        { "SQL_ACTIVE_WRITERS", 1, b },
    };
    char text[24];
    add(env, "SQL_DB", db);
    if (c->sql_host)
        add(env, "SQL_HOST", c->sql_host);
    if (c->sql_user)
        add(env, "SQL_USER", c->sql_user);
    if (c->sql_backup_host)
        add(env, "SQL_RECOVERY_BACKUP_HOST", c->sql_backup_host);
    add(env, "SQL_TABLE", c->sql_table ? c->sql_table : table);
    if (b && c->sql_table && strcmp(c->sql_table, table))
        add(env, "EFFECTIVE_SQL_TABLE", table);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        snprintf(text, sizeof(text), "%" PRIu64, numbers[i].value);
        if (numbers[i].known)
            add(env, numbers[i].name, text);
    }
}
