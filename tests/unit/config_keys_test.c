/* SPDX-License-Identifier: BSD-2-Clause */
/* The tables: every row of keys.def is whole, can be reached by its name and does what its kind says; every
 * flag names a key; the documents speak of each. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "config/doc.h"
#include "config/values.h"
#include "config_run.h"

static void test_rows_are_whole(void **state)
{
    (void)state;
    for (unsigned i = 0; i < keys_count; i++) {
        const struct key *k = &keys[i], *root = key_root(k);
        char buf[512];
        if (k->kind == KT_HEADING)
            continue;
        if (!root->help || !*root->help || strlen(root->help) > 160)
            fail_msg("%s: help is missing or longer than 160", k->name);
        if (key_find(k->name) != k)
            fail_msg("%s stands in the table twice", k->name);
        for (const char *c = k->name; *c; c++)
            assert_true((*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '_');
        assert_true(*k->daemons && strspn(k->daemons, "PNSUBMT") == strlen(k->daemons));
        assert_true(root->where & BOTH);
        assert_true(root->same == -1);
        assert_true(strlen(key_allowed(k, true, buf, sizeof(buf))) < sizeof(buf) - 1);
        if (root->kind == KT_ENUM || root->kind == KT_WORD || root->kind == KT_WORDNUM)
            assert_non_null(root->check->words);
    }
}

static void test_areas_are_known(void **state)
{
    (void)state;
    for (unsigned i = 0; i < keys_count; i++) {
        const struct key *k = &keys[i];
        bool known = k->kind == KT_HEADING || key_works(k) || key_root(k)->where & HINT;
        for (const struct key_area *a = key_areas; !known && a->name; a++)
            known = !strcmp(a->name, key_area(k));
        if (!known)
            fail_msg("%s: nobody knows the area %s", k->name, key_area(k));
    }
}

static void test_defaults_are_allowed(void **state)
{
    (void)state;
    for (unsigned i = 0; i < keys_count; i++) {
        const struct key *k = &keys[i];
        struct value v;
        struct err e = { 0 };
        if (k->kind == KT_HEADING || k->same >= 0 || !*k->dflt || *k->dflt == '(')
            continue;
        if (value_parse(k, k->dflt, &v, &e) == -1)
            fail_msg("%s: default %s: %s", k->name, k->dflt, e.text);
    }
}

/* A value that is allowed and is not the default. */
static const char *sample(const struct key *k, char *buf, size_t size)
{
    const struct check *c = k->check;
    int64_t n = !c->lo && !c->hi ? 7 : c->lo + 2 <= c->hi ? c->lo + 2 : c->lo + 1;
    switch (k->kind) {
    case KT_BOOL:
        return !strcmp(k->dflt, "true") ? "false" : "true";
    case KT_ENUM:
    case KT_WORD:
    case KT_WORDNUM:
        return c->words[1].text && !strcmp(c->words[0].text, k->dflt) ? c->words[1].text : c->words[0].text;
    case KT_SPAN:
        return "5m";
    case KT_CHAR:
        return ";";
    case KT_ROUNDOFF:
        return "mhd";
    case KT_FILE:
        return "/etc/passwd";
    case KT_ADDR:
    case KT_ADDR4:
        return "192.0.2.1";
    case KT_HOSTPORT:
        return "192.0.2.1:4739";
    case KT_TEXT:
    case KT_PATH:
        return !strcmp(k->name, "plugins") ? "print[b]" : "some-text";
    case KT_OCTAL:
        return "027";
    case KT_UID:
    case KT_GID:
        return "65534";
    default:
        snprintf(buf, size, "%lld", (long long)n);
        return buf;
    }
}

/* Each key, written into a file, is known, is refused or taken as its row says, and changes its member when
 * it has one. */
static void test_every_key_is_reached(void **state)
{
    (void)state;
    for (unsigned i = 0; i < keys_count; i++) {
        const struct key *k = &keys[i], *root = key_root(k);
        char text[600], number[32], where[100], expect[100];
        struct config before;
        if (k->kind == KT_HEADING)
            continue;
        const struct config_spec *spec = strchr(k->daemons, 'P') ? &spec_pmacctd : &spec_nfacctd;
        snprintf(text, sizeof(text), "%s\n%s%s: %s\n", strcmp(k->name, "plugins") ? "plugins: print[a]" : "",
                 k->name, root->where & CORE ? "" : "[a]", sample(root, number, sizeof(number)));
        struct run *r = run_config(spec, text, NULL);
        bool guarded = root->where & GUARD && !key_works(k);
        if ((r->verdict == CONFIG_RUN) == guarded || run_said(r, "Unknown key"))
            fail_msg("%s: %s", text, r->p.st->n_lines ? r->p.st->lines[0] : "no message");
        bool warned = run_said(r, "not supported by this build") != NULL;
        assert_int_equal(warned, !key_works(k) && !(root->where & HINT));
        if (strcmp(k->name, "plugins")) {
            snprintf(expect, sizeof(expect), "%s:2", r->file);
            assert_string_equal(config_where(&r->set, k->name, "a", where, sizeof(where)), expect);
        }
        value_defaults(&before, spec->daemon);
        const struct config *c = root->where & CORE ? &r->set.core : run_plugin(r, "a");
        struct config after = c ? *c : before;
        if (strcmp(k->name, "plugins"))
            after.plugins = NULL; /* of the first line */
        /* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison): both were zeroed whole, padding too */
        bool changed = memcmp(&before, &after, sizeof(before)) != 0;
        if (changed != (key_works(k) && root->off != KEY_NO_MEMBER))
            fail_msg("%s: the member %s", k->name, changed ? "was changed" : "is as before");
        run_free(r);
    }
}

