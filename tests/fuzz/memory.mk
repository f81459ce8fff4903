# SPDX-License-Identifier: BSD-2-Clause
# Fuzz target of the memory plugin and its client.
check_PROGRAMS += tests/fuzz/fuzz_imt
TESTS += tests/fuzz/fuzz_imt
tests_fuzz_fuzz_imt_SOURCES = tests/fuzz/fuzz_imt.c
tests_fuzz_fuzz_imt_LDADD = $(FUZZ_LIBS) libplugins.a libformat.a libcore.a libconfig.a libbase.a -lm $(DAEMON_LIBS)
check_PROGRAMS += tests/fuzz/fuzz_memory_web
TESTS += tests/fuzz/fuzz_memory_web
tests_fuzz_fuzz_memory_web_SOURCES = tests/fuzz/fuzz_memory_web.c
tests_fuzz_fuzz_memory_web_LDADD = $(FUZZ_LIBS) libplugins.a libtelemetry.a libformat.a libcore.a libconfig.a libbase.a -lm $(DAEMON_LIBS)
