/* SPDX-License-Identifier: BSD-2-Clause */
/* One function a kind of value. Numbers are taken whole or not at all: "10m" is not 10. */
#include "config/values.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

typedef int parse_fn(const struct key *k, const char *text, struct value *v, struct err *e);

static int refuse(struct err *e, const char *allowed)
{
    return err_set(e, ERR_CONFIG, "allowed: %s", allowed);
}

/* Refuses with what the row says is allowed. */
static int refuse_check(const struct key *k, struct err *e, const char *kind)
{
    char buf[512];
    key_allowed(k, false, buf, sizeof(buf));
    return err_set(e, ERR_CONFIG, "allowed: %s%s%s", kind, *kind && *buf ? ", " : "", buf);
}

static bool in_range(const struct check *c, int64_t n)
{
    return (!c->lo && !c->hi) || (n >= c->lo && n <= c->hi);
}

static bool all_digits(const char *s) { return *s && s[strspn(s, "0123456789")] == '\0'; }

/* A whole decimal number with an optional sign. */
static bool number(const char *text, int64_t *n)
{
    if (!all_digits(text + (*text == '-' || *text == '+')))
        return false;
    errno = 0;
    *n = strtoll(text, NULL, 10);
    return errno == 0;
}

static int parse_bool(const struct key *k, const char *text, struct value *v, struct err *e)
{
    (void)k;
    v->b = !strcasecmp(text, "true");
    return v->b || !strcasecmp(text, "false") ? 0 : refuse(e, "true or false");
}

static int parse_int(const struct key *k, const char *text, struct value *v, struct err *e)
{
    int64_t n;
    if (!number(text, &n) || n < INT_MIN || n > INT_MAX || !in_range(k->check, n))
        return refuse_check(k, e, "a whole number");
    v->i = (int)n;
    return 0;
}

static int parse_number(const struct key *k, const char *text, struct value *v, struct err *e)
{
    char *end = NULL;
    errno = 0;
    long n =
        isdigit((unsigned char)*text) ? strtol(text, &end, text[1] == 'x' || text[1] == 'X' ? 16 : 10) : -1;
    if (!end || *end || errno || n > INT_MAX || !in_range(k->check, n))
        return refuse_check(k, e, "a number, decimal or 0x...");
    v->i = (int)n;
    return 0;
}

static int parse_size(const struct key *k, const char *text, struct value *v, struct err *e)
{
    char digits[32];
    size_t len = strspn(text, "0123456789");
    const char *units = "KMGT", *unit = text[len] ? strchr(units, toupper((unsigned char)text[len])) : NULL;
    int64_t n = -1;
    if (len && len < sizeof(digits) && (!text[len] || (unit && !text[len + 1]))) {
        memcpy(digits, text, len);
        digits[len] = '\0';
        int shift = unit ? 10 * (int)(unit - units + 1) : 0;
        if (!number(digits, &n) || n > INT64_MAX >> shift)
            n = -1;
        else
            n <<= shift;
    }
    if (n < 0 || !in_range(k->check, n))
        return refuse_check(k, e, "octets, K, M, G or T may follow");
    v->l = n;
    return 0;
}

static int parse_tag(const struct key *k, const char *text, struct value *v, struct err *e)
{
    errno = 0;
    v->u = all_digits(text) ? strtoull(text, NULL, 10) : 0;
    bool low = v->u < (uint64_t)k->check->lo,
         high = k->check->hi != INT64_MAX && v->u > (uint64_t)k->check->hi;
    if (!all_digits(text) || errno || low || high)
        return refuse_check(k, e, "a whole number");
    return 0;
}

static int parse_secs64(const struct key *k, const char *text, struct value *v, struct err *e)
{
    if (!all_digits(text) || !number(text, &v->l) || !in_range(k->check, v->l))
        return refuse_check(k, e, "whole seconds, digits only");
    return 0;
}

static int parse_secs(const struct key *k, const char *text, struct value *v, struct err *e)
{
    struct value wide = { 0 };
    if (parse_secs64(k, text, &wide, e) == -1)
        return -1;
    if (wide.l > INT_MAX)
        return refuse_check(k, e, "whole seconds, digits only");
    v->i = (int)wide.l;
    return 0;
}

/* 86400 x 3660: no bin is longer than ten years. */
enum { SPAN_MAX_S = 316224000 };

