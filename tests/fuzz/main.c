/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs a fuzz target without a fuzzer: over the files and folders named on the command line, or, without any,
 * over the target's own corpus, $srcdir/tests/fuzz/corpus/<name> for fuzz_<name>. `-mutate N -seed S` also
 * runs N mutations made from the corpus, the same ones for the same seed. Linked into every target of a build
 * without --enable-fuzzer. */
#include <dirent.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include "mutate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { INPUT_MAX = 1 << 20, SEEDS_MAX = 1 << 16 };

struct input {
    uint8_t *p;
    size_t len;
};

struct corpus {
    struct input *seed;
    size_t n;
};

/* The target gets memory of exactly the input's length, so that reading past its end is found. */
static void run_once(const uint8_t *p, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);
    if (!copy)
        abort();
    if (len)
        memcpy(copy, p, len);
    LLVMFuzzerTestOneInput(copy, len);
    free(copy);
}

static int run_file(struct corpus *c, const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f || c->n == SEEDS_MAX) {
        fprintf(stderr, "%s: %s\n", path, f ? "too many inputs" : "cannot be read");
        if (f)
            fclose(f);
        return -1;
    }
    uint8_t *p = malloc(INPUT_MAX);
    if (!p)
        abort();
    size_t len = fread(p, 1, INPUT_MAX, f);
    fclose(f);
    run_once(p, len);
    uint8_t *fit = realloc(p, len ? len : 1);
    c->seed[c->n++] = (struct input){ .p = fit ? fit : p, .len = len };
    return 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int run_path(struct corpus *c, const char *path)
{
    struct stat st;
    if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
        return run_file(c, path);
    struct dirent **names;
    int n = scandir(path, &names, NULL, by_name);
    if (n == -1) {
        fprintf(stderr, "%s: no such file or folder\n", path);
        return -1;
    }
    int bad = 0;
    for (int i = 0; i < n; i++) {
        char file[4096];
        snprintf(file, sizeof file, "%s/%s", path, names[i]->d_name);
        if (names[i]->d_name[0] != '.')
            bad |= run_path(c, file);
        free(names[i]);
    }
    free(names);
    return bad;
}

static void run_mutations(const struct corpus *c, uint64_t n, uint64_t seed)
{
    uint8_t *p = malloc(INPUT_MAX);
    if (!p)
        abort();
    uint64_t state = seed ? seed : 1;
    for (uint64_t i = 0; i < n && c->n; i++) {
        const struct input *from = &c->seed[rnd(&state) % c->n];
        memcpy(p, from->p, from->len);
        run_once(p, mutate(p, from->len, INPUT_MAX, &state));
    }
    free(p);
}

static int run_own_corpus(struct corpus *c, const char *argv0)
{
    const char *src = getenv("srcdir");
    const char *name = strrchr(argv0, '/');
    name = name ? name + 1 : argv0;
    if (strncmp(name, "fuzz_", 5) == 0)
        name += 5;
    char path[4096];
    snprintf(path, sizeof path, "%s/tests/fuzz/corpus/%s", src ? src : ".", name);
    return run_path(c, path);
}

int main(int argc, char **argv)
{
    struct corpus c = { .seed = calloc(SEEDS_MAX, sizeof *c.seed) };
    if (!c.seed)
        abort();
    uint64_t mutations = 0, seed = 1;
    int bad = 0, named = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-mutate") == 0 && i + 1 < argc)
            mutations = strtoull(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "-seed") == 0 && i + 1 < argc)
            seed = strtoull(argv[++i], NULL, 10);
        else {
            bad |= run_path(&c, argv[i]);
            named++;
        }
    }
    if (!named)
        bad |= run_own_corpus(&c, argv[0]);
    run_mutations(&c, mutations, seed);
    printf("%s: %zu inputs, %" PRIu64 " mutations\n", argv[0], c.n, mutations);
    bool none = c.n == 0;
    for (size_t i = 0; i < c.n; i++)
        free(c.seed[i].p);
    free(c.seed);
    if (none)
        fprintf(stderr, "%s: no input: put seeds into tests/fuzz/corpus\n", argv[0]);
    return bad || none;
}
