/* SPDX-License-Identifier: BSD-2-Clause */
/* CONFIG-KEYS and docs/keys-status.md, written from keys.def by gendoc; what --explain says of a key; and the
 * first line of -V. */
#include "config/doc.h"

#include <string.h>

#include "config/flags.h"
#include "config/suggest.h"

/* In angle brackets: config/config.h stands beside this file. */
#ifdef HAVE_CONFIG_H
#include <config.h>
#endif
#ifndef PACKAGE_VERSION
#define PACKAGE_VERSION "(unknown version)"
#endif

static const struct {
    char letter;
    const char *name;
} daemons[] = {
    { 'P', "pmacctd" }, { 'N', "nfacctd" }, { 'S', "sfacctd" },      { 'U', "uacctd" },
    { 'B', "pmbgpd" },  { 'M', "pmbmpd" },  { 'T', "pmtelemetryd" },
};
enum { DAEMONS = sizeof(daemons) / sizeof(daemons[0]) };

void doc_version_line(FILE *f, const struct config_spec *spec)
{
    fprintf(f, "%s, %s %s\n", spec->description, spec->progname, PACKAGE_VERSION);
}

/* Every letter of every key, whichever of its names row it stands in. */
void doc_daemons(FILE *f, const struct key *k)
{
    if (strlen(k->daemons) == DAEMONS) {
        fputs("all", f);
        return;
    }
    const char *sep = "";
    for (unsigned i = 0; i < DAEMONS; i++)
        if (strchr(k->daemons, daemons[i].letter)) {
            fprintf(f, "%s%s", sep, daemons[i].name);
            sep = ", ";
        }
}

/* "-r (pmacctd, ...)" for each letter; nothing when there is none. */
void doc_flags(FILE *f, const struct key *k, const char *before)
{
    char done[32] = "";
    for (const struct flag *x = flag_table; x->letter; x++) {
        if (!x->key || strcmp(x->key, k->name) || strchr(done, x->letter))
            continue;
        fprintf(f, "%s-%c%s%s", *done ? ", " : before, x->letter, x->value ? " sets " : "",
                x->value ? x->value : "");
        done[strlen(done)] = x->letter;
    }
}

static void print_type(FILE *f, const struct key *k)
{
    char allowed[256];
    key_allowed(k, false, allowed, sizeof(allowed));
    fprintf(f, "    type: %s%s%s", key_kind_text(k->kind), *allowed ? ", " : "", allowed);
    if (!*k->dflt)
        fputs("   default: none", f);
    else if (*k->dflt == '(')
        fprintf(f, "   default: %.*s", (int)strlen(k->dflt) - 2, k->dflt + 1);
    else
        fprintf(f, "   default: %s", k->dflt);
    doc_flags(f, k, "   flag: ");
    fputc('\n', f);
}

const char *doc_scope(const struct key *k)
{
    switch (k->where & BOTH) {
    case CORE:
        return "the whole daemon";
    case PLUGIN:
        return "one plugin, key[name] only";
    default:
        return "the whole daemon, or one process by key[name]";
    }
}

static void print_row(FILE *f, const struct key *k)
{
    fprintf(f, "%s\n    %s\n", k->name, k->help);
    print_type(f, k);
    fprintf(f, "    scope: %s   in: ", doc_scope(k));
    doc_daemons(f, k);
    fputc('\n', f);
    if (k->where & HINT)
        fputs("    Accepted for the sake of existing configurations: a hint at most.\n", f);
    else if (key_area(k))
        fprintf(f, "    Not in this release; comes with: %s.\n", key_area(k));
    fputc('\n', f);
}

static void print_same(FILE *f, const struct key *k)
{
    fprintf(f, "%s\n    As %s, in: ", k->name, key_root(k)->name);
    doc_daemons(f, k);
    fputs(".", f);
    doc_flags(f, k, "   flag: ");
    fputc('\n', f);
    if (key_area(k) && !key_area(key_root(k)))
        fprintf(f, "    Not in this release; comes with: %s.\n", key_area(k));
    fputc('\n', f);
}

static void print_underlined(FILE *f, const char *title, char line)
{
    fprintf(f, "%s\n", title);
    for (size_t i = 0; i < strlen(title); i++)
        fputc(line, f);
    fputs("\n\n", f);
}

