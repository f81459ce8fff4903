# SPDX-License-Identifier: BSD-2-Clause
sbin_PROGRAMS += pmacctd
pmacctd_SOURCES = src/pmacctd/main.c \
	src/pmacctd/ifaces.c src/pmacctd/ifaces.h \
	src/pmacctd/input_pcap.c src/pmacctd/input_pcap.h \
	src/pmacctd/reader.c src/pmacctd/reader.h
pmacctd_LDADD = $(DAEMON_ARCHIVES) $(DAEMON_LIBS)
