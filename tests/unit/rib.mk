# SPDX-License-Identifier: BSD-2-Clause
# Unit tests of src/rib.
rib_tests = tests/unit/rib_test tests/unit/rib_threads_test
check_PROGRAMS += $(rib_tests)
TESTS += $(rib_tests)
tests_unit_rib_test_SOURCES = tests/unit/rib_test.c
tests_unit_rib_test_LDADD = librib.a libbase.a $(TEST_LIBS)
tests_unit_rib_threads_test_SOURCES = tests/unit/rib_threads_test.c
tests_unit_rib_threads_test_LDADD = librib.a libbase.a $(TEST_LIBS)
