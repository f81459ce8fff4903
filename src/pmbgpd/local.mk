# SPDX-License-Identifier: BSD-2-Clause
sbin_PROGRAMS += pmbgpd
pmbgpd_SOURCES = src/pmbgpd/main.c
pmbgpd_LDADD = libhttp.a libbgp.a librpki.a librib.a liboutput.a libformat.a libcore.a libconfig.a libbase.a $(DAEMON_LIBS)
