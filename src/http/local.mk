# SPDX-License-Identifier: BSD-2-Clause
# Metrics over HTTP, and the server that the live page uses too.
noinst_LIBRARIES += libhttp.a
libhttp_a_SOURCES = src/http/httpd.h src/http/metrics.c src/http/metrics.h src/http/prometheus.c src/http/prometheus.h
if WITH_HTTP
libhttp_a_SOURCES += src/http/httpd.c
else
libhttp_a_SOURCES += src/http/httpd_none.c
endif
EXTRA_DIST += src/http/httpd.c src/http/httpd_none.c
