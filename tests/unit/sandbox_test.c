/* SPDX-License-Identifier: BSD-2-Clause */
/* Filters of system calls: what a process of each kind may still do, and what becomes of the rest. Each case
 * is a child process, since there is no way back out of a filter. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "core/sandbox.h"

enum { NOT_ENTERED = 200 };

static void *nothing(void *arg) { return arg; }

/* 0, or an errno. */
static int do_thread(void)
{
    pthread_t t;
    int rc = pthread_create(&t, NULL, nothing, NULL);
    return rc ? rc : pthread_join(t, NULL);
}

static int failed(long rc) { return rc == -1 ? errno : 0; }

static int do_file(void)
{
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    return failed(fd == -1 ? -1 : write(fd, "x", 1));
}

static int do_udp(void) { return failed(socket(AF_INET, SOCK_DGRAM, 0)); }
static int do_alg(void) { return failed(socket(AF_ALG, SOCK_SEQPACKET, 0)); }
static int do_packet(void)
{
    int why = failed(socket(AF_PACKET, SOCK_RAW, 0));
    return why == EPERM ? 0 : why; /* asked and denied by the kernel: no filter in the way */
}
static int do_exec(void)
{
    char *argv[] = { (char *)"true", NULL };
    return failed(execv("/nonexistent/true", argv)) == ENOENT ? 0 : errno;
}
static int do_trace(void) { return failed(ptrace(PTRACE_TRACEME, 0, 0, 0)); }
static int do_namespace(void) { return failed(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0)); }
static int do_fork(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    return failed(waitpid(pid, NULL, 0));
}
static int do_setuid(void) { return failed(setresuid(geteuid(), geteuid(), geteuid())); }
static int do_mount(void)
{
    return failed(syscall(SYS_mount, "x", "/nonexistent", "x", 0, 0)) == ENOSYS ? ENOSYS : 0;
}

/* The exit status of a child that enters the filter and does it: an errno, or 128 + signal. */
static int in_filter(enum sandbox_kind kind, int word, int (*act)(void))
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        const struct config c = { .seccomp = word };
        struct err e;
        if (sandbox_enter(kind, &c, &(struct log){ .sink = NULL }, &e) == -1)
            _exit(NOT_ENTERED);
        _exit(act());
    }
    waitpid(pid, &status, 0);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static const struct row {
    const char *name;
    enum sandbox_kind kind;
    int word;
    int (*act)(void);
    int want;
} rows[] = {
    { "core: files", SANDBOX_CORE, SECCOMP_REFUSE, do_file, 0 },
    { "core: sockets", SANDBOX_CORE, SECCOMP_REFUSE, do_udp, 0 },
    { "core: packet sockets", SANDBOX_CORE, SECCOMP_REFUSE, do_packet, 0 },
    { "core: sockets of other families", SANDBOX_CORE, SECCOMP_REFUSE, do_alg, ENOSYS },
    { "core: threads", SANDBOX_CORE, SECCOMP_REFUSE, do_thread, 0 },
    { "core: threads where all else kills", SANDBOX_CORE, SECCOMP_KILL, do_thread, 0 },
    { "core: programs", SANDBOX_CORE, SECCOMP_REFUSE, do_exec, ENOSYS },
    { "core: tracing", SANDBOX_CORE, SECCOMP_REFUSE, do_trace, ENOSYS },
    { "core: namespaces", SANDBOX_CORE, SECCOMP_REFUSE, do_namespace, ENOSYS },
    { "core: mounts", SANDBOX_CORE, SECCOMP_REFUSE, do_mount, ENOSYS },
    { "core: other users", SANDBOX_CORE, SECCOMP_REFUSE, do_setuid, ENOSYS },
    { "plugin: files", SANDBOX_PLUGIN, SECCOMP_REFUSE, do_file, 0 },
    { "plugin: threads", SANDBOX_PLUGIN, SECCOMP_REFUSE, do_thread, 0 },
    { "plugin: packet sockets", SANDBOX_PLUGIN, SECCOMP_REFUSE, do_packet, ENOSYS },
    { "plugin: programs", SANDBOX_PLUGIN, SECCOMP_REFUSE, do_exec, ENOSYS },
    { "plugin: other users", SANDBOX_PLUGIN, SECCOMP_REFUSE, do_setuid, ENOSYS },
    { "spawner: children", SANDBOX_SPAWNER, SECCOMP_REFUSE, do_fork, 0 },
    { "spawner: other users", SANDBOX_SPAWNER, SECCOMP_REFUSE, do_setuid, 0 },
    { "spawner: programs", SANDBOX_SPAWNER, SECCOMP_REFUSE, do_exec, ENOSYS },
    { "kill", SANDBOX_CORE, SECCOMP_KILL, do_trace, 128 + SIGSYS },
    { "log lets it pass", SANDBOX_CORE, SECCOMP_LOG, do_exec, 0 },
    { "off", SANDBOX_CORE, SECCOMP_OFF, do_exec, 0 },
};

static bool has_filters(void)
{
#ifdef WITH_SECCOMP
    return !*BUILD_KIND; /* sanitizers have none */
#else
    return false;
#endif
}

static void filters(void **state)
{
    (void)state;
    if (!has_filters())
        skip();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const int got = in_filter(rows[i].kind, rows[i].word, rows[i].act);
        if (got != rows[i].want)
            fail_msg("%s: %d instead of %d", rows[i].name, got, rows[i].want);
    }
}

int main(void)
{
    static const struct CMUnitTest cases[] = { cmocka_unit_test(filters) };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
