/* SPDX-License-Identifier: BSD-2-Clause */
/* Which plugins a configuration asks for: `plugins: type[name], type, ...`, or -P, or one memory plugin.
 * Called by config_load once all settings are known. */
#include "config/parse.h"

#include <ctype.h>
#include <string.h>

#include "config/lex.h"
#include "config/suggest.h"

/* The types there are or will be, so that the message can tell "not here" from "never heard of". */
static const struct {
    const char *type, *daemons, *area;
} types[] = {
    { "memory", "PNSU", "core" },     { "print", "PNSU", "core" },      { "sqlite3", "PNSU", "databases" },
    { "mysql", "PNSU", "databases" }, { "pgsql", "PNSU", "databases" }, { "kafka", "PNSU", "brokers" },
    { "amqp", "PNSU", "brokers" },    { "nfprobe", "PU", "packets" },   { "sfprobe", "PU", "packets" },
    { "tee", "NS", "tee" },
};

/* The last setting of a key that comes from a file or, with flag, from the command line. */
static const struct item *last_of(const struct store *st, const char *key, bool flag)
{
    const struct key *k = key_find(key);
    for (unsigned i = st->n_items; i-- > 0;)
        if (key_same_slot(st->items[i].key, k) && !st->items[i].at.file == flag)
            return &st->items[i];
    return NULL;
}

/* What stands for `plugins`: -P before the file; in the file the last one. */
static const struct item *choose(struct parse *p)
{
    const struct item *file = last_of(p->st, "plugins", false), *flag = last_of(p->st, "plugins", true);
    for (unsigned i = 0; file && i < p->st->n_items && &p->st->items[i] != file; i++)
        if (key_same_slot(p->st->items[i].key, file->key))
            store_say(p->st, SAY_DOUBT, &p->st->items[i].at, "plugins: '%s' is replaced by line %u",
                      p->st->items[i].value, file->at.line);
    if (file && flag) {
        char where[600];
        store_say(p->st, SAY_INFO, &flag->at, "plugins: '%s' overrides '%s' of %s", flag->value, file->value,
                  place_text(&file->at, where, sizeof(where)));
    }
    return flag ? flag : file;
}

static void wrong(struct parse *p, const struct item *it, const char *what, const char *why)
{
    p->plugins_wrong = true;
    store_say(p->st, SAY_ERROR, &it->at, "plugins: bad value '%s': %s", what, why);
}

static bool built_in(const struct config_spec *spec, const char *type)
{
    for (const char *const *t = spec->plugin_types; t && *t; t++)
        if (!strcmp(*t, type))
            return true;
    return false;
}

/* Says why a type that is not built in cannot be. */
static void refuse_type(struct parse *p, const struct item *it, const char *type)
{
    char why[400];
    const char *near = suggest_word(type, p->spec->plugin_types);
    int n = 0;
    for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (strcmp(types[i].type, type))
            continue;
        if (strchr(types[i].daemons, p->spec->daemon))
            snprintf(why, sizeof(why), "known plugin, not supported by this build (%s)", types[i].area);
        else
            snprintf(why, sizeof(why), "not supported in %s", p->spec->progname);
        wrong(p, it, type, why);
        return;
    }
    if (!strcmp(type, "core")) {
        wrong(p, it, type, "plugins of type 'core' are not allowed");
        return;
    }
    n = near ? snprintf(why, sizeof(why), "did you mean '%s'? ", near) : 0;
    n += snprintf(why + n, sizeof(why) - (size_t)n, "allowed:");
    for (const char *const *t = p->spec->plugin_types; *t && (size_t)n < sizeof(why); t++)
        n += snprintf(why + n, sizeof(why) - (size_t)n, " %s", *t);
    wrong(p, it, type, why);
}

