# SPDX-License-Identifier: BSD-2-Clause
# Fuzz targets of src/rpki.
check_PROGRAMS += tests/fuzz/fuzz_rtr tests/fuzz/fuzz_roa
TESTS += tests/fuzz/fuzz_rtr tests/fuzz/fuzz_roa
tests_fuzz_fuzz_rtr_SOURCES = tests/fuzz/fuzz_rtr.c
tests_fuzz_fuzz_rtr_LDADD = $(FUZZ_LIBS) librpki.a libcore.a libconfig.a libbase.a $(DAEMON_LIBS)
tests_fuzz_fuzz_roa_SOURCES = tests/fuzz/fuzz_roa.c
tests_fuzz_fuzz_roa_LDADD = $(FUZZ_LIBS) librpki.a libcore.a libconfig.a libbase.a $(DAEMON_LIBS)
check_PROGRAMS += tests/fuzz/fuzz_rtr_session
TESTS += tests/fuzz/fuzz_rtr_session
tests_fuzz_fuzz_rtr_session_SOURCES = tests/fuzz/fuzz_rtr_session.c $(FAKE_LOG)
tests_fuzz_fuzz_rtr_session_LDADD = $(FUZZ_LIBS) librpki.a libcore.a libconfig.a libbase.a $(DAEMON_LIBS)
