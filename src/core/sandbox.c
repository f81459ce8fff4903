/* SPDX-License-Identifier: BSD-2-Clause */
/* Filters of system calls: sandbox.def as a libseccomp filter. daemon.c, spawner.c and plugin_process.c enter
 * it when they have given up their privileges. */
#include "config.h"
#include "core/sandbox.h"

#include <errno.h>
#include <linux/netlink.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/socket.h>

enum {
    C = SANDBOX_CORE,
    P = SANDBOX_PLUGIN,
    S = SANDBOX_SPAWNER,
};

static const struct row {
    const char *call;
    unsigned kinds;
} rows[] = {
#define CALL(name, kinds) { #name, (kinds) },
#include "core/sandbox.def"
#undef CALL
};

/* Families of sockets: no others are made, whatever protocols the kernel has modules for. */
static const struct family {
    int family;
    unsigned kinds;
} families[] = {
    { AF_UNIX, C | P | S },  { AF_INET, C | P | S },
    { AF_INET6, C | P | S }, { AF_NETLINK, C | P | S }, /* names of interfaces, getaddrinfo */
    { AF_PACKET, C },                                   /* captures; with CAP_NET_RAW */
};

static const char *const kind_names[] = { [C] = "core", [P] = "plugin", [S] = "spawner" };

static uint32_t action_of(int word)
{
    switch ((enum seccomp)word) {
    case SECCOMP_KILL:
        return SCMP_ACT_KILL_PROCESS;
    case SECCOMP_LOG:
        return SCMP_ACT_LOG;
    default:
        return SCMP_ACT_ERRNO(ENOSYS);
    }
}

/* A call that this architecture does not have, or this libseccomp does not know, needs no row. */
static int allow(scmp_filter_ctx f, const char *name, unsigned n, struct scmp_arg_cmp arg)
{
    const int nr = seccomp_syscall_resolve_name(name);
    if (nr == __NR_SCMP_ERROR || nr < 0)
        return 0;
    return seccomp_rule_add_array(f, SCMP_ACT_ALLOW, nr, n, &arg);
}

/* A condition on the first argument. */
static struct scmp_arg_cmp first(enum scmp_compare op, scmp_datum_t a, scmp_datum_t b)
{
    return (struct scmp_arg_cmp){ .arg = 0, .op = op, .datum_a = a, .datum_b = b };
}

static int allow_rows(scmp_filter_ctx f, unsigned kind)
{
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].kinds & kind)
            rc = allow(f, rows[i].call, 0, first(SCMP_CMP_EQ, 0, 0));
    for (unsigned i = 0; rc == 0 && i < sizeof(families) / sizeof(families[0]); i++)
        if (families[i].kinds & kind)
            rc = allow(f, "socket", 1, first(SCMP_CMP_EQ, (scmp_datum_t)families[i].family, 0));
    if (rc == 0) /* threads, and the children of the spawner: none in a namespace of its own */
        rc = allow(f, "clone", 1,
                   first(SCMP_CMP_MASKED_EQ,
                         CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC |
                             CLONE_NEWUTS | CLONE_NEWCGROUP,
                         0));
    return rc;
}

/* In all threads: libraries may have some by now. */
static int load(scmp_filter_ctx f, bool told)
{
    seccomp_attr_set(f, SCMP_FLTATR_CTL_TSYNC, 1);
    seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a binary tree */
    seccomp_attr_set(f, SCMP_FLTATR_CTL_SSB, 1); /* older kernels make all slower for a filter otherwise */
    seccomp_attr_set(f, SCMP_FLTATR_CTL_LOG, told);
    const int rc = seccomp_load(f);
    seccomp_release(f);
    return rc;
}

/* clone3 has its flags in memory, where no filter looks. The C library tries it for each thread and takes
 * clone where it is unknown: a filter of its own, so that this is not told to the log as other refusals are.
 */
static int hide_clone3(void)
{
    const int nr = seccomp_syscall_resolve_name("clone3");
    scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
    if (!f || nr < 0 || seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), nr, 0) != 0) {
        seccomp_release(f);
        return 0;
    }
    return load(f, false);
}

static int load_list(enum sandbox_kind kind, int word)
{
    scmp_filter_ctx f = seccomp_init(action_of(word));
    if (!f)
        return -ENOMEM;
    const int rc = allow_rows(f, kind);
    if (rc == 0)
        return load(f, word == SECCOMP_REFUSE);
    seccomp_release(f);
    return rc;
}

int sandbox_enter(enum sandbox_kind kind, const struct config *c, const struct log *l, struct err *e)
{
    if (c->seccomp == SECCOMP_OFF || BUILD_KIND[0] != '\0')
        return 0;
    int rc = hide_clone3();
    if (rc == 0)
        rc = load_list(kind, c->seccomp);
    if (rc == 0) {
        log_debug(l, "seccomp: the filter of the %s is in place", kind_names[kind]);
        return 0;
    }
    if (rc == -EINVAL || rc == -ENOSYS || rc == -EOPNOTSUPP) { /* a kernel without: as it was */
        log_warn(l, "seccomp: this kernel has no filters (%s): system calls are not filtered", strerror(-rc));
        return 0;
    }
    return err_set(e, ERR_SYS, "seccomp: cannot load the filter of the %s: %s (`seccomp: off` does without)",
                   kind_names[kind], strerror(-rc));
}
