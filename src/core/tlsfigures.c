/* SPDX-License-Identifier: BSD-2-Clause */
/* Figures of TLS and DTLS listeners. */
#include "core/tlsfigures.h"

void tls_figures(const struct tls_counts *n, const char *protocol, const char *source, struct figures *f)
{
    const struct {
        const char *what;
        uint64_t n;
    } handshakes[] = { { "begun", n->begun },
                       { "done", n->done },
                       { "no_certificate", n->no_certificate },
                       { "bad_certificate", n->bad_certificate },
                       { "faults", n->faults },
                       { "late", n->late },
                       { "pushed_out", n->pushed } },
      datagrams[] = { { "records", n->records },
                      { "cookies", n->cookies },
                      { "unasked", n->unasked },
                      { "malformed", n->malformed } };
    figures_label(f, "protocol", protocol);
    figures_label(f, "source", source);
    figures_put(f, FIG_TLS_SESSIONS, n->sessions);
    figures_put(f, FIG_TLS_HALF_OPEN, n->half_open);
    for (size_t i = 0; i < sizeof(handshakes) / sizeof(handshakes[0]); i++)
        figures_put_of(f, FIG_TLS_HANDSHAKES, "what", handshakes[i].what, handshakes[i].n);
    for (size_t i = 0; n->datagrams && i < sizeof(datagrams) / sizeof(datagrams[0]); i++)
        figures_put_of(f, FIG_DTLS_DATAGRAMS, "what", datagrams[i].what, datagrams[i].n);
    if (n->datagrams) {
        figures_put(f, FIG_DTLS_EXPIRED, n->expired);
        figures_put(f, FIG_INPUT_KERNEL_DROP, n->kernel_drops);
    }
    figures_unlabel(f, 2);
}
