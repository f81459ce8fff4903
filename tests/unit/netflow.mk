# SPDX-License-Identifier: BSD-2-Clause
# Unit and wire tests of src/netflow, and of the allow lists that the collectors share.
NETFLOW_TEST_LIBS = libnetflow.a libcore.a libconfig.a libbase.a $(TEST_LIBS)
EXTRA_DIST += tests/wire/netflow

check_PROGRAMS += tests/wire/wire_netflow
TESTS += tests/wire/wire_netflow
tests_wire_wire_netflow_SOURCES = tests/wire/wire_netflow.c tests/wire/wire_case.c tests/wire/wire_case.h \
	tests/unit/fake_worker.c tests/unit/fake_worker.h
tests_wire_wire_netflow_LDADD = $(NETFLOW_TEST_LIBS)

check_PROGRAMS += tests/unit/allow_test tests/unit/elements_test tests/unit/exporter_test tests/unit/netflow_options_test \
	tests/unit/netflow_times_test tests/unit/plan_test tests/unit/tmpl_test
TESTS += tests/unit/allow_test tests/unit/elements_test tests/unit/exporter_test tests/unit/netflow_options_test \
	tests/unit/netflow_times_test tests/unit/plan_test tests/unit/tmpl_test
tests_unit_allow_test_SOURCES = tests/unit/allow_test.c
tests_unit_allow_test_LDADD = libcore.a libconfig.a libbase.a $(TEST_LIBS)
tests_unit_elements_test_SOURCES = tests/unit/elements_test.c
tests_unit_elements_test_LDADD = $(NETFLOW_TEST_LIBS)
tests_unit_exporter_test_SOURCES = tests/unit/exporter_test.c
tests_unit_exporter_test_LDADD = $(NETFLOW_TEST_LIBS)
tests_unit_netflow_options_test_SOURCES = tests/unit/netflow_options_test.c
tests_unit_netflow_options_test_LDADD = $(NETFLOW_TEST_LIBS)
tests_unit_netflow_times_test_SOURCES = tests/unit/netflow_times_test.c
tests_unit_netflow_times_test_LDADD = $(NETFLOW_TEST_LIBS)
tests_unit_plan_test_SOURCES = tests/unit/plan_test.c
tests_unit_plan_test_LDADD = $(NETFLOW_TEST_LIBS)
tests_unit_tmpl_test_SOURCES = tests/unit/tmpl_test.c
tests_unit_tmpl_test_LDADD = $(NETFLOW_TEST_LIBS)

# Nanoseconds a record; run by hand.
check_PROGRAMS += bench/micro_netflow
bench_micro_netflow_SOURCES = bench/micro_netflow.c tests/unit/fake_worker.c tests/unit/fake_worker.h
bench_micro_netflow_LDADD = libnetflow.a libcore.a libconfig.a libbase.a $(DAEMON_LIBS)
