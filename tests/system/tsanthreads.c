/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads of C11 as threads of POSIX: the thread sanitizer knows only these, and librdkafka uses those.
 * Loaded before programs that are built with it; the harness compiles it. In glibc the types are the same. */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>

#define M(m) ((pthread_mutex_t *)(m))
#define C(c) ((pthread_cond_t *)(c))

_Static_assert(sizeof(mtx_t) == sizeof(pthread_mutex_t) && sizeof(cnd_t) == sizeof(pthread_cond_t),
               "the same types");

struct start {
    thrd_start_t run;
    void *arg;
};

static int told(int rc) { return rc == 0 ? thrd_success : thrd_error; }

static void *begin(void *arg)
{
    struct start s = *(struct start *)arg;
    free(arg);
    return (void *)(intptr_t)s.run(s.arg);
}

int thrd_create(thrd_t *t, thrd_start_t run, void *arg)
{
    struct start *s = malloc(sizeof(*s));
    if (!s)
        return thrd_nomem;
    *s = (struct start){ run, arg };
    const int rc = pthread_create(t, NULL, begin, s);
    if (rc)
        free(s);
    return told(rc);
}

int thrd_join(thrd_t t, int *status)
{
    void *ended = NULL;
    const int rc = pthread_join(t, &ended);
    if (status)
        *status = (int)(intptr_t)ended;
    return told(rc);
}

int thrd_detach(thrd_t t) { return told(pthread_detach(t)); }

int mtx_init(mtx_t *m, int type)
{
    pthread_mutexattr_t a;
    pthread_mutexattr_init(&a);
    if (type & mtx_recursive)
        pthread_mutexattr_settype(&a, PTHREAD_MUTEX_RECURSIVE);
    const int rc = pthread_mutex_init(M(m), &a);
    pthread_mutexattr_destroy(&a);
    return told(rc);
}

int mtx_lock(mtx_t *m) { return told(pthread_mutex_lock(M(m))); }
int mtx_unlock(mtx_t *m) { return told(pthread_mutex_unlock(M(m))); }
int mtx_trylock(mtx_t *m) { return pthread_mutex_trylock(M(m)) == 0 ? thrd_success : thrd_busy; }
void mtx_destroy(mtx_t *m) { pthread_mutex_destroy(M(m)); }
int cnd_init(cnd_t *c) { return told(pthread_cond_init(C(c), NULL)); }
int cnd_signal(cnd_t *c) { return told(pthread_cond_signal(C(c))); }
int cnd_broadcast(cnd_t *c) { return told(pthread_cond_broadcast(C(c))); }
int cnd_wait(cnd_t *c, mtx_t *m) { return told(pthread_cond_wait(C(c), M(m))); }
void cnd_destroy(cnd_t *c) { pthread_cond_destroy(C(c)); }

int cnd_timedwait(cnd_t *restrict c, mtx_t *restrict m, const struct timespec *restrict until)
{
    const int rc = pthread_cond_timedwait(C(c), M(m), until);
    return rc == 0 ? thrd_success : rc == ETIMEDOUT ? thrd_timedout : thrd_error;
}
