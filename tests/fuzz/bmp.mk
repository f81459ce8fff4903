# SPDX-License-Identifier: BSD-2-Clause
# Fuzz target of src/bmp.
check_PROGRAMS += tests/fuzz/fuzz_bmp
TESTS += tests/fuzz/fuzz_bmp
tests_fuzz_fuzz_bmp_SOURCES = tests/fuzz/fuzz_bmp.c
tests_fuzz_fuzz_bmp_LDADD = $(FUZZ_LIBS) libbmp.a libbase.a $(DAEMON_LIBS)
