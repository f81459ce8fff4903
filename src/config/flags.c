/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of flags, the loop over argv, and the text of -h. Called by parse.c before it reads the file. */
#include "config/flags.h"

#include <getopt.h>
#include <string.h>

#include "config/lex.h"
#include "config/values.h"

#define TRAFFIC "PNSU"
#define EVERY "PNSUBMT"

const struct flag flag_table[] = {
    { .letter = 'a', .daemons = TRAFFIC, .help = "list the primitives that `aggregate` knows, and exit" },
    { .letter = 'f', .daemons = EVERY, .help = "read this configuration file; flags go before it" },
    { .letter = 'h', .daemons = EVERY, .help = "show this text, and exit" },
    { .letter = 'V', .daemons = EVERY, .help = "show version and what is built in, and exit" },
    { .letter = 'A', .daemons = TRAFFIC, .key = "print_output_file_append", .value = "true" },
    { .letter = 'b', .daemons = TRAFFIC, .key = "imt_buckets" },
    { .letter = 'c', .daemons = TRAFFIC, .key = "aggregate" },
    { .letter = 'd', .daemons = EVERY, .key = "debug", .value = "true" },
    { .letter = 'D', .daemons = EVERY, .key = "daemonize", .value = "true" },
    { .letter = 'E', .daemons = TRAFFIC, .key = "print_output_separator" },
    { .letter = 'F', .daemons = EVERY, .key = "pidfile" },
    { .letter = 'g', .daemons = "U", .key = "uacctd_group" },
    { .letter = 'g', .daemons = "B", .key = "bgp_daemon_lg", .value = "true" },
    { .letter = 'i', .daemons = "P", .key = "pcap_interface" },
    { .letter = 'i', .daemons = "B", .key = "bgp_table_dump_refresh_time" },
    { .letter = 'i', .daemons = "M", .key = "bmp_dump_refresh_time" },
    { .letter = 'i', .daemons = "T", .key = "telemetry_dump_refresh_time" },
    { .letter = 'I', .daemons = "PNSM", .key = "pcap_savefile" },
    { .letter = 'l', .daemons = "N", .key = "nfacctd_port" },
    { .letter = 'l', .daemons = "S", .key = "sfacctd_port" },
    { .letter = 'l', .daemons = "B", .key = "bgp_daemon_port" },
    { .letter = 'l', .daemons = "M", .key = "bmp_daemon_port" },
    { .letter = 'L', .daemons = "PU", .key = "snaplen" },
    { .letter = 'L', .daemons = "N", .key = "nfacctd_ip" },
    { .letter = 'L', .daemons = "S", .key = "sfacctd_ip" },
    { .letter = 'L', .daemons = "B", .key = "bgp_daemon_ip" },
    { .letter = 'L', .daemons = "M", .key = "bmp_daemon_ip" },
    { .letter = 'L', .daemons = "T", .key = "telemetry_daemon_ip" },
    { .letter = 'm', .daemons = TRAFFIC, .key = "imt_mem_pools_number" },
    { .letter = 'm', .daemons = "B", .key = "bgp_daemon_xconnect_map" },
    { .letter = 'M', .daemons = TRAFFIC, .key = "print_markers", .value = "true" },
    { .letter = 'n', .daemons = TRAFFIC, .key = "networks_file" },
    { .letter = 'N', .daemons = "P", .key = "promisc", .value = "false" },
    { .letter = 'o', .daemons = TRAFFIC, .key = "print_output_file" },
    { .letter = 'o', .daemons = "B", .key = "bgp_daemon_msglog_file" },
    { .letter = 'o', .daemons = "M", .key = "bmp_daemon_msglog_file" },
    { .letter = 'o', .daemons = "T", .key = "telemetry_daemon_msglog_file" },
    { .letter = 'O', .daemons = TRAFFIC, .key = "print_output" },
    { .letter = 'O', .daemons = "B", .key = "bgp_table_dump_file" },
    { .letter = 'O', .daemons = "M", .key = "bmp_dump_file" },
    { .letter = 'O', .daemons = "T", .key = "telemetry_dump_file" },
    { .letter = 'p', .daemons = TRAFFIC, .key = "imt_path" },
    { .letter = 'P', .daemons = TRAFFIC, .key = "plugins" },
    { .letter = 'r', .daemons = TRAFFIC, .key = "print_refresh_time" },
    { .letter = 'R', .daemons = TRAFFIC, .key = "nfacctd_renormalize", .value = "true" },
    { .letter = 'R', .daemons = "M", .key = "pcap_filter" },
    { .letter = 's', .daemons = TRAFFIC, .key = "imt_mem_pools_size" },
    { .letter = 'S', .daemons = EVERY, .key = "syslog" },
    { .letter = 't', .daemons = TRAFFIC, .key = "ports_file" },
    { .letter = 't', .daemons = "T", .key = "telemetry_daemon_port_tcp" },
    { .letter = 'T', .daemons = "PNSUBT", .key = "dry_run" },
    /* -T was the capture filter of pmbmpd before it was the dry run. */
    { .letter = 'T', .daemons = "M", .key = "dry_run", .otherwise = "pcap_filter" },
    { .letter = 'u', .daemons = TRAFFIC, .key = "print_num_protos", .value = "true" },
    { .letter = 'u', .daemons = "T", .key = "telemetry_daemon_port_udp" },
    { .letter = 'w', .daemons = "P", .key = "pcap_interface_wait", .value = "true" },
    { .letter = 'W', .daemons = "PNS", .key = "pcap_savefile_wait", .value = "true" },
    { .letter = 'Y', .daemons = "PNSM", .key = "pcap_savefile_replay" },
    { .letter = 'z', .daemons = "P", .key = "pmacctd_nonroot", .value = "true" },
    { .letter = 'Z', .daemons = "PNSM", .key = "pcap_savefile_delay" },
    { .letter = '\0' },
};

