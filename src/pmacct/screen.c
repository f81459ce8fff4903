/* SPDX-License-Identifier: BSD-2-Clause */
/* The terminal of --top. */
#include "pmacct/screen.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include "base/clock.h"

enum { LINES_DEFAULT = 24, COLUMNS_DEFAULT = 80, COLUMNS_MOST = 500 };

static void measure(struct screen *s)
{
    struct winsize w = { 0 };
    s->lines = LINES_DEFAULT;
    s->columns = COLUMNS_DEFAULT;
    if (s->terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_row && w.ws_col) {
        s->lines = w.ws_row;
        s->columns = w.ws_col < COLUMNS_MOST ? w.ws_col : COLUMNS_MOST;
    }
}

static bool put(const char *p, size_t n)
{
    while (n) {
        const ssize_t done = write(STDOUT_FILENO, p, n);
        if (done == -1 && errno == EINTR)
            continue;
        if (done == -1)
            return false;
        p += done;
        n -= (size_t)done;
    }
    return true;
}

int screen_open(struct screen *s, struct err *e)
{
    static const char enter[] = "\033[?1049h\033[?25l"; /* another screen, no cursor */
    const char *no_colour = getenv("NO_COLOR");
    sigset_t set;
    *s = (struct screen){ .terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO), .signals = -1 };
    s->colour = s->terminal && !(no_colour && *no_colour);
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGWINCH);
    sigprocmask(SIG_BLOCK, &set, NULL);
    s->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (s->signals == -1)
        return err_sys(e, "ERROR: cannot wait for signals");
    measure(s);
    if (!s->terminal || tcgetattr(STDIN_FILENO, &s->before) == -1)
        return 0;
    struct termios raw = s->before;
    raw.c_lflag &= (tcflag_t) ~(ICANON | ECHO);
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 1; /* 0.1 s for the rest of a sequence that comes in pieces */
    s->raw = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
    put(enter, sizeof(enter) - 1);
    return 0;
}

void screen_close(struct screen *s)
{
    static const char leave[] = "\033[?25h\033[?1049l";
    if (s->terminal && s->signals != -1)
        put(leave, sizeof(leave) - 1);
    if (s->raw)
        tcsetattr(STDIN_FILENO, TCSANOW, &s->before);
    if (s->signals != -1)
        close(s->signals);
    s->signals = -1;
    s->raw = false;
}

/* The rest of a sequence that ESC begins, if one follows at once. */
static int sequence(struct screen *s)
{
    static const struct {
        const char *text;
        int key;
    } keys[] = { { "[A", KEY_UP },     { "[B", KEY_DOWN }, { "[5~", KEY_PAGE_UP }, { "[6~", KEY_PAGE_DOWN },
                 { "[H", KEY_FIRST },  { "[F", KEY_LAST }, { "OA", KEY_UP },       { "OB", KEY_DOWN },
                 { "[1~", KEY_FIRST }, { "[4~", KEY_LAST } };
    char text[8] = "";
    /* One octet at a time, up to the final one: what is typed fast comes together (ECMA-48, 5.4). */
    for (size_t n = 0; n + 1 < sizeof(text) && read(STDIN_FILENO, text + n, 1) == 1; n++) {
        if (n == 0 && text[0] != '[' && text[0] != 'O') {
            s->kept = (unsigned char)text[0];
            return KEY_ESCAPE;
        }
        if (n > 0 && text[n] >= '@')
            break;
    }
    if (!text[0])
        return KEY_ESCAPE;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (!strcmp(keys[i].text, text))
            return keys[i].key;
    return KEY_NOTHING;
}

static int read_key(struct screen *s)
{
    unsigned char c = s->kept;
    const ssize_t n = c ? 1 : read(STDIN_FILENO, &c, 1);
    s->kept = 0;
    if (n <= 0)
        return n == -1 && (errno == EINTR || errno == EAGAIN) ? KEY_NOTHING : KEY_END;
    return c == 033 ? sequence(s) : c;
}

static int read_signal(struct screen *s)
{
    struct signalfd_siginfo si;
    if (read(s->signals, &si, sizeof(si)) != sizeof(si))
        return KEY_NOTHING;
    if (si.ssi_signo != SIGWINCH)
        return KEY_END;
    measure(s);
    return KEY_RESIZED;
}

int screen_key(struct screen *s, int64_t until_us)
{
    for (;;) {
        const int64_t left = until_us - clock_mono_us();
        struct pollfd p[2] = { { .fd = s->signals, .events = POLLIN },
                               { .fd = s->terminal ? STDIN_FILENO : -1, .events = POLLIN } };
        const int n = s->kept ? 0 : poll(p, 2, left > 0 ? (int)(left / 1000) + 1 : 0);
        if (n == -1 && errno != EINTR)
            return KEY_END;
        if (n > 0 && p[0].revents)
            return read_signal(s);
        if (s->kept || (n > 0 && p[1].revents)) {
            const int key = read_key(s);
            if (key != KEY_NOTHING)
                return key;
        }
        if (clock_mono_us() >= until_us)
            return KEY_NOTHING;
    }
}

bool screen_show(struct screen *s, const struct strbuf *text)
{
    static const char home[] = "\033[H", rest[] = "\033[J";
    if (!s->terminal)
        return put(text->p, text->len);
    return put(home, sizeof(home) - 1) && put(text->p, text->len) && put(rest, sizeof(rest) - 1);
}
