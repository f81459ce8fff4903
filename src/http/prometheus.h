/* SPDX-License-Identifier: BSD-2-Clause */
/* Figures as Prometheus' text format, version 0.0.4. */
#ifndef HTTP_PROMETHEUS_H
#define HTTP_PROMETHEUS_H

#include "core/figures.h"

/* Appends the text of all figures in `octets` to out, by family, each set of labels once (what is there
 * twice, such as an exporter that two workers have heard, is added up). -1: no memory. */
int prometheus_write(const struct strbuf *octets, struct strbuf *out);

#endif
