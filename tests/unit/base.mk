# SPDX-License-Identifier: BSD-2-Clause
# Unit tests of src/base.
base_tests = tests/unit/addr_test tests/unit/arena_test tests/unit/base64_test tests/unit/clock_test tests/unit/files_test tests/unit/log_test tests/unit/lpm_test \
	tests/unit/msg_test tests/unit/sock_test tests/unit/spool_test tests/unit/steer_test tests/unit/strbuf_test
check_PROGRAMS += $(base_tests)
TESTS += $(base_tests)
tests_unit_addr_test_SOURCES = tests/unit/addr_test.c
tests_unit_addr_test_LDADD = libbase.a $(TEST_LIBS)
tests_unit_arena_test_SOURCES = tests/unit/arena_test.c
tests_unit_arena_test_LDADD = libbase.a $(TEST_LIBS)
tests_unit_base64_test_SOURCES = tests/unit/base64_test.c
tests_unit_base64_test_LDADD = libbase.a $(TEST_LIBS)
tests_unit_clock_test_SOURCES = tests/unit/clock_test.c
tests_unit_clock_test_LDADD = libbase.a $(TEST_LIBS)
tests_unit_files_test_SOURCES = tests/unit/files_test.c
tests_unit_files_test_LDADD = libbase.a $(TEST_LIBS)
tests_unit_log_test_SOURCES = tests/unit/log_test.c
tests_unit_log_test_LDADD = libbase.a $(TEST_LIBS)
tests_unit_lpm_test_SOURCES = tests/unit/lpm_test.c
tests_unit_lpm_test_LDADD = libbase.a $(TEST_LIBS)
tests_unit_msg_test_SOURCES = tests/unit/msg_test.c
tests_unit_msg_test_LDADD = libbase.a $(TEST_LIBS)
tests_unit_sock_test_SOURCES = tests/unit/sock_test.c
tests_unit_sock_test_LDADD = libbase.a $(TEST_LIBS)
tests_unit_spool_test_SOURCES = tests/unit/spool_test.c
tests_unit_spool_test_LDADD = libbase.a $(TEST_LIBS)
tests_unit_strbuf_test_SOURCES = tests/unit/strbuf_test.c
tests_unit_strbuf_test_LDADD = libbase.a $(TEST_LIBS)
tests_unit_steer_test_SOURCES = tests/unit/steer_test.c
tests_unit_steer_test_LDADD = libbase.a $(TEST_LIBS)
