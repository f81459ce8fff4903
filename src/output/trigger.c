/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs trigger programs through posix_spawn (the writer is a thread: a fork would copy its locks). */
#include "output/trigger.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORDS_MAX = 64, ENV_MAX = 32, LAST_WAIT_MS = 10000, LAST_STEP_MS = 10 };

struct env {
    char *own[ENV_MAX];
    size_t n_own;
};

static void env_add(void *v, const char *name, const char *value)
{
    struct env *env = v;
    if (env->n_own < ENV_MAX && value && asprintf(&env->own[env->n_own], "%s=%s", name, value) != -1)
        env->n_own++;
}

/* The daemon's environment and the sink's variables. NULL when out of memory. */
static char **env_make(const struct env *env)
{
    size_t n = 0;
    while (environ[n])
        n++;
    char **all = calloc(n + env->n_own + 1, sizeof(*all));
    if (!all)
        return NULL;
    /* getenv finds the first one of a name: ours come first */
    memcpy(all, env->own, env->n_own * sizeof(*all));
    memcpy(all + env->n_own, environ, n * sizeof(*all));
    return all;
}

static void words(char *text, char *argv[WORDS_MAX + 1])
{
    unsigned n = 0;
    char *save = NULL;
    for (char *w = strtok_r(text, " \t", &save); w && n < WORDS_MAX; w = strtok_r(NULL, " \t", &save))
        argv[n++] = w;
    argv[n] = NULL;
}

/* The writer blocks signals and the daemon may ignore some; the program gets them as it would from a shell.
 */
static int spawn(pid_t *pid, char *const argv[], char *const envp[])
{
    posix_spawnattr_t attr;
    sigset_t none, defaults;
    int rc = posix_spawnattr_init(&attr);
    if (rc)
        return rc;
    sigemptyset(&none);
    sigfillset(&defaults);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &defaults);
    posix_spawnattr_setpgroup(&attr, 0);
    rc = posix_spawnp(pid, argv[0], NULL, &attr, argv, envp);
    posix_spawnattr_destroy(&attr);
    return rc;
}

static void tell_status(const struct plugin *pl, int status)
{
    const char *text = pl->c->trigger_exec;
    if (WIFSIGNALED(status))
        log_warn(&pl->log, "trigger '%s' was ended by signal %d", text, WTERMSIG(status));
    else if (WEXITSTATUS(status))
        log_warn(&pl->log, "trigger '%s' ended with status %d", text, WEXITSTATUS(status));
}

void trigger_reap(struct triggers *t, const struct plugin *pl)
{
    for (unsigned i = 0; i < t->n;) {
        int status = 0;
        pid_t rc = waitpid(t->pid[i], &status, WNOHANG);
        if (rc == t->pid[i])
            tell_status(pl, status);
        if (rc == t->pid[i] || (rc == -1 && errno == ECHILD))
            t->pid[i] = t->pid[--t->n];
        else
            i++;
    }
}

void trigger_finish(struct triggers *t, const struct plugin *pl)
{
    trigger_reap(t, pl);
    for (int ms = 0; t->n && !pl->c->trigger_exec_async && ms < LAST_WAIT_MS; ms += LAST_STEP_MS) {
        usleep(LAST_STEP_MS * 1000);
        trigger_reap(t, pl);
    }
    if (t->n && !pl->c->trigger_exec_async)
        log_warn(&pl->log, "trigger '%s' still runs; not waiting longer", pl->c->trigger_exec);
}

void trigger_run(struct triggers *t, const struct sink_ops *sink, const void *sink_state,
                 const struct plugin *pl, const struct batch *b)
{
    struct env env = { .n_own = 0 };
    char *argv[WORDS_MAX + 1], *text;
    pid_t pid;
    trigger_reap(t, pl);
    if (!pl->c->trigger_exec || !(text = strdup(pl->c->trigger_exec)))
        return;
    words(text, argv);
    if (sink->trigger_env)
        sink->trigger_env(sink_state, pl, b, env_add, &env);
    char **envp = argv[0] ? env_make(&env) : NULL;
    if (envp) {
        int rc = t->n == TRIGGERS_MAX ? EAGAIN : spawn(&pid, argv, envp);
        if (rc)
            log_warn(&pl->log, "cannot run trigger '%s': %s", argv[0], strerror(rc));
        else
            t->pid[t->n++] = pid;
    }
    for (size_t i = 0; i < env.n_own; i++)
        free(env.own[i]);
    free(envp);
    free(text);
}
