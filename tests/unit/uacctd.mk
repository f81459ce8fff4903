# SPDX-License-Identifier: BSD-2-Clause
# Unit tests of what uacctd adds to src/packet.
check_PROGRAMS += tests/unit/nflog_test
TESTS += tests/unit/nflog_test
tests_unit_nflog_test_SOURCES = tests/unit/nflog_test.c
tests_unit_nflog_test_LDADD = libpacket.a libcore.a libconfig.a libbase.a $(TEST_LIBS)
