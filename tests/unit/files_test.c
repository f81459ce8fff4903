/* SPDX-License-Identifier: BSD-2-Clause */
/* Output files: directories, modes, locks, FIFOs, pidfiles, links to the latest. And the title of the
 * process. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/files.h"
#include "base/title.h"

static char dir[64];

static int setup(void **state)
{
    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/files_test.XXXXXX");
    return mkdtemp(dir) && chdir(dir) == 0 ? 0 : -1;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static int teardown(void **state)
{
    (void)state;
    return chdir("/") == 0 ? nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS) : -1;
}

static unsigned mode_of(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return st.st_mode & 0777;
}

static const struct file_modes plain = { .mask = 077, .uid = (uid_t)-1, .gid = (gid_t)-1 };

static void test_modes(void **state)
{
    static const struct {
        int mask;
        unsigned file, dir;
    } rows[] = { { -1, 0600, 0700 }, { 022, 0644, 0755 }, { 002, 0664, 0775 }, { 0, 0666, 0777 } };
    (void)state;
    umask(027); /* has no say */
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err e;
        char path[64], parent[32];
        struct file_modes m = file_modes_of(rows[i].mask, -1, -1);
        snprintf(parent, sizeof(parent), "m%zu", i);
        snprintf(path, sizeof(path), "%s/a/file", parent);
        int fd = file_open_output(path, false, &m, NULL, &e);
        assert_true(fd != -1);
        close(fd);
        assert_int_equal(mode_of(path), rows[i].file);
        assert_int_equal(mode_of(parent), rows[i].dir);
        chmod(path, 0640);
        fd = file_open_output(path, false, &m, NULL, &e); /* what was there before keeps its mode */
        close(fd);
        assert_int_equal(mode_of(path), 0640);
    }
    umask(022);
}

static void test_owner(void **state)
{
    struct err e;
    struct stat st;
    struct file_modes m = file_modes_of(022, 1234, 1235);
    (void)state;
    int fd = file_open_output("d/file", false, &m, NULL, &e);
    assert_true(fd != -1);
    fstat(fd, &st);
    assert_int_equal(st.st_uid, geteuid() ? geteuid() : 1234);
    close(fd);
    stat("d", &st);
    assert_int_equal(st.st_uid, geteuid() ? geteuid() : 1234);
}

static void test_append(void **state)
{
    struct err e;
    bool empty;
    struct stat st;
    (void)state;
    for (int i = 0; i < 3; i++) {
        int fd = file_open_output("file", true, &plain, &empty, &e);
        assert_int_equal(empty, i == 0);
        assert_int_equal(write(fd, "12345", 5), 5);
        close(fd);
    }
    stat("file", &st);
    assert_int_equal(st.st_size, 15);
    int fd = file_open_output("file", false, &plain, &empty, &e);
    assert_true(empty);
    fstat(fd, &st);
    assert_int_equal(st.st_size, 0);
    close(fd);
}

static void test_lock(void **state)
{
    struct err e;
    int pipes[2];
    char c;
    (void)state;
    assert_int_equal(pipe(pipes), 0);
    int fd = file_open_output("file", false, &plain, NULL, &e);
    assert_int_equal(write(fd, "first", 5), 5);
    pid_t pid = fork();
    if (pid == 0) {
        close(fd); /* the lock is the parent's */
        fd = file_open_output("file", true, &plain, NULL, &e);
        _exit(write(fd, "second", 6) == 6 && write(pipes[1], "!", 1) == 1 ? 0 : 1);
    }
    fcntl(pipes[0], F_SETFL, O_NONBLOCK);
    usleep(50000);
    assert_int_equal(read(pipes[0], &c, 1), -1); /* it waits */
    close(fd);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    struct stat st;
    stat("file", &st);
    assert_int_equal(st.st_size, 11);
    close(pipes[0]);
    close(pipes[1]);
}

static void test_fifo(void **state)
{
    struct err e;
    bool empty;
    char buf[8];
    (void)state;
    assert_int_equal(mkfifo("fifo", 0600), 0);
    int fd = file_open_output("fifo", false, &plain, &empty, &e); /* nobody reads: does not wait */
    assert_true(fd != -1 && empty);
    assert_int_equal(write(fd, "abc", 3), 3);
    int again = file_open_output("fifo", false, &plain, &empty, &e); /* keeps what waits in it */
    assert_int_equal(read(again, buf, sizeof(buf)), 3);
    close(again);
    close(fd);
}

