/* SPDX-License-Identifier: BSD-2-Clause */
/* The delivery of batches, with a carrier of the test's own: rows are done when they are confirmed, and not
 * before; what is too large is split or dropped; what is stuck goes on; blocks of text are given back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>

#include "output/messages.h"
#include "output/texts.h"
#include "rows.h"

enum { HELD_MAX = 4096 };

/* What the carrier does, and saw. */
struct fake {
    struct messages *m;
    struct {
        uint64_t id;
        unsigned rows;
        size_t len;
    } held[HELD_MAX]; /* sent, not reported */
    unsigned n, room; /* room: messages that it holds at most */
    unsigned taken;   /* rows confirmed */
    size_t too_large; /* octets of a message from which on it is; 0: none */
    bool early;       /* and that is said when it is sent */
    unsigned fail;    /* so many messages fail */
    unsigned down;    /* so many messages find no connection */
    bool silent;      /* says nothing any more */
    bool shy;         /* sends when it is full or flushed */
    bool pushed;
    unsigned forgot, sent, flushed;
    char last[512];
};

static unsigned rows_in(const char *text, size_t len)
{
    unsigned n = 0;
    for (const char *p = text; (p = memmem(p, len - (size_t)(p - text), "\"purge\"", 7)); p++)
        n++;
    return n;
}

static enum sent fake_send(void *carrier, const struct message *m, struct err *e)
{
    struct fake *f = carrier;
    if (f->down && f->down--) {
        err_set(e, ERR_SYS, "nobody there");
        return SENT_DOWN;
    }
    if (f->early && f->too_large && m->len >= f->too_large)
        return SENT_TOO_LARGE;
    if (f->n == f->room)
        return SENT_NO_ROOM;
    f->held[f->n].id = m->id;
    f->held[f->n].rows = rows_in(m->text, m->len);
    f->held[f->n++].len = m->len;
    f->sent++;
    snprintf(f->last, sizeof(f->last), "%s|%s|%.*s", m->name, m->key ? m->key : "-",
             (int)(m->len < 300 ? m->len : 300), m->text);
    return SENT;
}

static int fake_wait(void *carrier, int ms, struct err *e)
{
    struct fake *f = carrier;
    (void)e;
    if (f->silent || !f->n || (f->shy && f->n < f->room && !f->pushed)) {
        usleep((useconds_t)ms * 1000);
        return 0;
    }
    for (unsigned i = 0; i < f->n; i++) {
        const bool large = f->too_large && f->held[i].len >= f->too_large;
        const bool fails = !large && f->fail && f->fail--;
        f->taken += large || fails ? 0 : f->held[i].rows;
        messages_report(f->m, f->held[i].id,
                        large   ? FATE_TOO_LARGE
                        : fails ? FATE_FAILED
                                : FATE_CONFIRMED,
                        "no");
    }
    f->n = 0;
    f->pushed = false;
    return 0;
}

static void fake_flush(void *carrier, int ms)
{
    struct fake *f = carrier;
    (void)ms;
    f->flushed++;
    f->pushed = true;
}

static void fake_forget(void *carrier)
{
    struct fake *f = carrier;
    f->forgot += f->n;
    for (unsigned i = 0; i < f->n; i++)
        messages_report(f->m, f->held[i].id, FATE_FAILED, "forgotten");
    f->n = 0;
}

struct rig {
    struct made made;
    struct config c;
    struct plugin pl;
    struct fake f;
    struct carrier_ops ops;
    struct batch b;
    struct err e;
};

static void rig_open(struct rig *g, const char *key, int multi, bool persists)
{
    memset(g, 0, sizeof(*g));
    made_init(&g->made, "src_port,tag", false);
    g->c.sql_multi_values = multi;
    g->c.writer_id_string = "$proc_name";
    g->pl =
        (struct plugin){ .c = &g->c, .layout = &g->made.layout, .name = "k", .ring = ring_new(65536, &g->e) };
    log_init(&g->pl.log, NULL, "k", "kafka", false);
    g->ops = (struct carrier_ops){
        .send = fake_send, .wait = fake_wait, .flush = fake_flush, .forget = fake_forget, .persists = persists
    };
    g->f.room = 100;
    const struct messages_conf conf = { .ops = &g->ops, .carrier = &g->f, .name = "t", .key = key };
    assert_int_equal(messages_open(&g->f.m, &g->pl, &conf, &g->e), 0);
    g->b = (struct batch){
        .layout = &g->made.layout, .table = agg_new(), .writer = 7, .spool_seq = 1, .id = { 1 }
    };
}

