/* SPDX-License-Identifier: BSD-2-Clause */
/* config_load: flags, file, plugins, values, verdict. The daemons' main calls it once, before anything else.
 */
#include "config/parse.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/doc.h"
#include "config/lex.h"
#include "config/suggest.h"

/* A file with more unknown keys than PROPOSALS is no configuration; comparing each with all keys would take
 * long. */
enum { FILE_LIMIT = 16 << 20, PROPOSALS = 20 };

static void unknown_key(struct parse *p, const struct place *at, const char *word)
{
    const struct key *k = p->st->said[SAY_DOUBT] < PROPOSALS ? suggest_key(word, p->spec->daemon) : NULL;
    if (k)
        store_say(p->st, SAY_DOUBT, at, "Unknown key: %s. Ignored. Did you mean '%s'?", word, k->name);
    else
        store_say(p->st, SAY_DOUBT, at, "Unknown key: %s. Ignored.", word);
}

static void read_line(struct parse *p, const struct place *at, char *line)
{
    struct lexed x;
    const char *why = NULL;
    enum lex what = lex_line(line, &x, &why);
    if (what == LEX_BAD)
        store_say(p->st, SAY_ERROR, at, "Syntax error: %s, a line is `key: value` or `key[name]: value`",
                  why);
    if (what != LEX_ITEM)
        return;
    const struct key *k = key_find(x.key);
    if (!k) {
        unknown_key(p, at, x.key);
        return;
    }
    struct item it = { .key = k, .at = *at };
    it.value = store_text(p->st, x.value, strlen(x.value));
    it.name = x.name ? store_text(p->st, x.name, strlen(x.name)) : NULL;
    if (it.value && (it.name || !x.name))
        store_item(p->st, &it);
}

void parse_text(struct parse *p, const char *file, const char *text, size_t len)
{
    static const char utf8_mark[3] = { '\xef', '\xbb', '\xbf' };
    char line[LINE_LIMIT + 1];
    struct place at = { .file = file };
    size_t skip = len >= 3 && !memcmp(text, utf8_mark, 3) ? 3 : 0;
    for (const char *end = text + len, *now = text + skip, *next; now < end; now = next) {
        const char *newline = memchr(now, '\n', (size_t)(end - now));
        size_t n = (size_t)((newline ? newline : end) - now);
        next = newline ? newline + 1 : end;
        at.line++;
        if (n > LINE_LIMIT) {
            store_say(p->st, SAY_ERROR, &at, "a line of %zu octets; the limit is %d", n, LINE_LIMIT);
        } else if (memchr(now, '\0', n)) {
            store_say(p->st, SAY_ERROR, &at, "Syntax error: a NUL octet, this is no text file");
        } else {
            memcpy(line, now, n);
            line[n] = '\0';
            read_line(p, &at, line);
        }
    }
}

/* The whole of an open file; NULL when it cannot be read. */
static char *slurp(int fd, size_t size, size_t *len)
{
    char *text = malloc(size + 1);
    ssize_t n = 1;
    for (*len = 0; text && *len < size && n > 0; *len += n > 0 ? (size_t)n : 0)
        n = read(fd, text + *len, size - *len);
    if (text && n == -1) {
        free(text);
        text = NULL;
    }
    return text;
}

static int open_file(struct parse *p, const struct place *at, size_t *size)
{
    struct stat st;
    /* Not blocking: a FIFO or a device is refused below, not waited for. */
    int fd = open(at->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd == -1 && errno == ENOENT)
        store_say(p->st, SAY_ERROR, at, "file not found");
    else if (fd == -1 || fstat(fd, &st) == -1)
        store_say(p->st, SAY_ERROR, at, "cannot be read: %s", strerror(errno));
    else if (!S_ISREG(st.st_mode))
        store_say(p->st, SAY_ERROR, at, "path is not a regular file");
    else if (st.st_size > FILE_LIMIT)
        store_say(p->st, SAY_ERROR, at, "more than %d octets, this is no configuration", FILE_LIMIT);
    else {
        *size = (size_t)st.st_size;
        return fd;
    }
    if (fd != -1)
        close(fd);
    return -1;
}

int parse_file(struct parse *p, const char *file)
{
    struct place at = { .file = file };
    size_t size, len;
    int fd = open_file(p, &at, &size);
    if (fd == -1)
        return -1;
    char *text = slurp(fd, size, &len);
    if (text)
        parse_text(p, file, text, len);
    else
        store_say(p->st, SAY_ERROR, &at, "cannot be read: %s", strerror(errno));
    free(text);
    close(fd);
    return text ? 0 : -1;
}

/* Words behind pmacctd's flags are its capture filter, but not beside a file, where pcap_filter says it. */
static void take_rest(struct parse *p, const struct flags *f)
{
    struct place at = { 0 };
    if (!f->rest)
        return;
    if (p->spec->daemon != 'P')
        store_say(p->st, SAY_DOUBT, &at, "'%s' is no flag. Ignored.", f->rest);
    else if (f->file)
        store_say(p->st, SAY_DOUBT, &at,
                  "'%s' is ignored since there is -f; the key pcap_filter says what to capture", f->rest);
    else if (strlen(f->rest) > LINE_LIMIT)
        store_say(p->st, SAY_ERROR, &at, "a capture filter of more than %d octets", LINE_LIMIT);
    else
        store_item(p->st, &(struct item){ .key = key_find("pcap_filter"), .value = f->rest, .at = at });
}

void parse_flags(struct parse *p, const struct flags *f)
{
    for (unsigned i = 0; i < f->n_items; i++)
        store_item(p->st, &f->items[i]);
    take_rest(p, f);
}

