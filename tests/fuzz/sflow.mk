# SPDX-License-Identifier: BSD-2-Clause
# Fuzz targets of src/sflow, one a version.
SFLOW_FUZZ = tests/fuzz/fuzz_sflow2 tests/fuzz/fuzz_sflow4 tests/fuzz/fuzz_sflow5
SFLOW_FUZZ_LIBS = $(FUZZ_LIBS) libsflow.a libpacket.a libcore.a libconfig.a libbase.a $(DAEMON_LIBS)
check_PROGRAMS += $(SFLOW_FUZZ)
TESTS += $(SFLOW_FUZZ)
tests_fuzz_fuzz_sflow2_SOURCES = tests/fuzz/fuzz_sflow2.c tests/fuzz/fuzz_sflow.h tests/unit/fake_worker.c tests/unit/fake_worker.h $(FAKE_LOG)
tests_fuzz_fuzz_sflow2_LDADD = $(SFLOW_FUZZ_LIBS)
tests_fuzz_fuzz_sflow4_SOURCES = tests/fuzz/fuzz_sflow4.c tests/fuzz/fuzz_sflow.h tests/unit/fake_worker.c tests/unit/fake_worker.h $(FAKE_LOG)
tests_fuzz_fuzz_sflow4_LDADD = $(SFLOW_FUZZ_LIBS)
tests_fuzz_fuzz_sflow5_SOURCES = tests/fuzz/fuzz_sflow5.c tests/fuzz/fuzz_sflow.h tests/unit/fake_worker.c tests/unit/fake_worker.h $(FAKE_LOG)
tests_fuzz_fuzz_sflow5_LDADD = $(SFLOW_FUZZ_LIBS)
