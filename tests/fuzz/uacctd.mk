# SPDX-License-Identifier: BSD-2-Clause
# Fuzz target of uacctd's messages.
check_PROGRAMS += tests/fuzz/fuzz_nflog
TESTS += tests/fuzz/fuzz_nflog
tests_fuzz_fuzz_nflog_SOURCES = tests/fuzz/fuzz_nflog.c
tests_fuzz_fuzz_nflog_LDADD = $(FUZZ_LIBS) libpacket.a libcore.a libconfig.a libbase.a $(DAEMON_LIBS)
