# SPDX-License-Identifier: BSD-2-Clause
# Unit and wire tests of the sFlow decoder.
SFLOW_TEST_LIBS = libsflow.a libpacket.a libcore.a libconfig.a libbase.a $(TEST_LIBS)
EXTRA_DIST += tests/wire/sflow

check_PROGRAMS += tests/wire/wire_sflow
TESTS += tests/wire/wire_sflow
tests_wire_wire_sflow_SOURCES = tests/wire/wire_sflow.c tests/wire/wire_case.c tests/wire/wire_case.h \
	tests/unit/fake_worker.c tests/unit/fake_worker.h
tests_wire_wire_sflow_LDADD = $(SFLOW_TEST_LIBS)

check_PROGRAMS += tests/unit/sflow_source_test
TESTS += tests/unit/sflow_source_test
tests_unit_sflow_source_test_SOURCES = tests/unit/sflow_source_test.c
tests_unit_sflow_source_test_LDADD = $(SFLOW_TEST_LIBS)
