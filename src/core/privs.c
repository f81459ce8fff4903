/* SPDX-License-Identifier: BSD-2-Clause */
/* Giving privileges up. */
#include "core/privs.h"

#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static int keep_capture(struct err *e)
{
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[2] = { { .effective = 1 << CAP_NET_RAW,
                                                .permitted = 1 << CAP_NET_RAW } };
    if (syscall(SYS_capset, &head, data) == -1)
        return err_sys(e, "cannot keep the capability to capture");
    return 0;
}

int privs_drop(const char *user, enum privs_kept kept, struct err *e)
{
    if (!user)
        return 0;
    struct passwd *pw = getpwnam(user);
    if (!pw)
        return err_set(e, ERR_CONFIG, "user: there is no user '%s' on this machine", user);
    if (geteuid() == pw->pw_uid)
        return 0;
    if (kept == PRIVS_CAPTURE && prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == -1)
        return err_sys(e, "cannot keep the capability to capture");
    if (initgroups(user, pw->pw_gid) == -1 || setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) == -1 ||
        setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) == -1)
        return err_sys(e, "cannot become user '%s'", user);
    return kept == PRIVS_CAPTURE ? keep_capture(e) : 0;
}
