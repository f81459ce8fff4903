# SPDX-License-Identifier: BSD-2-Clause
noinst_LIBRARIES += libpacket.a
libpacket_a_SOURCES = \
	src/packet/afpacket.c src/packet/afpacket.h src/packet/tpacket.h \
	src/packet/conversations.c src/packet/conversations.h \
	src/packet/capfile.c src/packet/capfile.h \
	src/packet/capture.c src/packet/capture.h \
	src/packet/counts.c src/packet/counts.h \
	src/packet/linkwatch.c src/packet/linkwatch.h \
	src/packet/dissect.h \
	src/packet/ether.c \
	src/packet/expect.c src/packet/expect.h \
	src/packet/feed.c src/packet/feed.h \
	src/packet/flowcache.c src/packet/flowcache.h \
	src/packet/flowtrack.c src/packet/flowtrack.h \
	src/packet/frag.c src/packet/frag.h \
	src/packet/tcp_streams.c src/packet/tcp_streams.h src/packet/input_savefile.c src/packet/input_savefile.h \
	src/packet/ip.c \
	src/packet/link.c src/packet/link.h \
	src/packet/nflog.c src/packet/nflog.h \
	src/packet/options.c \
	src/packet/pcapmap.c src/packet/pcapmap.h \
	src/packet/plain.h \
	src/packet/snapshot.h \
	src/packet/tunnel.c src/packet/tunnel.h \
	src/packet/udp_feed.c src/packet/udp_feed.h \
	src/packet/wlan.c
if WITH_NDPI
libpacket_a_SOURCES += src/packet/classify.c src/packet/classify.h
else
libpacket_a_SOURCES += src/packet/classify_none.c src/packet/classify.h
endif
