# SPDX-License-Identifier: BSD-2-Clause
# Fuzz targets. A target is a file tests/fuzz/fuzz_<decoder>.c with LLVMFuzzerTestOneInput alone, seeds in tests/fuzz/corpus/<decoder>/,
# and four lines in <folder>.mk:
#     check_PROGRAMS += tests/fuzz/fuzz_x
#     TESTS += tests/fuzz/fuzz_x
#     tests_fuzz_fuzz_x_SOURCES = tests/fuzz/fuzz_x.c
#     tests_fuzz_fuzz_x_LDADD = $(FUZZ_LIBS) libx.a libcore.a libconfig.a libbase.a $(DAEMON_LIBS)
# With --enable-fuzzer FUZZ_LIBS is libFuzzer and options.c, else main.c, which replays the seeds in `make check`.
check_LIBRARIES += libfuzzmain.a
libfuzzmain_a_SOURCES = tests/fuzz/main.c tests/fuzz/mutate.h
if FUZZER
check_LIBRARIES += libfuzzoptions.a
libfuzzoptions_a_SOURCES = tests/fuzz/options.c
FUZZ_LIBS = libfuzzoptions.a $(FUZZ_LDFLAGS)
else
FUZZ_LIBS = libfuzzmain.a
endif
# Instead of base/log.c: what says much and is to be quick.
FAKE_LOG = tests/fuzz/fake_log.c tests/fuzz/fake_log.h
EXTRA_DIST += tests/fuzz/corpus tests/fuzz/README.md tests/fuzz/ledger.py

include tests/fuzz/base.mk
include tests/fuzz/bmp.mk
include tests/fuzz/bgp.mk
include tests/fuzz/config.mk
include tests/fuzz/memory.mk
include tests/fuzz/netflow.mk
include tests/fuzz/output.mk
include tests/fuzz/packet.mk
include tests/fuzz/rpki.mk
include tests/fuzz/sflow.mk
include tests/fuzz/telemetry.mk
include tests/fuzz/uacctd.mk
