/* SPDX-License-Identifier: BSD-2-Clause */
/* A terminal: keys one by one, a screen of its own that is given back at the end. Plain ANSI escape sequences
 * (ECMA-48). */
#ifndef PMACCT_SCREEN_H
#define PMACCT_SCREEN_H

#include <stdbool.h>
#include <termios.h>
#include "base/err.h"
#include "base/strbuf.h"

enum screen_key {
    KEY_NOTHING = 0, /* the time is over */
    KEY_END = -1,    /* a signal, or the terminal is gone */
    KEY_RESIZED = -2,
    KEY_UP = 256,
    KEY_DOWN,
    KEY_PAGE_UP,
    KEY_PAGE_DOWN,
    KEY_FIRST,
    KEY_LAST,
    KEY_ESCAPE,
};

struct screen {
    bool terminal; /* stdout is one, and so is stdin: else text is written, line by line */
    bool colour;
    unsigned lines, columns;
    int signals; /* signalfd */
    struct termios before;
    bool raw;
    unsigned char kept; /* a key that was read behind ESC; 0: none */
};

int screen_open(struct screen *s, struct err *e);
void screen_close(struct screen *s);
/* Waits for a key until the monotonic time until_us. A character is itself. */
int screen_key(struct screen *s, int64_t until_us);
/* Writes a whole screen, or lines where there is no terminal. False: nobody reads. */
bool screen_show(struct screen *s, const struct strbuf *text);

#endif
