# SPDX-License-Identifier: BSD-2-Clause
# Unit tests of src/packet, of the encoder and of nfprobe.
check_PROGRAMS += tests/unit/link_test tests/unit/pcapmap_test tests/unit/flowcache_test
TESTS += tests/unit/link_test tests/unit/pcapmap_test tests/unit/flowcache_test
tests_unit_link_test_SOURCES = tests/unit/link_test.c
tests_unit_link_test_LDADD = libpacket.a libcore.a libconfig.a libbase.a $(TEST_LIBS)
tests_unit_pcapmap_test_SOURCES = tests/unit/pcapmap_test.c
tests_unit_pcapmap_test_LDADD = libpacket.a libcore.a libconfig.a libbase.a $(TEST_LIBS)
tests_unit_flowcache_test_SOURCES = tests/unit/flowcache_test.c
tests_unit_flowcache_test_LDADD = libpacket.a libcore.a libconfig.a libbase.a $(TEST_LIBS)
check_PROGRAMS += tests/unit/flowtrack_test
TESTS += tests/unit/flowtrack_test
tests_unit_flowtrack_test_SOURCES = tests/unit/flowtrack_test.c
tests_unit_flowtrack_test_LDADD = libpacket.a libcore.a libconfig.a libbase.a $(TEST_LIBS)
check_PROGRAMS += tests/unit/classify_test tests/unit/feed_test
TESTS += tests/unit/classify_test tests/unit/feed_test
tests_unit_classify_test_SOURCES = tests/unit/classify_test.c tests/unit/app_packets.h
tests_unit_classify_test_LDADD = libpacket.a libcore.a libconfig.a libbase.a $(TEST_LIBS)
tests_unit_feed_test_SOURCES = tests/unit/feed_test.c tests/unit/fake_worker.c tests/unit/fake_worker.h tests/unit/app_packets.h
tests_unit_feed_test_LDADD = libpacket.a libcore.a libconfig.a libbase.a $(TEST_LIBS)
check_PROGRAMS += tests/unit/encode_test tests/unit/nfprobe_conf_test tests/unit/export_udp_test
TESTS += tests/unit/encode_test tests/unit/nfprobe_conf_test tests/unit/export_udp_test
tests_unit_encode_test_SOURCES = tests/unit/encode_test.c
tests_unit_encode_test_LDADD = libnetflow.a libcore.a libconfig.a libbase.a $(TEST_LIBS)
tests_unit_nfprobe_conf_test_SOURCES = tests/unit/nfprobe_conf_test.c
tests_unit_nfprobe_conf_test_LDADD = libplugins.a libnetflow.a libcore.a libconfig.a libbase.a $(TEST_LIBS)
tests_unit_export_udp_test_SOURCES = tests/unit/export_udp_test.c
tests_unit_export_udp_test_LDADD = libplugins.a libcore.a libconfig.a libbase.a $(TEST_LIBS)
