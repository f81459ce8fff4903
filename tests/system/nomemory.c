/* SPDX-License-Identifier: BSD-2-Clause */
/* Lets allocations fail, for test_faults.py: loaded into a daemon (LD_PRELOAD), it refuses NOMEMORY_COUNT
 * allocations from the NOMEMORY_AT'th on in the process that is NOMEMORY_DEPTH forks below the first (0:
 * core, 1: spawner, 2: plugins). */
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void *__libc_memalign(size_t align, size_t n);

static long at, count, depth, now_depth;
static atomic_long seen;

__attribute__((constructor)) static void read_environment(void)
{
    const char *a = getenv("NOMEMORY_AT"), *c = getenv("NOMEMORY_COUNT"), *d = getenv("NOMEMORY_DEPTH");
    at = a ? atol(a) : 0;
    count = c ? atol(c) : 1;
    depth = d ? atol(d) : 0;
}

static int refused(void)
{
    if (!at || now_depth != depth)
        return 0;
    const long n = ++seen;
    if (n < at || n >= at + count)
        return 0;
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t n) { return refused() ? NULL : __libc_malloc(n); }
void *calloc(size_t n, size_t size) { return refused() ? NULL : __libc_calloc(n, size); }
void *realloc(void *p, size_t n) { return refused() ? NULL : __libc_realloc(p, n); }
void *memalign(size_t align, size_t n) { return refused() ? NULL : __libc_memalign(align, n); }
void *aligned_alloc(size_t align, size_t n) { return refused() ? NULL : __libc_memalign(align, n); }

int posix_memalign(void **p, size_t align, size_t n)
{
    void *made = refused() ? NULL : __libc_memalign(align, n);
    if (!made)
        return ENOMEM;
    *p = made;
    return 0;
}

pid_t fork(void)
{
    pid_t (*real)(void) = (pid_t(*)(void))dlsym(RTLD_NEXT, "fork");
    const pid_t pid = real();
    if (pid == 0) {
        now_depth++;
        seen = 0;
    }
    return pid;
}
