# SPDX-License-Identifier: BSD-2-Clause
# Fuzz target of src/bmp.
check_PROGRAMS += tests/fuzz/fuzz_bmp
TESTS += tests/fuzz/fuzz_bmp
tests_fuzz_fuzz_bmp_SOURCES = tests/fuzz/fuzz_bmp.c
tests_fuzz_fuzz_bmp_LDADD = $(FUZZ_LIBS) libbmp.a libbase.a $(DAEMON_LIBS)
check_PROGRAMS += tests/fuzz/fuzz_bmp_station
TESTS += tests/fuzz/fuzz_bmp_station
tests_fuzz_fuzz_bmp_station_SOURCES = tests/fuzz/fuzz_bmp_station.c $(FAKE_LOG)
tests_fuzz_fuzz_bmp_station_LDADD = $(FUZZ_LIBS) libbmp.a libbgp.a librpki.a librib.a liboutput.a libformat.a libcore.a libconfig.a libbase.a $(DAEMON_LIBS)
