/* SPDX-License-Identifier: BSD-2-Clause */
/* Takes configuration lines apart; called by parse.c for each line of a file. */
#include "config/lex.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

static int blank(char c) { return isspace((unsigned char)c); }

char *lex_trim(char *text)
{
    while (blank(*text))
        text++;
    size_t len = strlen(text);
    while (len && blank(text[len - 1]))
        len--;
    text[len] = '\0';
    return text;
}

/* Lower case, blanks inside removed. */
static void squeeze(char *key)
{
    char *to = key;
    for (; *key; key++)
        if (!blank(*key))
            *to++ = (char)tolower((unsigned char)*key);
    *to = '\0';
}

/* Cuts "[name]" off the key part. Returns what is wrong, or NULL. */
static const char *cut_name(char *key, char **name)
{
    char *open = strchr(key, '['), *close = strchr(key, ']');
    *name = NULL;
    if (!open && !close)
        return NULL;
    if (!open || !close || close < open || strchr(open + 1, '[') || strchr(close + 1, ']'))
        return "illegal brackets";
    if (*lex_trim(close + 1))
        return "illegal brackets: ':' has to follow ']'";
    *open = *close = '\0';
    *name = open + 1;
    if (!**name)
        return "nothing between the brackets";
    if (!*lex_trim(key))
        return "symbol not referring to any key";
    return NULL;
}

enum lex lex_line(char *line, struct lexed *out, const char **why)
{
    line = lex_trim(line);
    if (!*line || *line == '!' || *line == '#')
        return LEX_NOTHING;
    char *colon = strchr(line, ':');
    if (!colon) {
        *why = "missing ':'";
        return LEX_BAD;
    }
    *colon = '\0';
    *why = cut_name(line, &out->name);
    if (*why)
        return LEX_BAD;
    squeeze(line);
    if (!*line) {
        *why = "missing key";
        return LEX_BAD;
    }
    out->key = line;
    out->value = lex_trim(colon + 1);
    return LEX_ITEM;
}
