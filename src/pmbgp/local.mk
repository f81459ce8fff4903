# SPDX-License-Identifier: BSD-2-Clause
if WITH_ZMQ
bin_PROGRAMS += pmbgp
pmbgp_SOURCES = src/pmbgp/main.c
pmbgp_LDADD = libformat.a libbase.a $(DAEMON_LIBS)
endif
EXTRA_DIST += src/pmbgp/main.c