enum { OPT_STRICT = 256, OPT_CHECK, OPT_SCHEMA, OPT_EXPLAIN };

static const struct option long_options[] = {
    { "help", no_argument, NULL, 'h' },
    { "version", no_argument, NULL, 'V' },
    { "strict", no_argument, NULL, OPT_STRICT },
    { "check-config", no_argument, NULL, OPT_CHECK },
    { "print-schema", required_argument, NULL, OPT_SCHEMA },
    { "explain", required_argument, NULL, OPT_EXPLAIN },
    { NULL, 0, NULL, 0 },
};

static bool known_in(const struct flag *f, char daemon) { return strchr(f->daemons, daemon) != NULL; }

static bool takes_argument(const struct flag *f) { return f->key ? !f->value : f->letter == 'f'; }

static const struct flag *flag_find(char letter, char daemon)
{
    for (const struct flag *f = flag_table; f->letter; f++)
        if (f->letter == letter && known_in(f, daemon))
            return f;
    return NULL;
}

char flag_of_key(const struct key *k, char daemon)
{
    for (const struct flag *f = flag_table; f->letter; f++)
        if (f->key && known_in(f, daemon) && !strcmp(f->key, k->name))
            return f->letter;
    return '\0';
}

/* The string that getopt(3) wants. */
static void option_string(char daemon, char *buf)
{
    for (const struct flag *f = flag_table; f->letter; f++) {
        if (!known_in(f, daemon))
            continue;
        *buf++ = f->letter;
        if (takes_argument(f))
            *buf++ = ':';
    }
    *buf = '\0';
}

static int take(struct store *st, const struct flag *f, const char *argument, struct flags *out)
{
    struct place at = { .flag = f->letter };
    const char *text = f->value ? f->value : argument;
    const struct key *k = key_find(f->key);
    struct value v;
    if (strlen(text) > LINE_LIMIT) {
        store_say(st, SAY_ERROR, &at, "an argument of more than %d octets", LINE_LIMIT);
        return -1;
    }
    if (f->otherwise && value_parse(key_root(k), text, &v, NULL) == -1)
        k = key_find(f->otherwise);
    char *value = store_text(st, text, strlen(text));
    if (!value)
        return -1;
    out->items[out->n_items++] = (struct item){ .key = k, .value = value, .at = at };
    return 0;
}

