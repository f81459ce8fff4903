# SPDX-License-Identifier: BSD-2-Clause
sbin_PROGRAMS += pmbmpd
pmbmpd_SOURCES = src/pmbmpd/main.c
pmbmpd_LDADD = libhttp.a libbmp.a libbgp.a librpki.a librib.a liboutput.a libformat.a libpacket.a libcore.a libconfig.a libbase.a $(DAEMON_LIBS)
