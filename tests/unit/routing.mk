# SPDX-License-Identifier: BSD-2-Clause
# Unit tests of src/routing and src/rpki.
routing_tests = tests/unit/roa_test tests/unit/routing_ahead_test tests/unit/routing_test tests/unit/rtr_test
check_PROGRAMS += $(routing_tests)
TESTS += $(routing_tests)
ROUTING_ARCHIVES = librouting.a librpki.a libbmp.a libbgp.a librib.a liboutput.a libformat.a libpacket.a libcore.a libconfig.a libbase.a
tests_unit_roa_test_SOURCES = tests/unit/roa_test.c
tests_unit_roa_test_LDADD = librpki.a libbase.a $(TEST_LIBS)
tests_unit_routing_ahead_test_SOURCES = tests/unit/routing_ahead_test.c
tests_unit_routing_ahead_test_LDADD = $(ROUTING_ARCHIVES) $(TEST_LIBS)
tests_unit_routing_test_SOURCES = tests/unit/routing_test.c
tests_unit_routing_test_LDADD = $(ROUTING_ARCHIVES) $(TEST_LIBS)
tests_unit_rtr_test_SOURCES = tests/unit/rtr_test.c
tests_unit_rtr_test_LDADD = $(ROUTING_ARCHIVES) $(TEST_LIBS)
