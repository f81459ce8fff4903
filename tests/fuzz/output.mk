# SPDX-License-Identifier: BSD-2-Clause
# Fuzz targets of src/output.
check_PROGRAMS += tests/fuzz/fuzz_avro
TESTS += tests/fuzz/fuzz_avro
tests_fuzz_fuzz_avro_SOURCES = tests/fuzz/fuzz_avro.c
tests_fuzz_fuzz_avro_LDADD = $(FUZZ_LIBS) liboutput.a libformat.a libcore.a libconfig.a libbase.a $(DAEMON_LIBS)