static void test_refused(void **state)
{
    struct err e;
    char deep[PATH_MAX + 100];
    (void)state;
    int fd = file_open_output("plain", false, &plain, NULL, &e);
    close(fd);
    assert_int_equal(file_open_output("plain/below", false, &plain, NULL, &e), -1);
    assert_non_null(strstr(e.text, "plain"));
    assert_int_equal(symlink("nowhere/at/all", "dangling"), 0);
    assert_int_equal(file_open_output("dangling", false, &plain, NULL, &e), -1);
    memset(deep, 'a', sizeof(deep) - 1);
    deep[sizeof(deep) - 1] = '\0';
    assert_int_equal(file_open_output(deep, false, &plain, NULL, &e), -1);
    fd = file_open_output("/dev/null", false, &plain, NULL, &e);
    assert_true(fd != -1);
    close(fd);
}

static void test_pidfile(void **state)
{
    struct err e;
    char text[32] = "", want[32];
    (void)state;
    assert_int_equal(pidfile_write("run/x.pid", &plain, &e), 0);
    FILE *f = fopen("run/x.pid", "r");
    assert_non_null(f);
    assert_non_null(fgets(text, sizeof(text), f));
    fclose(f);
    snprintf(want, sizeof(want), "%d\n", (int)getpid());
    assert_string_equal(text, want);
    pid_t pid = fork();
    if (pid == 0) {
        pidfile_remove("run/x.pid"); /* is not the child's */
        _exit(access("run/x.pid", F_OK) == 0 ? 0 : 1);
    }
    int status;
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
    pidfile_remove("run/x.pid");
    assert_int_equal(access("run/x.pid", F_OK), -1);
    pidfile_remove("run/x.pid");
}

static void make_file(const char *path, time_t mtime)
{
    struct err e;
    int fd = file_open_output(path, false, &plain, NULL, &e);
    struct timespec ts[2] = { { mtime, 0 }, { mtime, 0 } };
    futimens(fd, ts);
    close(fd);
}

static void assert_link(const char *link, const char *want)
{
    char text[PATH_MAX] = "";
    assert_true(readlink(link, text, sizeof(text) - 1) > 0);
    assert_string_equal(text, want);
}

static void test_latest(void **state)
{
    struct err e;
    char one[128], two[128];
    struct stat st;
    (void)state;
    snprintf(one, sizeof(one), "%s/one", dir);
    snprintf(two, sizeof(two), "%s/two", dir);
    make_file(one, 1000);
    make_file(two, 2000);
    assert_int_equal(file_link_latest("links/latest", one, &plain, &e), 0);
    assert_link("links/latest", one);
    assert_int_equal(file_link_latest("links/latest", two, &plain, &e), 0);
    assert_link("links/latest", two);
    assert_int_equal(file_link_latest("links/latest", one, &plain, &e), 0); /* is older */
    assert_link("links/latest", two);
    unlink(two); /* the link leads nowhere now */
    assert_int_equal(file_link_latest("links/latest", one, &plain, &e), 0);
    assert_link("links/latest", one);

    assert_int_equal(file_link_latest("here", "one", &plain, &e), 0);
    assert_link("here", "one");
    assert_int_equal(file_link_latest("links/relative", "one", &plain, &e), 0);
    assert_int_equal(stat("links/relative", &st), 0);
    assert_int_equal(st.st_mtime, 1000);

    make_file("file", 0);
    assert_int_equal(file_link_latest("file", one, &plain, &e), -1);
}

static void test_title(void **state)
{
    char text[4096] = "";
    (void)state;
    title_set("nfacctd: Core Process [%s]", "default");
    FILE *f = fopen("/proc/self/cmdline", "r");
    assert_non_null(f);
    assert_true(fread(text, 1, sizeof(text) - 1, f) > 0);
    fclose(f);
    assert_string_equal(text, "nfacctd: Core Process [default]");
    f = fopen("/proc/self/comm", "r");
    assert_non_null(f);
    assert_non_null(fgets(text, sizeof(text), f));
    fclose(f);
    assert_string_equal(text, "nfacctd\n");
    assert_string_equal(getenv("TITLE_TEST"), "still here");
}

int main(int argc, char **argv)
{
    if (!getenv("TITLE_TEST")) { /* the environment of the start is what the title is written over */
        setenv("TITLE_TEST", "still here", 1);
        execv("/proc/self/exe", argv);
    }
    title_init(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_modes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_owner, setup, teardown),
        cmocka_unit_test_setup_teardown(test_append, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lock, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fifo, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pidfile, setup, teardown),
        cmocka_unit_test_setup_teardown(test_latest, setup, teardown),
        cmocka_unit_test(test_title),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
