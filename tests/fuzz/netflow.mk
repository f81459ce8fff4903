# SPDX-License-Identifier: BSD-2-Clause
# Fuzz targets of src/netflow, and the runner of mutated datagrams (`mutate_netflow -n 10000000` for the long form).
check_PROGRAMS += tests/fuzz/fuzz_netflow
TESTS += tests/fuzz/fuzz_netflow
tests_fuzz_fuzz_netflow_SOURCES = tests/fuzz/fuzz_netflow.c tests/fuzz/shape_netflow.c tests/fuzz/shape.h tests/unit/fake_worker.c tests/unit/fake_worker.h $(FAKE_LOG)
tests_fuzz_fuzz_netflow_LDADD = $(FUZZ_LIBS) libnetflow.a libcore.a libconfig.a libbase.a $(DAEMON_LIBS)

check_PROGRAMS += tests/fuzz/mutate_netflow
TESTS += tests/fuzz/mutate_netflow
tests_fuzz_mutate_netflow_SOURCES = tests/fuzz/mutate_netflow.c tests/unit/fake_worker.c tests/unit/fake_worker.h
tests_fuzz_mutate_netflow_LDADD = libnetflow.a libcore.a libconfig.a libbase.a $(DAEMON_LIBS)

check_PROGRAMS += tests/fuzz/fuzz_lists
TESTS += tests/fuzz/fuzz_lists
tests_fuzz_fuzz_lists_SOURCES = tests/fuzz/fuzz_lists.c
tests_fuzz_fuzz_lists_LDADD = $(FUZZ_LIBS) libnetflow.a libcore.a libconfig.a libbase.a $(DAEMON_LIBS)

check_PROGRAMS += tests/fuzz/fuzz_ipfix_session
TESTS += tests/fuzz/fuzz_ipfix_session
tests_fuzz_fuzz_ipfix_session_SOURCES = tests/fuzz/fuzz_ipfix_session.c tests/unit/fake_worker.c tests/unit/fake_worker.h $(FAKE_LOG)
tests_fuzz_fuzz_ipfix_session_LDADD = $(FUZZ_LIBS) libnetflow.a libcore.a libconfig.a libbase.a $(DAEMON_LIBS)
