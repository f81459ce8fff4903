/* SPDX-License-Identifier: BSD-2-Clause */
/* The client's command line. All text goes to stdout: scripts read it there. */
#include "config.h"
#include "pmacct/options.h"

#include <ctype.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>
#include "core/build.h"
#include "core/imt_proto.h"

static const char flags[] = "hSsc:Cetp:M:arN:n:lT:O:E:uVUiI0";

static const char usage[] =
    "Usage: pmacct [options]\n"
    "\n"
    "Asks the memory plugin of a daemon. Requests, one of:\n"
    "  -s            show the whole table\n"
    "  -N <query>    show the counters of what matches, one line for each query; needs -c\n"
    "  -M <query>    show the entries that match; needs -c\n"
    "  -t            show how entries are spread over the buckets of the table\n"
    "  -C            list the classes seen\n"
    "  -U            list custom primitives\n"
    "  -i            show the seconds since the table was last erased\n"
    "  --top[=S[,N]] show the busiest, anew each S seconds (2), N times; with -c and -M only what matches;\n"
    "                keys: ? tells them\n"
    "  -e            erase the table; with -s, -N or -M: after showing it\n"
    "\n"
    "Queries:\n"
    "  -c <list>     primitives that the values of a query refer to: src_host,dst_port\n"
    "                a query is their values: 192.0.2.1,80; `*` matches anything; several between `;`;\n"
    "                file:<name> reads one query a line\n"
    "  -n <counter>  with -N: bytes (default), packets, flows, all\n"
    "  -S            with -N: one sum of all queries\n"
    "  -r            with -N or -M: zero the counters of what matched\n"
    "  -l            see the table as it is at one moment\n"
    "\n"
    "Output:\n"
    "  -T <counter>[,<n>]  with -s or -M: sort by bytes, packets or flows, show the first n\n"
    "  -O <format>   formatted (default), csv, json, event_formatted, event_csv\n"
    "  -E <char>     separator of csv; \\t and \\s for tab and blank\n"
    "  -a            show every column, used or not\n"
    "  -u            show IP protocols as numbers\n"
    "  -I            show times as seconds since the epoch\n"
    "  -0            show times in UTC\n"
    "\n"
    "  -p <path>     socket of the table (default: " IMT_PATH_DEFAULT ")\n"
    "  -V            version\n"
    "  -h            this help\n"
    "\n"
    "Exit status: 0 when the request was answered, 1 otherwise.\n";

static void name_version(void) { printf("pmacct IMT plugin client, pmacct %s", PACKAGE_VERSION); }

static void print_usage(void)
{
    name_version();
    printf(" (RELEASE)\n%s", usage);
}

/* An error in how the program was called: the text, and how to call it. */
static int bad_usage(const char *text)
{
    printf("ERROR: %s\n  Exiting...\n\n", text);
    print_usage();
    return 1;
}

static const struct {
    const char *word;
    enum counter counter;
} counters[] = {
    { "bytes", COUNTER_BYTES },
    { "packets", COUNTER_PACKETS },
    { "flows", COUNTER_FLOWS },
    { "all", COUNTER_ALL },
};

static enum counter counter_of(const char *word, size_t len)
{
    for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
        if (strlen(counters[i].word) == len && !strncasecmp(counters[i].word, word, len))
            return counters[i].counter;
    return COUNTER_NONE;
}

static void set_counter(struct options *o, const char *arg)
{
    enum counter c = counter_of(arg, strlen(arg));
    if (c == COUNTER_NONE)
        printf("WARN: -n, ignoring unknown counter type: %s.\n", arg);
    o->counter = c == COUNTER_NONE ? COUNTER_BYTES : c;
}

static void set_sort(struct options *o, const char *arg)
{
    size_t len = strcspn(arg, ",");
    enum counter c = counter_of(arg, len);
    if (c == COUNTER_NONE || c == COUNTER_ALL) {
        printf("WARN: -T, ignoring unknown counter type: %.*s.\n", (int)len, arg);
        return;
    }
    o->sort = c;
    o->top = arg[len] && isdigit((unsigned char)arg[len + 1]) ? strtoull(arg + len + 1, NULL, 10) : 0;
}

static const struct {
    const char *word;
    enum format_kind kind;
    bool events;
} formats[] = {
    { "formatted", FORMAT_TABLE, false }, { "csv", FORMAT_CSV, false },
    { "json", FORMAT_JSON, false },       { "event_formatted", FORMAT_TABLE, true },
    { "event_csv", FORMAT_CSV, true },
};

static void set_format(struct options *o, const char *arg)
{
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        if (!strcasecmp(formats[i].word, arg)) {
            o->style.kind = formats[i].kind;
            o->style.events = formats[i].events;
            return;
        }
    char lower[64];
    size_t n = 0;
    for (; n < sizeof(lower) - 1 && arg[n]; n++)
        lower[n] = (char)tolower((unsigned char)arg[n]);
    lower[n] = '\0';
    printf("WARN: -O, ignoring unknown output value: '%s'.\n", lower);
}

