# SPDX-License-Identifier: BSD-2-Clause
# Unit tests of the memory plugin, its protocol and its client.
check_PROGRAMS += tests/unit/imt_proto_test tests/unit/memory_query_test tests/unit/pmacct_query_test tests/unit/memory_test
TESTS += tests/unit/imt_proto_test tests/unit/memory_query_test tests/unit/pmacct_query_test tests/unit/memory_test
tests_unit_imt_proto_test_SOURCES = tests/unit/imt_proto_test.c tests/unit/rows.h
tests_unit_imt_proto_test_LDADD = libcore.a libconfig.a libbase.a $(TEST_LIBS)
tests_unit_memory_query_test_SOURCES = tests/unit/memory_query_test.c tests/unit/rows.h
tests_unit_memory_query_test_LDADD = libplugins.a libhttp.a libformat.a libcore.a libconfig.a libbase.a $(TEST_LIBS)
tests_unit_pmacct_query_test_SOURCES = tests/unit/pmacct_query_test.c tests/unit/rows.h
tests_unit_pmacct_query_test_LDADD = libpmacct.a libformat.a libcore.a libconfig.a libbase.a -lm $(TEST_LIBS)
tests_unit_memory_test_SOURCES = tests/unit/memory_test.c tests/unit/rows.h
tests_unit_memory_test_LDADD = libpmacct.a libplugins.a libhttp.a libformat.a libcore.a libconfig.a libbase.a -lm $(TEST_LIBS)
