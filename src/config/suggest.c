/* SPDX-License-Identifier: BSD-2-Clause */
/* Proposals for unknown keys, plugins and process names. */
#include "config/suggest.h"

#include <limits.h>
#include <string.h>

#include "base/nearest.h"

/* Edits that still look like a slip of the fingers. */
static unsigned slips(size_t len) { return len < 4 ? 0 : len < 8 ? 1 : len < 14 ? 2 : 3; }

static unsigned distance(const char *a, size_t a_len, const char *b, size_t b_len)
{
    const unsigned most = slips(a_len), d = word_distance(a, a_len, b, b_len, most);
    return d > most ? UINT_MAX : d;
}

/* The least distance of `word` to one of the blank-separated words of `list`. */
static unsigned list_distance(const char *word, const char *list)
{
    unsigned best = UINT_MAX;
    while (list && *list) {
        size_t len = strcspn(list, " ");
        unsigned d = distance(word, strlen(word), list, len);
        if (d < best)
            best = d;
        list += len;
        list += strspn(list, " ");
    }
    return best;
}

/* Whether `word` is the beginning or the end of the key's name, cut at an underscore. */
static bool is_part(const char *word, const char *name)
{
    size_t w = strlen(word), n = strlen(name);
    if (w < 4 || w + 2 > n)
        return false;
    return (name[n - w - 1] == '_' && !strcmp(name + n - w, word)) ||
           (name[w] == '_' && !strncmp(name, word, w));
}

enum { NOT_NEAR = 1000 };

/* The lower the nearer; NOT_NEAR and above: no candidate. */
static unsigned cost(const char *word, const struct key *k)
{
    size_t len = strlen(word);
    unsigned also = list_distance(word, key_root(k)->also),
             own = distance(word, len, k->name, strlen(k->name));
    if (also == 0)
        return 0;
    if (own <= slips(len))
        return own;
    if (also <= slips(len))
        return 10 + also;
    return is_part(word, k->name) ? 20 : NOT_NEAR;
}

const struct key *suggest_key(const char *word, char daemon)
{
    const struct key *best = NULL;
    unsigned least = NOT_NEAR * 4;
    for (unsigned i = 0; i < keys_count; i++) {
        const struct key *k = &keys[i];
        if (k->kind == KT_HEADING)
            continue;
        unsigned c = cost(word, k) * 4 + 2 * !strchr(k->daemons, daemon) + !key_works(k);
        if (c < least) {
            least = c;
            best = k;
        }
    }
    return best;
}

const char *suggest_word(const char *word, const char *const *list)
{
    const char *best = NULL;
    unsigned least = slips(strlen(word)) + 1;
    for (; *list; list++) {
        unsigned d = distance(word, strlen(word), *list, strlen(*list));
        if (d < least) {
            least = d;
            best = *list;
        }
    }
    return best;
}