static void test_flags_name_keys(void **state)
{
    (void)state;
    for (const struct flag *f = flag_table; f->letter; f++) {
        const struct key *k = f->key ? key_find(f->key) : NULL;
        struct value v;
        if (!f->key) {
            assert_non_null(f->help);
            continue;
        }
        assert_non_null(k);
        if (f->otherwise)
            assert_non_null(key_find(f->otherwise));
        if (f->value)
            assert_int_equal(value_parse(key_root(k), f->value, &v, NULL), 0);
        for (const struct flag *g = f + 1; g->letter; g++)
            if (g->letter == f->letter)
                for (const char *d = f->daemons; *d; d++)
                    assert_null(strchr(g->daemons, *d));
    }
}

/* The flag tables of the manual: letters with an argument have a colon. */
static void test_flags_of_each_daemon(void **state)
{
    static const struct {
        char daemon;
        const char *letters;
    } rows[] = {
        { 'P', "a A b: c: d D E: f: F: h i: I: L: m: M n: N o: O: p: P: r: R s: S: t: T: u V w W Y: z Z:" },
        { 'N', "a A b: c: d D E: f: F: h I: l: L: m: M n: o: O: p: P: r: R s: S: t: T: u V W Y: Z:" },
        { 'S', "a A b: c: d D E: f: F: h I: l: L: m: M n: o: O: p: P: r: R s: S: t: T: u V W Y: Z:" },
        { 'U', "a A b: c: d D E: f: F: g: h L: m: M n: o: O: p: P: r: R s: S: t: T: u V" },
        { 'B', "d D f: F: g h i: l: L: m: o: O: S: T: V" },
        { 'M', "d D f: F: h i: I: l: L: o: O: R: S: T: V Y: Z:" },
        { 'T', "d D f: F: h i: L: o: O: S: t: T: u: V" },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        unsigned n = 0, want = 0;
        for (const char *c = rows[i].letters; *c; c++)
            want += *c != ' ' && *c != ':';
        for (const struct flag *f = flag_table; f->letter; f++) {
            if (!strchr(f->daemons, rows[i].daemon))
                continue;
            const char *at = strchr(rows[i].letters, f->letter);
            bool argument = f->key ? !f->value : f->letter == 'f';
            if (!at || (at[1] == ':') != argument)
                fail_msg("%c: -%c", rows[i].daemon, f->letter);
            n++;
        }
        assert_int_equal(n, want);
    }
}

static char *printed(void (*print)(FILE *f))
{
    char *text = NULL;
    size_t len = 0;
    FILE *f = open_memstream(&text, &len);
    print(f);
    fclose(f);
    return text;
}

static void usage_of_pmacctd(FILE *f) { flags_usage(f, &spec_pmacctd); }

static void test_documents(void **state)
{
    char *doc = printed(config_print_keys), *status = printed(config_print_status),
         *usage = printed(usage_of_pmacctd);
    (void)state;
    for (unsigned i = 0; i < keys_count; i++) {
        char line[200];
        if (keys[i].kind == KT_HEADING)
            continue;
        snprintf(line, sizeof(line), "\n%s\n    ", keys[i].name);
        assert_non_null(strstr(doc, line));
        snprintf(line, sizeof(line), "\n| `%s` | ", keys[i].name);
        assert_non_null(strstr(status, line));
    }
    assert_non_null(strstr(usage, "usage: pmacctd"));
    assert_non_null(strstr(usage, "[promisc: false]"));
    assert_non_null(strstr(usage, "--check-config"));
    assert_int_equal(flag_of_key(key_find("print_refresh_time"), 'N'), 'r');
    assert_int_equal(flag_of_key(key_find("debug_internal_msg"), 'N'), '\0');
    free(doc);
    free(status);
    free(usage);
}

static void test_same_slot(void **state)
{
    static const struct {
        const char *a, *b;
        bool same;
    } rows[] = {
        { "print_history", "sql_history", true },  { "print_history", "print_output", false },
        { "nfacctd_port", "sfacctd_port", true },  { "timestamps_rfc3339", "timestamps_rfc9557", true },
        { "nfacctd_as", "nfacctd_as_new", true },  { "kafka_history", "print_history", true },
        { "kafka_history", "amqp_history", true }, { "bgp_agent_map", "bmp_agent_map", true },
        { "bgp_agent_map", "bgp_daemon", false },
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(key_same_slot(key_find(rows[i].a), key_find(rows[i].b)), rows[i].same);
    assert_true(key_matters(key_find("pmacctd_time_new"), 'N'));
    assert_false(key_matters(key_find("pcap_interface"), 'N'));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_are_whole),
        cmocka_unit_test(test_areas_are_known),
        cmocka_unit_test(test_defaults_are_allowed),
        cmocka_unit_test(test_every_key_is_reached),
        cmocka_unit_test(test_flags_name_keys),
        cmocka_unit_test(test_flags_of_each_daemon),
        cmocka_unit_test(test_documents),
        cmocka_unit_test(test_same_slot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