static void rig_close(struct rig *g)
{
    messages_close(g->f.m);
    agg_free(g->b.table);
    ring_free(g->pl.ring);
}

static void fill(struct rig *g, unsigned rows, unsigned tags)
{
    for (unsigned i = 0; i < rows; i++) {
        struct {
            struct record r;
            uint8_t key[64];
        } rec;
        memset(&rec, 0, sizeof(rec));
        made_u16(&g->made, FIELD_src_port, (uint16_t)i);
        made_u64(&g->made, FIELD_tag, i % tags);
        rec.r = (struct record){ .packets = 1, .bytes = 40, .flows = 1 };
        record_set_key_len(&rec.r, g->made.key_len);
        memcpy(rec.r.key, g->made.key, g->made.key_len);
        agg_add(g->b.table, (uint8_t *)&rec, record_size(&rec.r));
    }
    g->b.rows = agg_count(g->b.table);
}

/* As the purge engine calls it. */
static int write_batch(struct rig *g)
{
    g->b.written = g->b.refused = 0;
    const int rc = messages_write(g->f.m, &g->b, &g->e);
    if (rc == -1)
        g->b.rows -= g->b.written;
    return rc;
}

static uint64_t left(const struct rig *g)
{
    uint64_t at = 0, n = 0;
    while (batch_next(&g->b, &at))
        n++;
    return n;
}

static void test_all_is_confirmed(void **state)
{
    struct rig g;
    (void)state;
    for (int multi = 0; multi <= 1000; multi += 500) {
        rig_open(&g, NULL, multi, true);
        fill(&g, 5000, 1);
        assert_int_equal(write_batch(&g), 0);
        assert_int_equal(g.b.written, 5000);
        assert_int_equal(g.f.taken, 5000);
        assert_int_equal(left(&g), 0);
        assert_true(multi ? g.f.sent < 2600 : g.f.sent == 5000);
        rig_close(&g);
    }
}

static void test_keys_part_messages(void **state)
{
    struct rig g;
    (void)state;
    rig_open(&g, "k$tag", 100000, true);
    fill(&g, 90, 3);
    assert_int_equal(write_batch(&g), 0);
    assert_int_equal(g.f.sent, 3);
    assert_int_equal(g.f.taken, 90);
    assert_int_equal(memcmp(g.f.last, "t|k", 3), 0);
    rig_close(&g);
}

static void test_failures_are_tried_again(void **state)
{
    struct rig g;
    (void)state;
    rig_open(&g, NULL, 0, true);
    fill(&g, 300, 1);
    g.f.fail = 7;
    assert_int_equal(write_batch(&g), -1);
    assert_int_equal(g.b.written, 293);
    assert_int_equal(left(&g), 7);
    assert_int_equal(g.b.rows, 7);
    assert_int_equal(write_batch(&g), 0);
    assert_int_equal(g.b.written, 7);
    assert_int_equal(g.f.taken, 300);
    g.f.down = 1;
    rig_close(&g);
}

static void test_no_connection(void **state)
{
    struct rig g;
    (void)state;
    rig_open(&g, NULL, 0, false);
    fill(&g, 10, 1);
    g.f.down = 1;
    assert_int_equal(write_batch(&g), -1);
    assert_string_equal(g.e.text, "nobody there");
    assert_int_equal(left(&g), 10);
    assert_int_equal(write_batch(&g), 0);
    assert_int_equal(g.f.taken, 10);
    rig_close(&g);
}

/* Messages of several rows are split until they pass; a row that is too large by itself is dropped and
 * counted. */
