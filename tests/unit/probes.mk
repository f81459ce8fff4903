# SPDX-License-Identifier: BSD-2-Clause
# Unit tests of sfprobe and of what the probes share.
PROBE_TESTS = tests/unit/sflow_encode_test tests/unit/sfprobe_test tests/unit/probe_iface_test
check_PROGRAMS += $(PROBE_TESTS)
TESTS += $(PROBE_TESTS)
tests_unit_sflow_encode_test_SOURCES = tests/unit/sflow_encode_test.c
tests_unit_sflow_encode_test_LDADD = libsflow.a libcore.a libconfig.a libbase.a $(TEST_LIBS)
tests_unit_sfprobe_test_SOURCES = tests/unit/sfprobe_test.c
tests_unit_sfprobe_test_LDADD = libplugins.a libsflow.a libcore.a libconfig.a libbase.a $(TEST_LIBS)
tests_unit_probe_iface_test_SOURCES = tests/unit/probe_iface_test.c
tests_unit_probe_iface_test_LDADD = libplugins.a libhttp.a libformat.a libcore.a libconfig.a libbase.a $(TEST_LIBS)