/* The words that are no flags, joined by blanks. */
static const char *join(struct store *st, int n, char **words)
{
    size_t len = 0;
    for (int i = 0; i < n; i++)
        len += strlen(words[i]) + 1;
    char *text = n ? store_alloc(st, len + 1) : NULL, *to = text;
    for (int i = 0; text && i < n; i++) {
        if (i)
            *to++ = ' ';
        to = stpcpy(to, words[i]);
    }
    return text;
}

static enum flags_verdict read_one(struct store *st, char daemon, int c, const char *argument,
                                   struct flags *out)
{
    switch (c) {
    case 'h':
        return FLAGS_HELP;
    case 'V':
        return FLAGS_VERSION;
    case 'a':
        return FLAGS_LIST;
    case OPT_STRICT:
        out->strict = true;
        return FLAGS_RUN;
    case OPT_CHECK:
        out->check = true;
        return FLAGS_RUN;
    case OPT_SCHEMA:
        out->about = argument;
        return FLAGS_SCHEMA;
    case OPT_EXPLAIN:
        out->about = argument;
        return FLAGS_EXPLAIN;
    case 'f':
        out->file = store_text(st, argument, strlen(argument));
        return out->file ? FLAGS_RUN : FLAGS_WRONG;
    default: {
        const struct flag *f = flag_find((char)c, daemon);
        return f && take(st, f, argument, out) == 0 ? FLAGS_RUN : FLAGS_WRONG;
    }
    }
}

enum flags_verdict flags_read(struct store *st, char daemon, int argc, char **argv, struct flags *out)
{
    char letters[2 * sizeof(flag_table) / sizeof(flag_table[0])];
    option_string(daemon, letters);
    *out = (struct flags){ 0 };
    /* A bundle such as -dDM has more flags than words. */
    size_t most = 1;
    for (int i = 1; i < argc; i++)
        most += strlen(argv[i]) + 1;
    out->items = store_alloc(st, most * sizeof(struct item));
    optind = 0; /* starts anew: tests call this more than once */
    for (int c; out->items && (c = getopt_long(argc, argv, letters, long_options, NULL)) != -1;) {
        enum flags_verdict v = c == '?' ? FLAGS_WRONG : read_one(st, daemon, c, optarg, out);
        if (v != FLAGS_RUN)
            return v;
    }
    out->rest = join(st, argc - optind, argv + optind);
    return st->failed ? FLAGS_WRONG : FLAGS_RUN;
}

void flags_usage(FILE *f, const struct config_spec *spec)
{
    bool filter = spec->daemon == 'P';
    fprintf(f, "usage: %s [flags]%s\n\n", spec->progname,
            filter ? " [capture filter, when there is no -f]" : "");
    for (const struct flag *x = flag_table; x->letter; x++) {
        if (!known_in(x, spec->daemon))
            continue;
        const struct key *k = x->key ? key_root(key_find(x->key)) : NULL;
        fprintf(f, "  -%c %-6s %s\n", x->letter,
                !takes_argument(x) ? ""
                : k                ? "VALUE"
                                   : "FILE",
                k ? k->help : x->help);
        if (k)
            fprintf(f, "            [%s%s%s]\n", x->key, x->value ? ": " : "", x->value ? x->value : "");
    }
    fputs(
        "  --strict        refuse to start on anything doubtful: unknown keys, keys that this build cannot "
        "honour\n"
        "  --check-config  say what is wrong or useless in the configuration, and exit: 0 is fine, 1 is not\n"
        "  --explain KEY   say what a key does and takes, or list those with this word in their names, and "
        "exit\n"
        "  --print-schema DB  print the tables of sqlite3, pgsql or mysql as SQL, and exit\n"
        "  --help, --version\n\n"
        "Every flag but the first four sets the key in brackets, whatever the file says. "
        "pmacct.conf(5) describes all keys.\n",
        f);
}
