# SPDX-License-Identifier: BSD-2-Clause
# Fuzz targets of src/packet.
check_PROGRAMS += tests/fuzz/fuzz_packet tests/fuzz/fuzz_pcapmap tests/fuzz/fuzz_classify tests/fuzz/fuzz_tpacket
TESTS += tests/fuzz/fuzz_packet tests/fuzz/fuzz_pcapmap tests/fuzz/fuzz_classify tests/fuzz/fuzz_tpacket
tests_fuzz_fuzz_tpacket_SOURCES = tests/fuzz/fuzz_tpacket.c
tests_fuzz_fuzz_tpacket_LDADD = $(FUZZ_LIBS) libpacket.a libcore.a libconfig.a libbase.a $(DAEMON_LIBS)
tests_fuzz_fuzz_classify_SOURCES = tests/fuzz/fuzz_classify.c
tests_fuzz_fuzz_classify_LDADD = $(FUZZ_LIBS) libpacket.a libcore.a libconfig.a libbase.a $(DAEMON_LIBS)
tests_fuzz_fuzz_packet_SOURCES = tests/fuzz/fuzz_packet.c
tests_fuzz_fuzz_packet_LDADD = $(FUZZ_LIBS) libpacket.a libcore.a libconfig.a libbase.a $(DAEMON_LIBS)
tests_fuzz_fuzz_pcapmap_SOURCES = tests/fuzz/fuzz_pcapmap.c
tests_fuzz_fuzz_pcapmap_LDADD = $(FUZZ_LIBS) libpacket.a libcore.a libconfig.a libbase.a $(DAEMON_LIBS)
check_PROGRAMS += tests/fuzz/fuzz_tcp_streams
TESTS += tests/fuzz/fuzz_tcp_streams
tests_fuzz_fuzz_tcp_streams_SOURCES = tests/fuzz/fuzz_tcp_streams.c
tests_fuzz_fuzz_tcp_streams_LDADD = $(FUZZ_LIBS) libpacket.a libcore.a libconfig.a libbase.a $(DAEMON_LIBS)
check_PROGRAMS += tests/fuzz/fuzz_udp_feed
TESTS += tests/fuzz/fuzz_udp_feed
tests_fuzz_fuzz_udp_feed_SOURCES = tests/fuzz/fuzz_udp_feed.c tests/unit/fake_worker.c tests/unit/fake_worker.h
tests_fuzz_fuzz_udp_feed_LDADD = $(FUZZ_LIBS) libpacket.a libcore.a libconfig.a libbase.a $(DAEMON_LIBS)
