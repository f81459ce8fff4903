/* SPDX-License-Identifier: BSD-2-Clause */
/* How long the inputs of a target may get, told to libFuzzer before it reads its options (-max_len on the
 * command line stands). Its own bound is 4,096 octets; where one message fits into fewer, longer inputs say
 * the same again and cost the more. Linked into every target of a build with --enable-fuzzer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);

/* Seeds in corpus/ may be longer: `make check` replays them whole. */
static const struct {
    const char *target;
    unsigned max_len;
} bounds[] = {
    { "bgp_mrt", 2048 },      /* some records of a table */
    { "bgp_nlri", 512 },      /* many routes */
    { "bmp_station", 1024 },  /* some messages */
    { "config", 512 },        /* many lines */
    { "dtls", 256 },          /* some handshakes */
    { "ipfix_session", 512 }, /* some messages */
    { "lists", 512 },         /* the same */
    { "mapfile", 512 },       /* the same */
    { "memory_web", 512 },    /* several requests */
    { "netflow", 1024 },      /* some templates and their data */
    { "redis", 512 },         /* some answers */
    { "rtr_session", 512 },   /* many PDUs */
    { "session_maps", 512 },  /* many lines */
    { "sflow2", 1536 },       /* a few samples with their headers */
    { "sflow4", 1536 },       /* the same */
    { "sflow5", 1536 },       /* the same */
    { "spool", 2048 },        /* a head and a few rows */
    { "tagmap", 768 },        /* many lines */
    { "tcp_streams", 512 },   /* 100 segments */
    { "tele_framing", 512 },  /* several messages */
    { "tele_grpc", 1024 },    /* many frames */
    { "tele_notif", 1024 },   /* many datagrams */
};

static unsigned bound_of(const char *program)
{
    const char *slash = strrchr(program, '/'), *name = slash ? slash + 1 : program;
    for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++)
        if (!strncmp(name, "fuzz_", 5) && !strcmp(name + 5, bounds[i].target))
            return bounds[i].max_len;
    return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static char option[32];
    const unsigned bound = bound_of((*argv)[0]);
    for (int i = 1; i < *argc; i++)
        if (!strncmp((*argv)[i], "-max_len=", 9))
            return 0;
    char **more = bound ? calloc((size_t)*argc + 2, sizeof(*more)) : NULL;
    if (!more)
        return 0;
    snprintf(option, sizeof(option), "-max_len=%u", bound);
    more[0] = (*argv)[0];
    more[1] = option;
    memcpy(more + 2, *argv + 1, (size_t)(*argc - 1) * sizeof(*more));
    *argv = more;
    ++*argc;
    return 0;
}
