# SPDX-License-Identifier: BSD-2-Clause
sbin_PROGRAMS += sfacctd
sfacctd_SOURCES = src/sfacctd/counterlog.c src/sfacctd/counterlog.h src/sfacctd/main.c
sfacctd_LDADD = $(DAEMON_ARCHIVES) $(DAEMON_LIBS)
