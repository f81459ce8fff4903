/* SPDX-License-Identifier: BSD-2-Clause */
/* The manual page pmacct.conf(5), written from keys.def when the suite is built. Called by gendoc. */
#include "config/doc.h"

#include <string.h>

/* Text as roff wants it: a minus that is one, no escapes, no line that begins like a request. */
static void put_text(FILE *f, const char *text)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", f);
    for (; *text; text++) {
        if (*text == '\\')
            fputs("\\e", f);
        else if (*text == '-')
            fputs("\\-", f);
        else
            fputc(*text, f);
    }
}

static void put_line(FILE *f, const char *text)
{
    put_text(f, text);
    fputc('\n', f);
}

static void put_default(FILE *f, const struct key *k)
{
    size_t n = strlen(k->dflt);
    char words[256];
    if (!n)
        return;
    bool words_only = *k->dflt == '(';
    snprintf(words, sizeof(words), "%.*s", (int)(words_only ? n - 2 : n), k->dflt + words_only);
    fputs("; default: ", f);
    put_text(f, words);
}

static void put_key(FILE *f, const struct key *k)
{
    char allowed[256];
    key_allowed(k, false, allowed, sizeof(allowed));
    fprintf(f, ".TP\n.B %s\n", k->name);
    put_line(f, k->help);
    fputs(".br\nType: ", f);
    put_text(f, key_kind_text(k->kind));
    if (*allowed)
        fputs(", ", f);
    put_text(f, allowed);
    put_default(f, k);
    fputs(". Holds for ", f);
    put_text(f, doc_scope(k));
    fputs("; known in: ", f);
    doc_daemons(f, k);
    doc_flags(f, k, "; flag: ");
    fputs(".\n", f);
    if (k->where & HINT)
        fputs("A hint at most, for the sake of existing configurations.\n", f);
    else if (key_area(k))
        fputs("Not in this release.\n", f);
}

static void put_same(FILE *f, const struct key *k)
{
    fprintf(f, ".TP\n.B %s\nAnother name of\n.BR %s ,\nin: ", k->name, key_root(k)->name);
    doc_daemons(f, k);
    doc_flags(f, k, "; flag: ");
    fputs(".\n", f);
}

static const char head[] =
    ".\\\" SPDX-License-Identifier: BSD-2-Clause\n"
    ".TH PMACCT.CONF 5 \"\" \"pmacct-ng\" \"File Formats\"\n"
    ".SH NAME\npmacct.conf \\- configuration of the network accounting daemons\n"
    ".SH SYNOPSIS\n.I key: value\n.br\n.I key[name]: value\n"
    ".SH DESCRIPTION\n"
    "The daemons read the file that\n.B \\-f\nnames, line by line. A line is\n.IR \"key: value\" ;\n"
    "lines that begin with ! or # are comments, and comments stand on lines of their own.\n"
    "A key with a name in brackets holds for that process alone: a plugin, or the core\n"
    ".RB ( core_proc_name ).\nOne without holds for the core and all plugins. Of several lines for the same "
    "process the last one counts, and flags of the\ncommand line count after the file.\n"
    ".P\nPlugins are named where they are listed:\n.P\n.nf\n"
    "plugins: print[lan], memory[top]\naggregate[lan]: src_host, dst_host\naggregate[top]: src_as\n.fi\n"
    ".P\nA key that nobody knows is warned of, with the nearest one that there is; a value that is not "
    "allowed ends the start.\n.B \\-\\-check\\-config\nsays what is wrong without starting anything,\n"
    ".B \\-\\-strict\nrefuses to start on anything doubtful, and\n.B \\-\\-explain KEY\n"
    "shows what stands here for one key.\n"
    ".P\nWhere a text may hold times, the conversions of\n.BR strftime (3)\nare meant; a variable is $ and "
    "a name.\n";

static const char foot[] = ".SH SEE ALSO\n"
                           ".BR nfacctd (8),\n.BR sfacctd (8),\n.BR pmacctd (8),\n.BR uacctd (8),\n.BR "
                           "pmbgpd (8),\n.BR pmbmpd (8),\n"
                           ".BR pmtelemetryd (8),\n.BR pmacct (1)\n";

void config_print_man(FILE *f)
{
    fputs(head, f);
    for (unsigned i = 0; i < keys_count; i++) {
        const struct key *k = &keys[i];
        if (k->kind == KT_HEADING)
            fprintf(f, ".SH %s\n", k->help);
        else if (k->same >= 0)
            put_same(f, k);
        else
            put_key(f, k);
    }
    fputs(foot, f);
}
