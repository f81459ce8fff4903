/* SPDX-License-Identifier: BSD-2-Clause */
/* What a TLS or DTLS listener counts (base/tls.h), as figures. For inputs and services that have one. */
#ifndef CORE_TLSFIGURES_H
#define CORE_TLSFIGURES_H

#include "base/tls.h"
#include "core/figures.h"

/* protocol: "TLS" or "DTLS"; source: where it listens. */
void tls_figures(const struct tls_counts *n, const char *protocol, const char *source, struct figures *f);

#endif