static void test_too_large(void **state)
{
    struct rig g;
    struct ring_ledger ledger;
    (void)state;
    for (int early = 0; early < 2; early++) {
        rig_open(&g, NULL, 5000, true);
        g.f.early = early;
        fill(&g, 500, 1);
        g.f.too_large = 700;
        assert_int_equal(write_batch(&g), 0);
        assert_int_equal(g.b.written, 500);
        assert_int_equal(g.f.taken, 500);
        assert_int_equal(g.b.refused, 0);
        rig_close(&g);
        rig_open(&g, NULL, 5000, true);
        g.f.early = early;
        fill(&g, 50, 1);
        g.f.too_large = 50;
        assert_int_equal(write_batch(&g), 0);
        assert_int_equal(g.b.written, 0);
        assert_int_equal(g.b.refused, 50);
        assert_int_equal(left(&g), 0);
        ring_ledger(g.pl.ring, &ledger);
        assert_int_equal(ledger.dropped.packets, 50);
        rig_close(&g);
    }
}

/* A carrier that goes on by itself keeps what it has; nothing is sent twice. */
static void test_stuck_goes_on(void **state)
{
    struct rig g;
    (void)state;
    rig_open(&g, NULL, 0, true);
    fill(&g, 250, 1);
    g.f.silent = true;
    assert_int_equal(write_batch(&g), -1);
    assert_non_null(strstr(g.e.text, "100 messages wait"));
    assert_int_equal(g.f.forgot, 0);
    g.f.silent = false;
    assert_int_equal(write_batch(&g), 0);
    assert_int_equal(g.f.sent, 250);
    assert_int_equal(g.f.taken, 250);
    rig_close(&g);
}

/* What waits for company is flushed when nothing more comes, and not before. */
static void test_flushes_the_rest(void **state)
{
    struct rig g;
    (void)state;
    rig_open(&g, NULL, 0, true);
    fill(&g, 250, 1);
    g.f.shy = true;
    assert_int_equal(write_batch(&g), 0);
    assert_int_equal(g.f.taken, 250);
    assert_int_equal(g.f.flushed, 1);
    rig_close(&g);
}

/* Another batch comes: that one was given up, and so is what the carrier has of it. */
static void test_stuck_and_gone(void **state)
{
    struct rig g;
    (void)state;
    rig_open(&g, NULL, 0, true);
    fill(&g, 20, 1);
    g.f.silent = true;
    assert_int_equal(write_batch(&g), -1);
    agg_free(g.b.table);
    g.b.table = agg_new();
    g.b.id[0] = 2;
    g.f.silent = false;
    fill(&g, 5, 1);
    assert_int_equal(write_batch(&g), 0);
    assert_int_equal(g.f.forgot, 20);
    assert_int_equal(g.b.written, 5);
    rig_close(&g);
}

static void test_texts(void **state)
{
    struct texts t;
    (void)state;
    texts_init(&t, 0);
    assert_null(texts_here(&t));
    struct strbuf *s = texts_new(&t);
    const char *where = s->p;
    const unsigned first = texts_current(&t);
    strbuf_str(s, "one");
    texts_use(&t);
    while (!s->failed)
        strbuf_lit(s, "0123456789");
    assert_ptr_equal(s->p, where); /* never moved */
    texts_seal(&t, 3);
    assert_null(texts_here(&t));
    s = texts_single(&t, 16 << 20);
    assert_int_not_equal(texts_current(&t), first);
    strbuf_str(s, "two");
    texts_use(&t);
    assert_null(texts_here(&t)); /* it holds one message */
    texts_release(&t, texts_current(&t));
    texts_release(&t, first);
    texts_release(&t, TEXTS_NONE);
    s = texts_new(&t);
    assert_ptr_equal(s->p, where); /* memory is used again */
    assert_int_equal(s->len, 0);
    texts_seal(&t, 0);
    texts_trim(&t);
    assert_int_equal(t.kept, 0);
    texts_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_is_confirmed),
        cmocka_unit_test(test_keys_part_messages),
        cmocka_unit_test(test_failures_are_tried_again),
        cmocka_unit_test(test_no_connection),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_stuck_goes_on),
        cmocka_unit_test(test_flushes_the_rest),
        cmocka_unit_test(test_stuck_and_gone),
        cmocka_unit_test(test_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
