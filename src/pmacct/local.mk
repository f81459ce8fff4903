# SPDX-License-Identifier: BSD-2-Clause
# The client links formats and the fields table, nothing that has to be started: it is called by scripts, thousands of times.
noinst_LIBRARIES += libpmacct.a
libpmacct_a_SOURCES = src/pmacct/client.c src/pmacct/client.h src/pmacct/link.c src/pmacct/link.h src/pmacct/options.c \
	src/pmacct/options.h src/pmacct/query.c src/pmacct/query.h src/pmacct/show.c src/pmacct/show.h src/pmacct/value.c \
	src/pmacct/value.h src/pmacct/screen.c src/pmacct/screen.h src/pmacct/snapshot.c src/pmacct/snapshot.h src/pmacct/top.c src/pmacct/top.h
bin_PROGRAMS += pmacct
pmacct_SOURCES = src/pmacct/main.c
pmacct_LDADD = libpmacct.a libformat.a libcore.a libconfig.a libbase.a
pmacct_LDFLAGS = $(AM_LDFLAGS) -Wl,--as-needed