static int set_separator(struct options *o, const char *arg)
{
    if (!strcmp(arg, "\\t"))
        o->style.separator = '\t';
    else if (!strcmp(arg, "\\s"))
        o->style.separator = ' ';
    else if (strlen(arg) == 1)
        o->style.separator = *arg;
    else {
        printf("ERROR: -E option expects a single char as separator\n");
        return 1;
    }
    return -1;
}

/* -s -t -N -M -C -U exclude each other. */
static int set_mode(struct options *o, enum mode mode)
{
    if (o->mode != MODE_NONE && o->mode != mode)
        return bad_usage("-s, -t, -N, -M and -C options are each mutually exclusive.");
    o->mode = mode;
    return -1;
}

enum { FLAG_TOP = 256, EVERY_DEFAULT = 2, EVERY_MAX = 3600 };

static int set_top(struct options *o, const char *arg)
{
    char *end = NULL;
    const long s = arg ? strtol(arg, &end, 10) : EVERY_DEFAULT;
    const long n = end && *end == ',' ? strtol(end + 1, &end, 10) : 0;
    if (s < 1 || s > EVERY_MAX || n < 0 || n > 1000000 || (end && *end))
        return bad_usage("--top takes seconds from 1 to 3600, and how many times: --top=5,10");
    o->live = true;
    o->every_s = (int)s;
    o->times = (unsigned)n;
    return -1;
}

static int version(void)
{
    name_version();
    printf(" [RELEASE]\n");
    build_print();
    return 0;
}

/* One flag. Returns -1 to go on, or the exit status. */
static int set_flag(struct options *o, int flag, char *arg)
{
    switch (flag) {
    case 's':
        return set_mode(o, MODE_TABLE);
    case 't':
        return set_mode(o, MODE_BUCKETS);
    case 'C':
        return set_mode(o, MODE_CLASSES);
    case 'U':
        return set_mode(o, MODE_CUSTOM);
    case 'N':
    case 'M':
        o->query = arg;
        return set_mode(o, flag == 'N' ? MODE_COUNT : MODE_MATCH);
    case 'c':
        o->primitives = arg;
        break;
    case 'n':
        set_counter(o, arg);
        break;
    case 'T':
        set_sort(o, arg);
        break;
    case 'O':
        set_format(o, arg);
        break;
    case 'E':
        return set_separator(o, arg);
    case 'p':
        o->path = arg;
        break;
    case 'S':
        o->sum = true;
        break;
    case 'a':
        o->style.all_columns = true;
        break;
    case 'r':
        o->reset = true;
        break;
    case 'l':
        o->lock = true;
        break;
    case 'e':
        o->erase = true;
        break;
    case 'i':
        o->since = true;
        break;
    case 'u':
        o->style.num_protos = true;
        break;
    case 'I':
        o->style.time.epoch = true;
        break;
    case '0':
        o->style.time.utc = true;
        break;
    case FLAG_TOP:
        return set_top(o, arg);
    case 'V':
        return version();
    case 'h':
        print_usage();
        return 0;
    default:
        return bad_usage("parameter ? unknown! ");
    }
    return -1;
}

/* Flags that make sense only beside others. */
static int check(const struct options *o)
{
    bool queries = o->mode == MODE_COUNT || o->mode == MODE_MATCH;
    if (o->live && (o->erase || o->reset || o->since || (o->mode != MODE_NONE && o->mode != MODE_MATCH)))
        return bad_usage("--top goes with -c and -M, -T, -u and -p alone.");
    if (o->mode == MODE_NONE && !o->erase && !o->since && !o->live)
        return bad_usage("no options specified. Either -s, -e, -t, -M, -N or -C must be supplied. ");
    if (queries && !o->primitives)
        return bad_usage("-N or -M selected but -c has not been specified or is invalid.");
    if (o->reset && !queries)
        return bad_usage("-r selected but either -N or -M has not been specified.");
    if ((o->counter != COUNTER_NONE || o->sum) && o->mode != MODE_COUNT)
        return bad_usage("-n and -S options apply only to -N");
    if (o->sort != COUNTER_NONE && o->mode != MODE_TABLE && o->mode != MODE_MATCH && !o->live)
        return bad_usage("-T option applies only to -M or -s");
    return -1;
}

int options_parse(int argc, char **argv, struct options *o)
{
    *o = (struct options){
        .path = IMT_PATH_DEFAULT,
        .style = { .kind = FORMAT_TABLE, .order = ORDER_CLIENT, .separator = ',', .client = true }
    };
    static const struct option words[] = { { "top", optional_argument, NULL, FLAG_TOP },
                                           { "help", no_argument, NULL, 'h' },
                                           { "version", no_argument, NULL, 'V' },
                                           { 0 } };
    opterr = 0;
    for (int flag; (flag = getopt_long(argc, argv, flags, words, NULL)) != -1;) {
        int status = set_flag(o, flag, optarg);
        if (status != -1)
            return status;
    }
    if (o->style.kind == FORMAT_JSON)
        o->style.order = ORDER_JSON;
    return check(o);
}
