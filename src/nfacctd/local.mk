# SPDX-License-Identifier: BSD-2-Clause
sbin_PROGRAMS += nfacctd
nfacctd_SOURCES = src/nfacctd/main.c
nfacctd_LDADD = $(DAEMON_ARCHIVES) $(DAEMON_LIBS)
