/* SPDX-License-Identifier: BSD-2-Clause */
/* src/bgp/tcpkeys.c, md5.c, tcpao.c: lines of key files, right and wrong; which keys a socket is given and
 * loses. */
#include "bgp/tcpkeys.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#define X10 "xxxxxxxxxx"
#define X80 X10 X10 X10 X10 X10 X10 X10 X10
#define X400 X80 X80 X80 X80 X80

static const struct {
    const struct tcpkeys_ops *ops;
    const char *text, *said; /* NULL: two keys */
} rows[] = {
    { &tcpkeys_md5, "! all\n\n # of them\n10.0.0.1,s3cret\n 2001:db8::/32 , a b,c#d \n", NULL },
    { &tcpkeys_md5, "10.0.0.1,a\n10.0.0.2," X80, NULL }, /* no end of line */
    { &tcpkeys_md5, "10.0.0.1,a\n10.0.0.2\n", ":2] a line has the form address,password" },
    { &tcpkeys_md5, "10.0.0.1,\n", ":1] a password has 1 to 80 octets" },
    { &tcpkeys_md5, "10.0.0.1," X80 "x\n", ":1] a password has 1 to 80 octets" },
    { &tcpkeys_md5, "ten,a\n", ":1] Bad IP address or prefix 'ten' as 'the address'" },
    { &tcpkeys_md5, "10.0.0.0/33,a\n", ":1] Invalid network mask '33' as 'the address'" },
    { &tcpkeys_md5, "\n10.0.0.1,a" X400 X80 X80 "\n", ":2] a line has at most 510 octets" },
    { &tcpkeys_ao, "10.0.0.1,0,hmac-sha-1-96,a\n10.0.0.0/8,1:255,HMAC-SHA-256-96,b,c\n", NULL },
    { &tcpkeys_ao, "#\n10.0.0.1 , 1 , aes-128-cmac-96 , a\n::/0,2,hmac-sha-1-96," X80 "\n", NULL },
    { &tcpkeys_ao, "10.0.0.1,1,hmac-sha-1-96\n", ":1] a line has the form address,id,algorithm,password" },
    { &tcpkeys_ao, "10.0.0.1,1,hmac-sha-1-96,\n", ":1] a password has 1 to 80 octets" },
    { &tcpkeys_ao, "10.0.0.1,256,hmac-sha-1-96,a\n", ":1] '256': an id is 0 to 255" },
    { &tcpkeys_ao, "10.0.0.1,1:2:3,hmac-sha-1-96,a\n", ":1] '1:2:3': an id is 0 to 255" },
    { &tcpkeys_ao, "10.0.0.1,1:,hmac-sha-1-96,a\n", ":1] '1:': an id is 0 to 255" },
    { &tcpkeys_ao, "10.0.0.1,-1,hmac-sha-1-96,a\n", ":1] '-1': an id is 0 to 255" },
    { &tcpkeys_ao, "10.0.0.1,1,md5,a\n", ":1] 'md5': algorithms are hmac-sha-1-96" },
    { &tcpkeys_ao, "10.0.0.1,1,hmac-sha-1-96," X80 "x\n", ":1] a password has 1 to 80 octets" },
};

static struct tcpkeys *load(const struct tcpkeys_ops *ops, const char *text, struct err *e)
{
    char path[] = "/tmp/tcpkeys-test-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd != -1 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
    struct tcpkeys *k = tcpkeys_load(ops, path, e);
    unlink(path);
    return k;
}

static void test_lines(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err e = { 0 };
        struct tcpkeys *k = load(rows[i].ops, rows[i].text, &e);
        if (rows[i].said && (k || !strstr(e.text, rows[i].said)))
            fail_msg("row %u: %s", i, e.text);
        if (!rows[i].said && (!k || tcpkeys_count(k) != 2))
            fail_msg("row %u: %s", i, e.text);
        tcpkeys_free(k);
    }
    struct err e = { 0 };
    assert_null(tcpkeys_load(&tcpkeys_md5, "/nonexistent/keys", &e));
    assert_non_null(strstr(e.text, "/nonexistent/keys"));
}

/* ---- what the kernel would be told */

static char told[256];

static int say(const char *what, const void *key)
{
    const struct tcpkey *k = key;
    char text[ADDR_TEXT];
    const size_t n = strlen(told);
    snprintf(told + n, sizeof(told) - n, "%s%s/%u ", what, addr_str(&k->addr, text), k->bits);
    errno = addr_is_v4(&k->addr) ? 0 : ENOPROTOOPT;
    return errno ? -1 : 0;
}
static int set(int fd, bool v6, const void *key) { return fd == -1 && !v6 ? say("+", key) : -1; }
static int unset(int fd, bool v6, const void *key) { return fd == -1 && !v6 ? say("-", key) : -1; }
static int read_key(char *line, void *key, struct err *e)
{
    return tcpkey_prefix(tcpkey_word(&line, true), key, e);
}

static void test_change(void **state)
{
    (void)state;
    static const struct {
        bool replaces;
        const char *absent, *first, *second, *told, *said;
    } changes[] = {
        { true, NULL, "10.0.0.1\n10.0.0.0/8\n", "10.0.0.1\n10.0.0.2\n",
          "-10.0.0.0/8 +10.0.0.1/32 +10.0.0.2/32 ", NULL },
        { false, NULL, "10.0.0.1\n", "10.0.0.1\n", "-10.0.0.1/32 +10.0.0.1/32 ", NULL },
        { true, NULL, "", "::1\n10.0.0.2\n", "+::1/128 +10.0.0.2/32 ", "cannot set the test key of ::1" },
        { true, "no such kernel", "", "::1\n10.0.0.2\n", "+::1/128 ", "no such kernel" },
    };
    for (unsigned i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        const struct tcpkeys_ops ops = { .name = "test",
                                         .size = sizeof(struct tcpkey),
                                         .read = read_key,
                                         .replaces = changes[i].replaces,
                                         .set = set,
                                         .unset = unset,
                                         .absent = changes[i].absent };
        struct err e = { 0 };
        struct tcpkeys *old = load(&ops, changes[i].first, &e), *k = load(&ops, changes[i].second, &e);
        told[0] = '\0';
        assert_int_equal(tcpkeys_set(k, -1, old, &e), changes[i].said ? -1 : 0);
        assert_string_equal(told, changes[i].told);
        assert_true(!changes[i].said || strstr(e.text, changes[i].said));
        tcpkeys_free(old);
        tcpkeys_free(k);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_lines), cmocka_unit_test(test_change) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