void config_print_keys(FILE *f)
{
    print_underlined(f, "Configuration keys", '=');
    fputs("This file is generated from src/config/keys.def.\n\n"
          "A line of a configuration file is `key: value`, or `key[name]: value` for the process of that "
          "name: a plugin, or the\n"
          "core (core_proc_name). Lines that begin with ! or # are comments. A key without [name] holds for "
          "the core and every\n"
          "plugin; of several lines for the same process the last one counts; flags of the command line come "
          "after the file.\n"
          "A key that nobody knows is warned of, with the nearest one that there is; a value that is not "
          "allowed ends the start.\n"
          "--strict refuses to start on anything doubtful, --check-config only says what it finds.\n\n"
          "Names that are listed as another key's set the same value. Where a text may hold times, the "
          "conversions of\n"
          "strftime(3) are meant; a variable is $ and a name.\n\n",
          f);
    for (unsigned i = 0; i < keys_count; i++) {
        if (keys[i].kind == KT_HEADING)
            print_underlined(f, keys[i].help, '-');
        else if (keys[i].same >= 0)
            print_same(f, &keys[i]);
        else
            print_row(f, &keys[i]);
    }
}

static const char *status_text(const struct key *k)
{
    return key_root(k)->where & HINT ? "hint" : key_works(k) ? "works" : "not yet";
}

static void print_counts(FILE *f)
{
    unsigned works = 0, hints = 0, later = 0;
    for (unsigned i = 0; i < keys_count; i++)
        if (keys[i].kind != KT_HEADING) {
            const char *s = status_text(&keys[i]);
            works += *s == 'w';
            hints += *s == 'h';
            later += *s == 'n';
        }
    fprintf(f, "%u keys: %u work, %u are hints, %u are not in this release.\n\n", works + hints + later,
            works, hints, later);
}

void config_print_status(FILE *f)
{
    fputs("# Which keys work\n\nGenerated from src/config/keys.def.\n\n"
          "- works: the key does what CONFIG-KEYS says.\n"
          "- hint: accepted, so that existing configurations start; the suite finds the size by itself.\n"
          "- not yet: the key is known, its feature is not in this release. It is warned of and ignored; "
          "with `--strict` the daemon does not\n"
          "  start. It never starts where running without the key would let somebody in or drop "
          "encryption.\n\n",
          f);
    print_counts(f);
    fputs("| area | what it brings |\n|---|---|\n", f);
    for (const struct key_area *a = key_areas; a->name; a++)
        fprintf(f, "| %s | %s |\n", a->name, a->what);
    for (unsigned i = 0; i < keys_count; i++) {
        const struct key *k = &keys[i];
        if (k->kind == KT_HEADING) {
            fprintf(f, "\n## %s\n\n| key | status | area |\n|---|---|---|\n", k->help);
            continue;
        }
        bool later = *status_text(k) == 'n';
        fprintf(f, "| `%s` | %s | %s |\n", k->name, status_text(k), later ? key_area(k) : "");
    }
}

static void print_other_names(FILE *f, const struct key *root)
{
    const char *sep = "    also: ";
    for (unsigned i = 0; i < keys_count; i++)
        if (keys[i].kind != KT_HEADING && keys[i].same >= 0 && key_root(&keys[i]) == root) {
            fprintf(f, "%s%s", sep, keys[i].name);
            sep = ", ";
        }
    if (*sep == ',')
        fputc('\n', f);
}

static void explain(FILE *f, const struct config_spec *spec, const struct key *k)
{
    const struct key *root = key_root(k);
    if (k != root)
        fprintf(f, "%s is another name of %s.\n\n", k->name, root->name);
    print_row(f, root);
    print_other_names(f, root);
    if (!key_matters(k, spec->daemon))
        fprintf(f, "    It has no effect in %s.\n", spec->progname);
}

/* The keys whose names have the word in them; returns how many. */
static unsigned list_keys(FILE *f, const struct config_spec *spec, const char *word)
{
    unsigned n = 0;
    for (unsigned i = 0; i < keys_count; i++) {
        const struct key *k = &keys[i];
        if (k->kind == KT_HEADING || !strcasestr(k->name, word) || !key_matters(k, spec->daemon))
            continue;
        fprintf(f, "%-36s %s\n", k->name, key_root(k)->help);
        n++;
    }
    return n;
}

bool doc_explain(FILE *f, const struct config_spec *spec, const char *word)
{
    const struct key *k = key_find(word);
    if (k) {
        explain(f, spec, k);
        return true;
    }
    if (list_keys(f, spec, word) > 0)
        return true;
    const struct key *near = suggest_key(word, spec->daemon);
    if (!near)
        return false;
    fprintf(f, "There is no key '%s'. Did you mean:\n\n", word);
    explain(f, spec, near);
    return true;
}
