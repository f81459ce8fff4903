# SPDX-License-Identifier: BSD-2-Clause
# Unit and wire tests of src/bgp.
BGP_WIRE_LIBS = libbgp.a libbase.a $(TEST_LIBS)
check_PROGRAMS += tests/unit/bgp_open_test tests/unit/bgp_text_test tests/unit/bgp_update_test tests/unit/bgp_faults_test tests/unit/bgp_families_test tests/unit/bgp_mrt_test
TESTS += tests/unit/bgp_open_test tests/unit/bgp_text_test tests/unit/bgp_update_test tests/unit/bgp_faults_test tests/unit/bgp_families_test tests/unit/bgp_mrt_test
tests_unit_bgp_open_test_SOURCES = tests/unit/bgp_open_test.c tests/unit/hex.h
tests_unit_bgp_open_test_LDADD = $(BGP_WIRE_LIBS)
tests_unit_bgp_text_test_SOURCES = tests/unit/bgp_text_test.c tests/unit/hex.h
tests_unit_bgp_text_test_LDADD = $(BGP_WIRE_LIBS)
tests_unit_bgp_update_test_SOURCES = tests/unit/bgp_update_test.c tests/unit/bgp_rows.h tests/unit/bgp_record.h tests/unit/hex.h
tests_unit_bgp_update_test_LDADD = $(BGP_WIRE_LIBS)
tests_unit_bgp_faults_test_SOURCES = tests/unit/bgp_faults_test.c tests/unit/bgp_rows.h tests/unit/bgp_record.h tests/unit/hex.h
tests_unit_bgp_faults_test_LDADD = $(BGP_WIRE_LIBS)
tests_unit_bgp_families_test_SOURCES = tests/unit/bgp_families_test.c tests/unit/bgp_rows.h tests/unit/bgp_record.h tests/unit/hex.h
tests_unit_bgp_families_test_LDADD = $(BGP_WIRE_LIBS)
tests_unit_bgp_mrt_test_SOURCES = tests/unit/bgp_mrt_test.c tests/unit/bgp_rows.h tests/unit/bgp_record.h tests/unit/hex.h
tests_unit_bgp_mrt_test_LDADD = $(BGP_WIRE_LIBS)

check_PROGRAMS += tests/unit/bgp_route_json_test
TESTS += tests/unit/bgp_route_json_test
tests_unit_bgp_route_json_test_SOURCES = tests/unit/bgp_route_json_test.c
tests_unit_bgp_route_json_test_LDADD = libbgp.a libformat.a libcore.a libconfig.a libbase.a $(TEST_LIBS)

# Nanoseconds a route; run by hand.
check_PROGRAMS += bench/micro_bgp
bench_micro_bgp_SOURCES = bench/micro_bgp.c
bench_micro_bgp_LDADD = libbgp.a libbase.a $(DAEMON_LIBS)

check_PROGRAMS += tests/unit/bgp_nlri_json_test
TESTS += tests/unit/bgp_nlri_json_test
tests_unit_bgp_nlri_json_test_SOURCES = tests/unit/bgp_nlri_json_test.c tests/unit/hex.h
tests_unit_bgp_nlri_json_test_LDADD = libbgp.a libformat.a libcore.a libconfig.a libbase.a $(TEST_LIBS)

check_PROGRAMS += tests/unit/bgp_lgquery_test
TESTS += tests/unit/bgp_lgquery_test
tests_unit_bgp_lgquery_test_SOURCES = tests/unit/bgp_lgquery_test.c
tests_unit_bgp_lgquery_test_LDADD = libbgp.a libbase.a $(TEST_LIBS)

check_PROGRAMS += tests/unit/bgp_tcpkeys_test
TESTS += tests/unit/bgp_tcpkeys_test
tests_unit_bgp_tcpkeys_test_SOURCES = tests/unit/bgp_tcpkeys_test.c
tests_unit_bgp_tcpkeys_test_LDADD = libbgp.a libconfig.a libbase.a $(TEST_LIBS)
