# SPDX-License-Identifier: BSD-2-Clause
# Unit tests of src/config.
CONFIG_TESTS = tests/unit/config_keys_test tests/unit/config_values_test tests/unit/config_parse_test tests/unit/mapfile_test
check_PROGRAMS += $(CONFIG_TESTS)
TESTS += $(CONFIG_TESTS)
tests_unit_config_keys_test_SOURCES = tests/unit/config_keys_test.c tests/unit/config_run.h
tests_unit_config_keys_test_LDADD = libconfig.a libbase.a $(TEST_LIBS)
tests_unit_config_values_test_SOURCES = tests/unit/config_values_test.c
tests_unit_config_values_test_LDADD = libconfig.a libbase.a $(TEST_LIBS)
tests_unit_config_parse_test_SOURCES = tests/unit/config_parse_test.c tests/unit/config_run.h
tests_unit_config_parse_test_LDADD = libconfig.a libbase.a $(TEST_LIBS)
tests_unit_mapfile_test_SOURCES = tests/unit/mapfile_test.c
tests_unit_mapfile_test_LDADD = libconfig.a libbase.a $(TEST_LIBS)
