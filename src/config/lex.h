/* SPDX-License-Identifier: BSD-2-Clause */
/* The grammar of one line: key [ "[" name "]" ] ":" value, or a comment, or nothing. */
#ifndef CONFIG_LEX_H
#define CONFIG_LEX_H

#define LINE_LIMIT 8192 /* octets of a line, of the file or made of a flag */

struct lexed {
    char *key;   /* lower case, without blanks */
    char *name;  /* as written, NULL: none */
    char *value; /* without blanks around it */
};

enum lex { LEX_NOTHING, LEX_ITEM, LEX_BAD };

/* Takes a line apart in place; `out` points into it. LEX_BAD: *why is a static text. */
enum lex lex_line(char *line, struct lexed *out, const char **why);

/* Cuts blanks off both ends, in place. */
char *lex_trim(char *text);

#endif
