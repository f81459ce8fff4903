# SPDX-License-Identifier: BSD-2-Clause
# Unit tests of metrics and the live page.
check_PROGRAMS += tests/unit/figures_test
TESTS += tests/unit/figures_test
tests_unit_figures_test_SOURCES = tests/unit/figures_test.c
tests_unit_figures_test_LDADD = libhttp.a libcore.a libconfig.a libbase.a $(TEST_LIBS)
