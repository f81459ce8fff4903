# SPDX-License-Identifier: BSD-2-Clause
noinst_LIBRARIES += libpacket.a
libpacket_a_SOURCES = \
	src/packet/capfile.c src/packet/capfile.h \
	src/packet/feed.c src/packet/feed.h \
	src/packet/flowcache.c src/packet/flowcache.h \
	src/packet/flowtrack.c src/packet/flowtrack.h \
	src/packet/input_savefile.c src/packet/input_savefile.h \
	src/packet/ip.c src/packet/ip.h \
	src/packet/link.c src/packet/link.h \
	src/packet/nflog.c src/packet/nflog.h \
	src/packet/pcapmap.c src/packet/pcapmap.h \
	src/packet/udp_feed.c src/packet/udp_feed.h
