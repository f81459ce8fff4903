# SPDX-License-Identifier: BSD-2-Clause
# Fuzz targets of src/base.
if WITH_GNUTLS
check_PROGRAMS += tests/fuzz/fuzz_dtls
TESTS += tests/fuzz/fuzz_dtls
tests_fuzz_fuzz_dtls_SOURCES = tests/fuzz/fuzz_dtls.c $(FAKE_LOG)
tests_fuzz_fuzz_dtls_LDADD = $(FUZZ_LIBS) libcore.a libconfig.a libbase.a $(DAEMON_LIBS)
endif