static int parse_span(const struct key *k, const char *text, struct value *v, struct err *e)
{
    static const char units[] = "smhdwM";
    static const int secs[] = { 1, 60, 3600, 86400, 7 * 86400, 30 * 86400 };
    size_t len = strspn(text, "0123456789");
    char unit = text[len] ? text[len] : 's';
    const char *at = strchr(units, unit);
    long n = len && len < 10 ? strtol(text, NULL, 10) : 0;
    (void)k;
    if (n <= 0 || !at || (text[len] && text[len + 1]) || n > SPAN_MAX_S / secs[at - units])
        return refuse(
            e, "a number from 1 and one of the units s, m, h, d, w, M, such as 5m or 1h; ten years at most");
    if (unit == 's' && n >= 60) {
        if (n % 60)
            return refuse(e, "seconds below 60, or a multiple of 60");
        n /= 60;
        unit = 'm';
    }
    v->span = (struct span){ .n = (int)n, .unit = unit };
    return 0;
}

static const struct word *find_word(const struct key *k, const char *text)
{
    for (const struct word *w = k->check->words; w && w->text; w++)
        if (!strcasecmp(w->text, text))
            return w;
    return NULL;
}

static int parse_enum(const struct key *k, const char *text, struct value *v, struct err *e)
{
    const struct word *w = find_word(k, text);
    if (!w)
        return refuse_check(k, e, "");
    v->area = w->area;
    v->i = w->value;
    return 0;
}

static int parse_word(const struct key *k, const char *text, struct value *v, struct err *e)
{
    const struct word *w = find_word(k, text);
    if (!w)
        return refuse_check(k, e, "");
    v->area = w->area;
    v->s = w->text;
    return 0;
}

static int parse_wordnum(const struct key *k, const char *text, struct value *v, struct err *e)
{
    int64_t n;
    if (find_word(k, text))
        return parse_word(k, text, v, e);
    if (!number(text, &n) || !in_range(k->check, n))
        return refuse_check(k, e, "");
    v->s = text;
    return 0;
}

static int parse_text(const struct key *k, const char *text, struct value *v, struct err *e)
{
    (void)k, (void)e;
    v->s = text;
    return 0;
}

static int parse_char(const struct key *k, const char *text, struct value *v, struct err *e)
{
    (void)k;
    if (!strcmp(text, "\\t"))
        v->s = "\t";
    else if (!strcmp(text, "\\s"))
        v->s = " ";
    else if (strlen(text) == 1)
        v->s = text;
    else
        return refuse(e, "one character, \\t for a tab, \\s for a blank");
    return 0;
}

static int parse_roundoff(const struct key *k, const char *text, struct value *v, struct err *e)
{
    (void)k;
    bool week = strchr(text, 'w'), other = strchr(text, 'd') || strchr(text, 'M');
    if (text[strspn(text, "mhdwM")] || (week && other))
        return refuse(e, "any of the letters m, h, d, w, M; w neither with d nor with M");
    v->s = text;
    return 0;
}

static int parse_file(const struct key *k, const char *text, struct value *v, struct err *e)
{
    struct stat st;
    (void)k;
    if (stat(text, &st) == -1)
        return err_set(e, ERR_CONFIG, "%s", strerror(errno));
    if (S_ISDIR(st.st_mode))
        return err_set(e, ERR_CONFIG, "that is a directory, not a file");
    if (faccessat(AT_FDCWD, text, R_OK, AT_EACCESS) == -1)
        return err_set(e, ERR_CONFIG, "%s", strerror(errno));
    v->s = text;
    return 0;
}

static int parse_addr4(const struct key *k, const char *text, struct value *v, struct err *e)
{
    struct in_addr a;
    (void)k;
    if (inet_pton(AF_INET, text, &a) != 1)
        return refuse(e, "an IPv4 address, such as 192.0.2.1");
    v->s = text;
    return 0;
}

static int parse_addr(const struct key *k, const char *text, struct value *v, struct err *e)
{
    struct in6_addr a;
    if (inet_pton(AF_INET6, text, &a) != 1 && parse_addr4(k, text, v, NULL) == -1)
        return refuse(e, "an IP address, such as 192.0.2.1 or 2001:db8::1");
    v->s = text;
    return 0;
}

