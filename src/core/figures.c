/* SPDX-License-Identifier: BSD-2-Clause */
/* Puts figures together as octets: for each its number, its value and its labels as text. */
#include "core/figures.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/clock.h"

const struct figure_family figure_families[FIG_MAX] = {
#define FIGURE(id, of_kind, in_unit, text, about)                                                            \
    [FIG_##id] = { .name = text, .help = about, .kind = FIGURE_##of_kind, .unit = FIGURE_##in_unit },
#include "core/figures.def"
#undef FIGURE
};

struct head {
    uint64_t value;
    uint16_t which, label_len;
} __attribute__((packed));

void figures_init(struct figures *f)
{
    f->len = f->depth = 0;
    strbuf_init(&f->out, FIGURES_OCTETS_MAX);
}

void figures_free(struct figures *f) { strbuf_free(&f->out); }

/* As Prometheus' text has it: \, " and line ends are escaped. Control characters are of no use to anybody. */
static void add_value(struct figures *f, const char *value)
{
    for (unsigned n = 0; n < FIGURE_VALUE_MAX && value[n]; n++) {
        const char c = value[n];
        if (c == '\\' || c == '"' || c == '\n')
            f->label[f->len++] = '\\';
        f->label[f->len++] = c == '\n' ? 'n' : (unsigned char)c < ' ' ? '?' : c;
    }
}

void figures_label(struct figures *f, const char *name, const char *value)
{
    const size_t n = strlen(name), most = strnlen(value, FIGURE_VALUE_MAX) * 2;
    if (f->depth == FIGURE_LABEL_DEPTH || f->len + n + most + 4 > sizeof(f->label))
        abort(); /* labels of the suite are few */
    f->before[f->depth++] = f->len;
    if (f->len)
        f->label[f->len++] = ',';
    memcpy(f->label + f->len, name, n);
    f->len = (uint16_t)(f->len + n);
    f->label[f->len++] = '=';
    f->label[f->len++] = '"';
    add_value(f, value);
    f->label[f->len++] = '"';
}

void figures_label_number(struct figures *f, const char *name, uint64_t value)
{
    char text[32];
    text[u64_text(value, text)] = '\0';
    figures_label(f, name, text);
}

void figures_unlabel(struct figures *f, unsigned n)
{
    f->depth = (uint16_t)(f->depth - n);
    f->len = f->before[f->depth];
}

void figures_put(struct figures *f, enum figure which, uint64_t value)
{
    const struct head h = { .value = value, .which = (uint16_t)which, .label_len = f->len };
    if (!strbuf_room(&f->out, sizeof(h) + f->len))
        return;
    memcpy(f->out.p + f->out.len, &h, sizeof(h));
    memcpy(f->out.p + f->out.len + sizeof(h), f->label, f->len);
    f->out.len += sizeof(h) + f->len;
}

void figures_put_of(struct figures *f, enum figure which, const char *name, const char *value, uint64_t n)
{
    figures_label(f, name, value);
    figures_put(f, which, n);
    figures_unlabel(f, 1);
}

/* /proc/self/statm: pages of address space, pages resident ... */
static uint64_t resident_octets(void)
{
    char line[128] = "", *at = line;
    FILE *in = fopen("/proc/self/statm", "re");
    if (!in)
        return 0;
    if (fgets(line, sizeof(line), in))
        (void)strtoull(line, &at, 10);
    fclose(in);
    return strtoull(at, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t micros(const struct timeval *t)
{
    return (uint64_t)t->tv_sec * US_PER_S + (uint64_t)t->tv_usec;
}

void figures_put_process(struct figures *f, const char *process)
{
    struct rusage ru;
    figures_label(f, "process", process);
    if (getrusage(RUSAGE_SELF, &ru) == 0) {
        figures_put_of(f, FIG_PROCESS_CPU, "mode", "user", micros(&ru.ru_utime));
        figures_put_of(f, FIG_PROCESS_CPU, "mode", "system", micros(&ru.ru_stime));
    }
    figures_put(f, FIG_PROCESS_MEMORY, resident_octets());
    figures_unlabel(f, 1);
}

bool figures_next(struct cursor *c, struct figure_entry *out)
{
    struct head h;
    const uint8_t *p = cursor_left(c) ? cursor_take(c, sizeof(h)) : NULL;
    if (!p)
        return false;
    memcpy(&h, p, sizeof(h));
    const uint8_t *label = cursor_take(c, h.label_len);
    if (h.which >= FIG_MAX || c->bad)
        return false;
    *out = (struct figure_entry){ .which = (enum figure)h.which,
                                  .value = h.value,
                                  .label = (const char *)label,
                                  .label_len = h.label_len };
    return true;
}

int figures_share(const struct strbuf *octets)
{
    const int fd = memfd_create("figures", MFD_CLOEXEC);
    for (size_t done = 0; fd != -1 && done < octets->len;) {
        const ssize_t n = write(fd, octets->p + done, octets->len - done);
        if (n <= 0) {
            close(fd);
            return -1;
        }
        done += (size_t)n;
    }
    return fd;
}

void figures_take(struct strbuf *to, int fd)
{
    struct stat st;
    if (fstat(fd, &st) == 0 && st.st_size > 0 && (size_t)st.st_size <= FIGURES_OCTETS_MAX &&
        strbuf_room(to, (size_t)st.st_size)) {
        const ssize_t n = pread(fd, to->p + to->len, (size_t)st.st_size, 0);
        to->len += n > 0 ? (size_t)n : 0;
    }
    close(fd);
}
