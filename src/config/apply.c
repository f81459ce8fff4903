/* SPDX-License-Identifier: BSD-2-Clause */
/* Puts settings into the core's and the plugins' struct config, in their order, so that the last one wins;
 * and says what cannot be honoured. Called by config_load when all plugins are known. */
#include "config/parse.h"

#include <string.h>
#include <strings.h>

#include "config/suggest.h"
#include "config/values.h"

/* A known key, or a known word of it, whose feature this build lacks. */
static void unsupported(struct parse *p, const struct item *it, const struct value *v)
{
    const struct key *root = key_root(it->key);
    const char *area = v->area ? v->area : key_area(it->key);
    char allowed[256];
    if (root->kind == KT_BOOL && !strcasecmp(it->value, root->dflt))
        return; /* asks for what is the case anyway */
    if (v->area && root->where & GUARD)
        store_say(p->st, SAY_ERROR, &it->at,
                  "%s: bad value '%s': known, but not supported by this build (%s); allowed: %s",
                  it->key->name, it->value, area, key_allowed(root, false, allowed, sizeof(allowed)));
    else if (v->area)
        store_say(p->st, SAY_LATER, &it->at,
                  "%s: known value '%s', not supported by this build (%s). Ignored.", it->key->name,
                  it->value, area);
    else if (root->where & GUARD)
        store_say(p->st, SAY_ERROR, &it->at,
                  "%s: known key, not supported by this build (%s); without it the daemon would be open to "
                  "what it is there to keep out",
                  it->key->name, area);
    else
        store_say(p->st, SAY_LATER, &it->at, "%s: known key, not supported by this build (%s). Ignored.",
                  it->key->name, area);
}

static struct plugin_conf *find_plugin(struct parse *p, const char *name)
{
    for (unsigned i = 0; i < p->set->n_plugins; i++)
        if (!strcmp(p->set->plugins[i].name, name))
            return &p->set->plugins[i];
    return NULL;
}

/* The plugin that a wrong [name] may have meant: one of nearly that name, or of that type. */
static const char *near_name(struct parse *p, const char *name)
{
    for (unsigned i = 0; i < p->set->n_plugins; i++)
        if (!strcasecmp(p->set->plugins[i].type, name) || !strcasecmp(p->set->plugins[i].name, name))
            return p->set->plugins[i].name;
    const char *list[2] = { NULL, NULL };
    for (unsigned i = 0; i < p->set->n_plugins; i++) {
        list[0] = p->set->plugins[i].name;
        if (suggest_word(name, list))
            return list[0];
    }
    list[0] = p->core_name;
    return suggest_word(name, list);
}

static void unknown_name(struct parse *p, const struct item *it)
{
    const char *near = near_name(p, it->name);
    if (p->plugins_wrong)
        return;
    if (near)
        store_say(p->st, SAY_DOUBT, &it->at, "%s: Unknown symbol '%s'. Ignored. Did you mean '%s'?",
                  it->key->name, it->name, near);
    else
        store_say(p->st, SAY_DOUBT, &it->at,
                  "%s: Unknown symbol '%s', neither a plugin nor the core. Ignored.", it->key->name,
                  it->name);
}

/* Puts a value where its scope says. Returns whether it went anywhere. */
static bool place_value(struct parse *p, struct item *it, const struct value *v)
{
    const struct key *root = key_root(it->key);
    if (it->name && !(root->where & PLUGIN)) {
        store_say(p->st, SAY_WARN, &it->at,
                  "%s: plugin name not supported for this key, '%s' holds for the whole daemon",
                  it->key->name, it->value);
        it->name = NULL;
    }
    bool core = it->name && !strcmp(it->name, p->core_name);
    if (!(root->where & CORE) && (!it->name || core)) {
        store_say(p->st, SAY_WRONG, &it->at, "%s: cannot be global, write %s[name of a plugin]. Not loaded.",
                  it->key->name, it->key->name);
        return false;
    }
    if (!it->name || core)
        value_store(root, v, &p->set->core);
    if (core)
        return true;
    struct plugin_conf *one = it->name ? find_plugin(p, it->name) : NULL;
    if (it->name && !one) {
        unknown_name(p, it);
        return false;
    }
    for (unsigned i = 0; i < p->set->n_plugins; i++)
        if (!one || one == &p->set->plugins[i])
            value_store(root, v, &p->set->plugins[i].c);
    return true;
}

/* What --check-config says beside what is wrong. */
static void remark(struct parse *p, const struct item *it)
{
    const struct key *root = key_root(it->key);
    if (!p->set->check_only)
        return;
    if (root->where & HINT)
        store_say(p->st, SAY_INFO, &it->at, "%s: accepted, but nobody has to set it. %s", it->key->name,
                  root->help);
    else if (!key_matters(it->key, p->spec->daemon))
        store_say(p->st, SAY_INFO, &it->at, "%s: has no effect in %s", it->key->name, p->spec->progname);
}

static void bad_value(struct parse *p, const struct item *it, const char *why)
{
    /* A comment behind a value is the commonest way to a bad one. */
    const char *mark = strpbrk(it->value, "!#");
    bool comment = mark && mark > it->value && (mark[-1] == ' ' || mark[-1] == '\t');
    store_say(p->st, SAY_ERROR, &it->at, "%s: bad value '%s': %s%s", it->key->name, it->value, why,
              comment ? " (comments stand on lines of their own)" : "");
    if (p->set->check_only)
        store_say(p->st, SAY_INFO, &it->at, "%s: %s", it->key->name, key_root(it->key)->help);
}

/* Returns whether the setting counts as given. */
static bool apply_item(struct parse *p, struct item *it)
{
    const struct key *root = key_root(it->key);
    struct value v;
    struct err e = { 0 };
    if (!*it->value) {
        store_say(p->st, SAY_ERROR, &it->at, "%s: no value is given", it->key->name);
        return false;
    }
    if (value_parse(root, it->value, &v, &e) == -1) {
        bad_value(p, it, e.text);
        return false;
    }
    remark(p, it);
    if (v.area || !key_works(it->key)) {
        if (!(root->where & HINT))
            unsupported(p, it, &v);
        return true;
    }
    return place_value(p, it, &v);
}

void parse_apply(struct parse *p)
{
    value_defaults(&p->set->core, p->spec->daemon);
    for (unsigned i = 0; i < p->set->n_plugins; i++)
        p->set->plugins[i].c = p->set->core;
    for (unsigned i = 0; i < p->st->n_items; i++)
        if (!apply_item(p, &p->st->items[i]))
            p->st->items[i].key = NULL;
}
