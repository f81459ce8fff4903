# SPDX-License-Identifier: BSD-2-Clause
# Fuzz targets of src/bgp.
BGP_FUZZ = tests/fuzz/fuzz_bgp_open tests/fuzz/fuzz_bgp_update tests/fuzz/fuzz_bgp_nlri tests/fuzz/fuzz_bgp_mrt
BGP_FUZZ_LIBS = $(FUZZ_LIBS) libbgp.a libformat.a libcore.a libconfig.a libbase.a -lm $(DAEMON_LIBS)
check_PROGRAMS += tests/fuzz/fuzz_bgp_open tests/fuzz/fuzz_bgp_update tests/fuzz/fuzz_bgp_nlri tests/fuzz/fuzz_bgp_mrt
TESTS += $(BGP_FUZZ)
tests_fuzz_fuzz_bgp_open_SOURCES = tests/fuzz/fuzz_bgp_open.c
tests_fuzz_fuzz_bgp_open_LDADD = $(BGP_FUZZ_LIBS)
tests_fuzz_fuzz_bgp_update_SOURCES = tests/fuzz/fuzz_bgp_update.c tests/fuzz/shape_bgp.c tests/fuzz/shape.h
tests_fuzz_fuzz_bgp_update_LDADD = $(BGP_FUZZ_LIBS)
tests_fuzz_fuzz_bgp_nlri_SOURCES = tests/fuzz/fuzz_bgp_nlri.c
tests_fuzz_fuzz_bgp_nlri_LDADD = $(BGP_FUZZ_LIBS)
tests_fuzz_fuzz_bgp_mrt_SOURCES = tests/fuzz/fuzz_bgp_mrt.c
tests_fuzz_fuzz_bgp_mrt_LDADD = $(BGP_FUZZ_LIBS)
check_PROGRAMS += tests/fuzz/fuzz_bgp_lgquery
TESTS += tests/fuzz/fuzz_bgp_lgquery
tests_fuzz_fuzz_bgp_lgquery_SOURCES = tests/fuzz/fuzz_bgp_lgquery.c
tests_fuzz_fuzz_bgp_lgquery_LDADD = $(FUZZ_LIBS) libbgp.a libbase.a $(DAEMON_LIBS)
