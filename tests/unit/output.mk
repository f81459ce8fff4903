# SPDX-License-Identifier: BSD-2-Clause
# Unit tests of src/output.
check_PROGRAMS += tests/unit/format_test
TESTS += tests/unit/format_test
tests_unit_format_test_SOURCES = tests/unit/format_test.c tests/unit/rows.h
tests_unit_format_test_LDADD = libformat.a libcore.a libbase.a -lm $(TEST_LIBS)
