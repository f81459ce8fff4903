# SPDX-License-Identifier: BSD-2-Clause
# Fuzz targets of src/config.
check_PROGRAMS += tests/fuzz/fuzz_config
TESTS += tests/fuzz/fuzz_config
tests_fuzz_fuzz_config_SOURCES = tests/fuzz/fuzz_config.c
tests_fuzz_fuzz_config_LDADD = $(FUZZ_LIBS) libconfig.a libbase.a $(DAEMON_LIBS)
check_PROGRAMS += tests/fuzz/fuzz_mapfile
TESTS += tests/fuzz/fuzz_mapfile
tests_fuzz_fuzz_mapfile_SOURCES = tests/fuzz/fuzz_mapfile.c
tests_fuzz_fuzz_mapfile_LDADD = $(FUZZ_LIBS) libconfig.a libbase.a $(DAEMON_LIBS)
check_PROGRAMS += tests/fuzz/fuzz_tagmap
TESTS += tests/fuzz/fuzz_tagmap
tests_fuzz_fuzz_tagmap_SOURCES = tests/fuzz/fuzz_tagmap.c
tests_fuzz_fuzz_tagmap_LDADD = $(FUZZ_LIBS) libcore.a libconfig.a libbase.a $(DAEMON_LIBS)
check_PROGRAMS += tests/fuzz/fuzz_spool
TESTS += tests/fuzz/fuzz_spool
tests_fuzz_fuzz_spool_SOURCES = tests/fuzz/fuzz_spool.c
tests_fuzz_fuzz_spool_LDADD = $(FUZZ_LIBS) libbase.a $(DAEMON_LIBS)
check_PROGRAMS += tests/fuzz/fuzz_session_maps
TESTS += tests/fuzz/fuzz_session_maps
tests_fuzz_fuzz_session_maps_SOURCES = tests/fuzz/fuzz_session_maps.c src/pmacctd/ifaces.c
tests_fuzz_fuzz_session_maps_LDADD = $(FUZZ_LIBS) libplugins.a libbgp.a libpacket.a libcore.a libconfig.a libbase.a $(DAEMON_LIBS)
