# SPDX-License-Identifier: BSD-2-Clause
# Unit tests of src/telemetry.
TELEMETRY_TEST_LIBS = libtelemetry.a libqueue.a liboutput.a libformat.a libcore.a libconfig.a libbase.a -lm $(TEST_LIBS)
TELEMETRY_TESTS = tests/unit/tele_framing_test tests/unit/tele_cbor_test tests/unit/tele_gpb_test tests/unit/tele_notif_test tests/unit/tele_dialout_test
check_PROGRAMS += $(TELEMETRY_TESTS)
TESTS += $(TELEMETRY_TESTS)
tests_unit_tele_framing_test_SOURCES = tests/unit/tele_framing_test.c
tests_unit_tele_framing_test_LDADD = $(TELEMETRY_TEST_LIBS)
tests_unit_tele_cbor_test_SOURCES = tests/unit/tele_cbor_test.c tests/unit/hex.h
tests_unit_tele_cbor_test_LDADD = $(TELEMETRY_TEST_LIBS)
tests_unit_tele_gpb_test_SOURCES = tests/unit/tele_gpb_test.c
tests_unit_tele_gpb_test_LDADD = $(TELEMETRY_TEST_LIBS)
tests_unit_tele_notif_test_SOURCES = tests/unit/tele_notif_test.c
tests_unit_tele_notif_test_LDADD = $(TELEMETRY_TEST_LIBS)
tests_unit_tele_dialout_test_SOURCES = tests/unit/tele_dialout_test.c tests/unit/hex.h
tests_unit_tele_dialout_test_LDADD = $(TELEMETRY_TEST_LIBS)
