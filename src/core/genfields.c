/* SPDX-License-Identifier: BSD-2-Clause */
/* Prints docs/primitives.md from fields.def: which daemon fills what, and what outputs call it. The build
 * compares it with what is committed, tests/system/test_primitives.py takes its cases from it. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "core/fields.h"

static const char *const headings[FG_MAX] = {
    [FG_L2] = "Layer 2",        [FG_L3] = "Layer 3",         [FG_L4] = "Layer 4",
    [FG_BGP] = "Routing",       [FG_NAT] = "Translation",    [FG_TUNNEL] = "Tunnels",
    [FG_MPLS] = "MPLS and VPN", [FG_MISC] = "Miscellaneous", [FG_TIME] = "Times",
};

static const struct {
    char letter;
    uint8_t routes; /* flag: routes alone bring it here */
} daemons[] = { { 'P', F_ROUTES_P }, { 'U', F_ROUTES_P }, { 'N', F_ROUTES_N }, { 'S', F_ROUTES_S } };

static const char *who(const struct field *f, unsigned d)
{
    if (strchr(f->daemons, daemons[d].letter))
        return f->flags & F_STITCH ? "stitching" : f->flags & daemons[d].routes ? "routes" : "yes";
    return strchr(f->daemons, tolower(daemons[d].letter)) ? "unlisted" : "-";
}

/* Latitude and longitude are two columns. */
static void print_name(const struct field *f, const char *name)
{
    const char *lat = f->kind == FK_COORDS ? strcasestr(name, "lat") : NULL;
    if (!*name)
        printf(" - |");
    else if (lat)
        printf(" `%s` `%.*s%s%s` |", name, (int)(lat - name), name, *lat == 'l' ? "lon" : "LON", lat + 3);
    else
        printf(" `%s` |", name);
}

static void print_row(const struct field *f)
{
    printf("| `%s` |", f->name);
    for (unsigned d = 0; d < sizeof(daemons) / sizeof(daemons[0]); d++)
        printf(" %s |", who(f, d));
    print_name(f, f->title);
    printf(" %s |", f->width ? "yes" : "-");
    print_name(f, f->json);
    print_name(f, f->sql);
    printf(" %s |\n", f->text);
}

int main(void)
{
    puts("# Primitives\n\nGenerated from src/core/fields.def: every word of `aggregate`, who fills it, and "
         "what each output calls it.\n\n"
         "- yes: the daemon fills it in, and lists it with `-a`. unlisted: it does so too, without listing "
         "it.\n"
         "- routes: it comes from a lookup of BGP, BMP or RPKI data, and from nothing else in this daemon; "
         "empty without.\n"
         "- stitching: written with `nfacctd_stitching` (or its like), no word of `aggregate`.\n"
         "- CSV titles are those of formatted output as well, where that has the column. JSON names are "
         "those of the client, of\n"
         "  brokers and of Avro. A column `src_port` is `port_src` in tables of `sql_table_type: bgp`, and "
         "so on: see the manual.\n");
    for (unsigned group = 0; group < FG_MAX; group++) {
        printf("\n## %s\n\n| primitive | pmacctd | uacctd | nfacctd | sfacctd | CSV | formatted | JSON | SQL "
               "| what it is |\n"
               "|---|---|---|---|---|---|---|---|---|---|\n",
               headings[group]);
        for (unsigned i = 0; i < FIELD_MAX; i++)
            if (fields[i].group == group)
                print_row(&fields[i]);
    }
    puts("\n## Counters and sums\n\n`packets` and `bytes` are always there, `flows` where `aggregate` has "
         "the word. `sum_host` (`sum`), `sum_net`, `sum_as`,\n"
         "`sum_port` and `sum_mac` enter each record twice, once under its source and once under its "
         "destination; `none` is one grand\n"
         "total. `class_frame` is `class`, `export_proto_time` is `timestamp_export`. Primitives of the site "
         "come from\n"
         "`aggregate_primitives`: docs/maps.md.");
    return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 1;
}
