# SPDX-License-Identifier: BSD-2-Clause
# Unit tests of src/bmp.
check_PROGRAMS += tests/unit/bmp_msg_test
TESTS += tests/unit/bmp_msg_test
tests_unit_bmp_msg_test_SOURCES = tests/unit/bmp_msg_test.c tests/unit/hex.h
tests_unit_bmp_msg_test_LDADD = libbmp.a libbase.a $(TEST_LIBS)

check_PROGRAMS += tests/unit/bmp_station_test
TESTS += tests/unit/bmp_station_test
tests_unit_bmp_station_test_SOURCES = tests/unit/bmp_station_test.c tests/unit/hex.h
tests_unit_bmp_station_test_LDADD = libbmp.a libbgp.a librib.a liboutput.a libformat.a libcore.a libconfig.a libbase.a $(TEST_LIBS)
