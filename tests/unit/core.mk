# SPDX-License-Identifier: BSD-2-Clause
# Unit tests of src/core.
check_PROGRAMS += tests/unit/ring_test tests/unit/agg_test
TESTS += tests/unit/ring_test tests/unit/agg_test
tests_unit_ring_test_SOURCES = tests/unit/ring_test.c
tests_unit_ring_test_LDADD = libcore.a libbase.a $(TEST_LIBS)
tests_unit_agg_test_SOURCES = tests/unit/agg_test.c
tests_unit_agg_test_LDADD = libcore.a libbase.a $(TEST_LIBS)
check_PROGRAMS += tests/unit/project_test tests/unit/filter_test tests/unit/worker_test
TESTS += tests/unit/project_test tests/unit/filter_test tests/unit/worker_test
tests_unit_project_test_SOURCES = tests/unit/project_test.c
tests_unit_project_test_LDADD = libcore.a libbase.a $(TEST_LIBS)
tests_unit_filter_test_SOURCES = tests/unit/filter_test.c
tests_unit_filter_test_LDADD = libcore.a libbase.a $(TEST_LIBS)
tests_unit_worker_test_SOURCES = tests/unit/worker_test.c
tests_unit_worker_test_LDADD = libcore.a libbase.a $(TEST_LIBS)
check_PROGRAMS += tests/unit/fields_test tests/unit/layout_test
TESTS += tests/unit/fields_test tests/unit/layout_test
tests_unit_fields_test_SOURCES = tests/unit/fields_test.c
tests_unit_fields_test_LDADD = libcore.a libbase.a $(TEST_LIBS)
tests_unit_layout_test_SOURCES = tests/unit/layout_test.c
tests_unit_layout_test_LDADD = libcore.a libbase.a $(TEST_LIBS)
