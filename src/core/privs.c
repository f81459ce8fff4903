/* SPDX-License-Identifier: BSD-2-Clause */
/* Giving privileges up. */
#include "core/privs.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

int privs_drop(const char *user, struct err *e)
{
    if (!user)
        return 0;
    struct passwd *pw = getpwnam(user);
    if (!pw)
        return err_set(e, ERR_CONFIG, "user: there is no user '%s' on this machine", user);
    if (geteuid() == pw->pw_uid)
        return 0;
    if (initgroups(user, pw->pw_gid) == -1 || setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) == -1 ||
        setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) == -1)
        return err_sys(e, "cannot become user '%s'", user);
    return 0;
}