/* Names stand in paths, process titles and the log. */
static const char *name_fault(const struct parse *p, const char *name)
{
    if (strlen(name) >= sizeof(p->set->plugins->name))
        return "a name of 64 octets or more";
    for (const char *c = name; *c; c++)
        if (*c == '/' || iscntrl((unsigned char)*c))
            return "no '/' and no control characters in names";
    if (!strcmp(name, p->core_name))
        return "that is the name of the core (core_proc_name)";
    for (unsigned i = 0; i < p->set->n_plugins; i++)
        if (!strcmp(p->set->plugins[i].name, name))
            return "another plugin has that name; write type[name]";
    return NULL;
}

/* Takes "type" or "type[name]" apart and adds it. `word` is the caller's copy. */
static void add_one(struct parse *p, const struct item *it, char *word)
{
    char shown[80], made[80], *name = NULL;
    snprintf(shown, sizeof(shown), "%s", word);
    char *open = strchr(word, '[');
    if (open) {
        char *close = strchr(open, ']');
        if (!close || *lex_trim(close + 1) || close == open + 1 ||
            memchr(open + 1, '[', (size_t)(close - open - 1))) {
            wrong(p, it, shown, "allowed: type or type[name], comma separated");
            return;
        }
        *open = *close = '\0';
        name = open + 1;
    }
    char *type = lex_trim(word);
    for (char *c = type; *c; c++)
        *c = (char)tolower((unsigned char)*c);
    if (!built_in(p->spec, type)) {
        refuse_type(p, it, type);
        return;
    }
    if (!name) {
        snprintf(made, sizeof(made), "default_%s", type);
        name = made;
    }
    const char *fault = name_fault(p, name);
    if (fault) {
        wrong(p, it, shown, fault);
        return;
    }
    struct plugin_conf *pc = &p->set->plugins[p->set->n_plugins++];
    memccpy(pc->type, type, '\0', sizeof(pc->type) - 1);
    memccpy(pc->name, name, '\0', sizeof(pc->name) - 1); /* it fits: name_fault */
}

/* Commas inside brackets belong to a name. */
static char *item_end(char *text)
{
    bool inside = false;
    for (; *text && (inside || *text != ','); text++)
        inside = *text == '[' ? true : *text == ']' ? false : inside;
    return text;
}

static void add_all(struct parse *p, const struct item *it)
{
    unsigned most = 1;
    for (const char *c = it->value; *c; c++)
        most += *c == ',';
    char *list = store_text(p->st, it->value, strlen(it->value));
    p->set->plugins = store_alloc(p->st, most * sizeof(*p->set->plugins));
    while (list && p->set->plugins && *list) {
        char *end = item_end(list), *next = *end ? end + 1 : end;
        *end = '\0';
        char *word = lex_trim(list);
        if (*word)
            add_one(p, it, word);
        list = next;
    }
}

static void find_core_name(struct parse *p)
{
    const struct item *it = last_of(p->st, "core_proc_name", true);
    if (!it)
        it = last_of(p->st, "core_proc_name", false);
    p->core_name = it && *it->value ? it->value : "default";
    p->set->n_plugins = 0;
    const char *fault = it ? name_fault(&(struct parse){ .set = p->set, .core_name = "" }, it->value) : NULL;
    if (fault && *it->value)
        store_say(p->st, SAY_ERROR, &it->at, "%s: bad value '%s': %s", it->key->name, it->value, fault);
}

void plugins_choose(struct parse *p)
{
    find_core_name(p);
    if (!p->spec->plugin_types || !p->spec->plugin_types[0])
        return;
    const struct item *it = choose(p);
    if (it)
        add_all(p, it);
    if (p->set->n_plugins || p->plugins_wrong || p->st->failed)
        return;
    struct place at = { .file = p->set->path };
    store_say(p->st, SAY_WARN, &at,
              "No plugin is asked for (key plugins, flag -P): one of type memory is started");
    static const struct key plugins = { .name = "plugins" };
    add_all(p, &(struct item){ .key = &plugins, .value = "memory", .at = at });
}
