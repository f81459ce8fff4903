/* SPDX-License-Identifier: BSD-2-Clause */
/* "Did you mean": the key, or the word of a list, that is nearest to what was written. */
#ifndef CONFIG_SUGGEST_H
#define CONFIG_SUGGEST_H

#include "config/keys.h"

/* The key that `word` may have meant for a daemon (letter), NULL when nothing is near. By its synonyms, by
 * spelling, then by being a part of one key's name. Among equals, keys that work and have an effect in that
 * daemon come first. */
const struct key *suggest_key(const char *word, char daemon);

/* The nearest of a NULL-terminated list, NULL when nothing is near. */
const char *suggest_word(const char *word, const char *const *list);

#endif
