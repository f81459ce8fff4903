/* SPDX-License-Identifier: BSD-2-Clause */
/* Giving privileges up. Capabilities are set through the kernel's own interface: what is wanted is two masks,
 * and no library is worth a dependency for that. */
#include "config.h"
#include "core/privs.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CAP(name) (UINT64_C(1) << CAP_##name)

/* What the spawner needs so that a plugin which it forks can open files, sockets and rings as the first one
 * did. */
static const uint64_t openers = CAP(CHOWN) | CAP(DAC_OVERRIDE) | CAP(DAC_READ_SEARCH) | CAP(FOWNER) |
                                CAP(FSETID) | CAP(SETGID) | CAP(SETUID) | CAP(SETPCAP) |
                                CAP(NET_BIND_SERVICE) | CAP(NET_ADMIN) | CAP(NET_RAW) | CAP(IPC_LOCK) |
                                CAP(SYS_NICE) | CAP(SYS_RESOURCE);

static uint64_t mask_of(unsigned kept)
{
    static const struct {
        enum privs_kept what;
        uint64_t caps;
    } rows[] = { { PRIVS_CAPTURE, CAP(NET_RAW) }, { PRIVS_LOW_PORTS, CAP(NET_BIND_SERVICE) } };
    uint64_t mask = 0;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (kept & rows[i].what)
            mask |= rows[i].caps;
    return mask;
}

static int permitted(uint64_t *mask, struct err *e)
{
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[2] = { { 0 } };
    if (syscall(SYS_capget, &head, data) == -1)
        return err_sys(e, "cannot ask for the capabilities of the process");
    *mask = data[0].permitted | (uint64_t)data[1].permitted << 32;
    return 0;
}

static int set_caps(uint64_t mask, struct err *e)
{
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    const uint32_t low = (uint32_t)mask, high = (uint32_t)(mask >> 32);
    struct __user_cap_data_struct data[2] = { { .effective = low, .permitted = low },
                                              { .effective = high, .permitted = high } };
    if (syscall(SYS_capset, &head, data) == -1)
        return err_sys(e, "cannot give capabilities up");
    return 0;
}

/* What programs that this process runs may have at most. Who may not change that (no CAP_SETPCAP) was not
 * started with much, and NoNewPrivileges bounds programs just as well. */
static void bound(uint64_t mask)
{
    for (int cap = 0; cap < 64 && prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
        if (!(mask >> cap & 1))
            prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
}

/* The account by number only: it has the group that it is given, and no others. */
static int change_ids(uid_t uid, gid_t gid, struct err *e)
{
    const struct passwd *pw = getpwuid(uid);
    if ((pw ? initgroups(pw->pw_name, gid) : setgroups(1, &gid)) == -1 || setresgid(gid, gid, gid) == -1)
        return err_sys(e, "group: cannot become group %ld", (long)gid);
    if (setresuid(uid, uid, uid) == -1)
        return err_sys(e, "user: cannot become user %ld", (long)uid);
    return 0;
}

int privs_group(const struct config *c)
{
    if (c->run_gid != -1 || c->run_uid == -1)
        return c->run_gid;
    const struct passwd *pw = getpwuid((uid_t)c->run_uid);
    return pw ? (int)pw->pw_gid : -1;
}

int privs_drop(const struct config *c, unsigned kept, struct err *e)
{
    uint64_t have = 0;
    if (c->run_uid == -1 && c->run_gid == -1)
        return 0;
    const bool was_user = geteuid() != 0;
    const uid_t uid = c->run_uid == -1 ? geteuid() : (uid_t)c->run_uid;
    const gid_t gid = privs_group(c) == -1 ? getegid() : (gid_t)privs_group(c);
    const uint64_t mask = mask_of(kept);
    if (permitted(&have, e) == -1)
        return -1;
    bound(mask);
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == -1)
        return err_sys(e, "cannot keep capabilities");
    if ((geteuid() != uid || getegid() != gid) && change_ids(uid, gid, e) == -1)
        return -1;
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    /* A service manager that gave no more than this may refuse the call itself. `group` alone: root stays
     * root. */
    const bool same = was_user && (have & ~mask) == 0;
    if (uid != 0 && !same && set_caps(mask & have, e) == -1)
        return -1;
    prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
        return err_sys(e, "cannot set NoNewPrivileges");
    privs_hide_memory(c); /* another account is a new beginning to the kernel */
    return 0;
}

int privs_trim(const struct config *c, struct err *e)
{
    uint64_t have = 0;
    if (c->run_uid == -1 && c->run_gid == -1)
        return 0;
    if (permitted(&have, e) == -1)
        return -1;
    bound(openers);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
        return err_sys(e, "cannot set NoNewPrivileges");
    return set_caps(have & openers, e);
}

void privs_hide_memory(const struct config *c)
{
    if (!*BUILD_KIND)
        prctl(PR_SET_DUMPABLE, c->core_dumps ? 1 : 0, 0, 0, 0);
}
