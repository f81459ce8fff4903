# SPDX-License-Identifier: BSD-2-Clause
sbin_PROGRAMS += nfacctd
nfacctd_SOURCES = src/nfacctd/main.c
nfacctd_LDADD = libplugins.a liboutput.a libnetflow.a libpacket.a libcore.a libconfig.a libbase.a $(DAEMON_LIBS)