static bool refused(const struct parse *p)
{
    const unsigned *said = p->st->said;
    unsigned n = said[SAY_ERROR];
    if (p->set->strict)
        n += said[SAY_LATER];
    if (p->set->strict || p->set->check_only)
        n += said[SAY_DOUBT] + said[SAY_WRONG];
    return n > 0 || p->st->failed;
}

static enum config_verdict verdict(struct parse *p)
{
    struct place at = { .file = p->set->path };
    if (p->st->failed)
        store_say(p->st, SAY_ERROR, &at, "out of memory. Exiting.");
    if (!refused(p))
        return CONFIG_RUN;
    bool strict = !p->st->said[SAY_ERROR];
    store_say(p->st, SAY_ERROR, &at, "The configuration is refused%s. Exiting.",
              !strict          ? ""
              : p->set->strict ? " (--strict)"
                               : " (--check-config)");
    if (p->set->check_only && p->spec->progname)
        store_say(p->st, SAY_INFO, &at, "`%s --explain KEY` tells what a key does and takes.",
                  p->spec->progname);
    return CONFIG_EXIT_ERROR;
}

enum config_verdict parse_load(struct parse *p, const struct flags *f)
{
    p->set->strict = f->strict;
    p->set->check_only = f->check;
    p->set->path = f->file;
    if (f->file && parse_file(p, f->file) == -1)
        return verdict(p);
    /* After a line that could not be read, what the others would mean is a guess. */
    if (p->st->said[SAY_ERROR])
        return verdict(p);
    parse_flags(p, f);
    plugins_choose(p);
    parse_apply(p);
    return verdict(p);
}

static enum config_verdict print_schema(const struct config_spec *spec, const char *database)
{
    if (spec->schema && spec->schema(database, stdout))
        return CONFIG_EXIT_OK;
    fprintf(stderr, "ERROR: --print-schema: no tables for '%s': sqlite3, pgsql and mysql have some\n",
            database);
    return CONFIG_EXIT_ERROR;
}

static enum config_verdict explain(const struct config_spec *spec, const char *word)
{
    if (doc_explain(stdout, spec, word))
        return CONFIG_EXIT_OK;
    fprintf(stderr, "ERROR: --explain: no key is called '%s' or anything like it\n", word);
    return CONFIG_EXIT_ERROR;
}

static enum config_verdict answer(const struct config_spec *spec, enum flags_verdict v, const char *about)
{
    switch (v) {
    case FLAGS_HELP:
        doc_version_line(stdout, spec);
        flags_usage(stdout, spec);
        return CONFIG_EXIT_OK;
    case FLAGS_VERSION:
        doc_version_line(stdout, spec);
        if (spec->version)
            spec->version();
        return CONFIG_EXIT_OK;
    case FLAGS_LIST:
        doc_version_line(stdout, spec);
        printf("\n");
        if (spec->list)
            spec->list(spec->daemon);
        return CONFIG_EXIT_OK;
    case FLAGS_SCHEMA:
        return print_schema(spec, about);
    case FLAGS_EXPLAIN:
        return explain(spec, about);
    default:
        flags_usage(stderr, spec);
        return CONFIG_EXIT_ERROR;
    }
}

static enum config_verdict no_memory(void)
{
    fprintf(stderr, "ERROR: no memory to read the configuration. Exiting.\n");
    return CONFIG_EXIT_ERROR;
}

enum config_verdict config_load(const struct config_spec *spec, int argc, char **argv, struct config_set *out,
                                const char *const **early)
{
    static const char *const none[] = { NULL };
    struct flags f;
    struct parse p = { .spec = spec, .set = out, .st = store_new() };
    *out = (struct config_set){ .memory = p.st };
    *early = none;
    if (!p.st)
        return no_memory();
    enum flags_verdict fv = flags_read(p.st, spec->daemon, argc, argv, &f);
    enum config_verdict v = fv != FLAGS_RUN && p.st->failed ? no_memory()
                            : fv == FLAGS_RUN               ? parse_load(&p, &f)
                                                            : answer(spec, fv, f.about);
    if (v != CONFIG_RUN)
        config_free(out);
    else if (p.st->lines)
        *early = p.st->lines;
    return v;
}

void config_free(struct config_set *s)
{
    store_free(s->memory);
    *s = (struct config_set){ 0 };
}

/* The setting that holds for a process, NULL when there is none. */
static const struct item *find_item(const struct config_set *s, const char *key, const char *process)
{
    const struct store *st = s->memory;
    const struct key *k = key_find(key);
    for (unsigned i = st && k ? st->n_items : 0; i-- > 0;) {
        const struct item *it = &st->items[i];
        bool holds = !process || !it->name || !strcmp(it->name, process);
        if (it->key && holds && key_same_slot(it->key, k))
            return it;
    }
    return NULL;
}

const char *config_where(const struct config_set *s, const char *key, const char *process, char *buf,
                         int size)
{
    const struct item *it = find_item(s, key, process);
    if (!it)
        snprintf(buf, (size_t)size, "default");
    else
        place_text(&it->at, buf, (size_t)size);
    return buf;
}

int config_fault(const struct config_set *s, const char *process, const struct err *why, struct err *e)
{
    char where[256], key[64];
    snprintf(key, sizeof(key), "%.*s", (int)strcspn(why->text, ":"), why->text);
    return err_set(e, ERR_CONFIG, "%s: %s", config_where(s, key, process, where, sizeof(where)), why->text);
}

bool config_is_set(const struct config_set *s, const char *key, const char *process)
{
    return find_item(s, key, process) != NULL;
}