/* name:port, address:port or [address]:port. Whether the name can be resolved is seen when it is used. */
static int parse_hostport(const struct key *k, const char *text, struct value *v, struct err *e)
{
    const char *colon = strrchr(text, ':');
    int64_t port;
    bool bracket = *text == '[';
    (void)k;
    bool ok = colon && colon > text && all_digits(colon + 1) && number(colon + 1, &port) && port > 0 &&
              port < 65536;
    if (ok && bracket) {
        struct in6_addr a;
        char host[64];
        size_t len = (size_t)(colon - text);
        ok = text[len - 1] == ']' && len - 2 < sizeof(host);
        if (ok) {
            memcpy(host, text + 1, len - 2);
            host[len - 2] = '\0';
            ok = inet_pton(AF_INET6, host, &a) == 1;
        }
    } else if (ok) {
        ok = strcspn(text, ":[]/ \t") == (size_t)(colon - text);
    }
    if (!ok)
        return refuse(e, "host:port, address:port or [IPv6 address]:port, the port from 1 to 65535");
    v->s = text;
    return 0;
}

static int parse_octal(const struct key *k, const char *text, struct value *v, struct err *e)
{
    size_t len = strlen(text);
    bool digits = len && len < 8 && text[strspn(text, "01234567")] == '\0';
    long n = digits ? strtol(text, NULL, 8) : -1;
    if (n < 0 || !in_range(k->check, n))
        return refuse_check(k, e, "an octal number");
    v->i = (int)n;
    return 0;
}

/* An id in digits; -1 when it is none, since 4294967295 means "nobody" to chown(2). */
static int id_number(const char *text)
{
    int64_t n;
    return all_digits(text) && number(text, &n) && n <= INT_MAX ? (int)n : -1;
}

static int parse_uid(const struct key *k, const char *text, struct value *v, struct err *e)
{
    (void)k;
    struct passwd *pw = all_digits(text) ? NULL : getpwnam(text);
    v->i = pw ? (int)pw->pw_uid : id_number(text);
    return v->i >= 0 ? 0 : refuse(e, "a user of this system, by name or number");
}

static int parse_gid(const struct key *k, const char *text, struct value *v, struct err *e)
{
    (void)k;
    struct group *gr = all_digits(text) ? NULL : getgrnam(text);
    v->i = gr ? (int)gr->gr_gid : id_number(text);
    return v->i >= 0 ? 0 : refuse(e, "a group of this system, by name or number");
}

static parse_fn *const parsers[KT_MAX] = {
    [KT_BOOL] = parse_bool,         [KT_INT] = parse_int,           [KT_NUMBER] = parse_number,
    [KT_SIZE] = parse_size,         [KT_TAG] = parse_tag,           [KT_SECS] = parse_secs,
    [KT_SECS64] = parse_secs64,     [KT_SPAN] = parse_span,         [KT_ENUM] = parse_enum,
    [KT_WORD] = parse_word,         [KT_WORDNUM] = parse_wordnum,   [KT_TEXT] = parse_text,
    [KT_CHAR] = parse_char,         [KT_ROUNDOFF] = parse_roundoff, [KT_PATH] = parse_text,
    [KT_FILE] = parse_file,         [KT_ADDR] = parse_addr,         [KT_ADDR4] = parse_addr4,
    [KT_HOSTPORT] = parse_hostport, [KT_OCTAL] = parse_octal,       [KT_UID] = parse_uid,
    [KT_GID] = parse_gid,
};

int value_parse(const struct key *root, const char *text, struct value *v, struct err *e)
{
    *v = (struct value){ 0 };
    return parsers[root->kind](root, text, v, e);
}

/* The union's members all begin at its start, and the compile-time proof of keys.c says that the member is of
 * the kind's type. */
void value_store(const struct key *root, const struct value *v, struct config *c)
{
    static const size_t size[KT_MAX] = {
#define K(kind, type, text) [KT_##kind] = sizeof(type),
        KEY_KINDS(K)
#undef K
    };
    if (root->off != KEY_NO_MEMBER && !v->area)
        memcpy((char *)c + root->off, v, size[root->kind]);
}

void value_defaults(struct config *c, char daemon)
{
    memset(c, 0, sizeof(*c));
    for (unsigned i = 0; i < keys_count; i++) {
        const struct key *k = &keys[i];
        struct value v = { .i = -1 };
        if (k->off == KEY_NO_MEMBER)
            continue;
        if (k->kind == KT_OCTAL || k->kind == KT_UID || k->kind == KT_GID)
            value_store(k, &v, c);
        bool has = *k->dflt && *k->dflt != '(' && strchr(k->daemons, daemon);
        if (has && value_parse(k, k->dflt, &v, NULL) == 0)
            value_store(k, &v, c);
    }
}
