# SPDX-License-Identifier: BSD-2-Clause
# The generators of benchmarks and system tests. Not installed.
noinst_PROGRAMS += bench/flowgen bench/micro_maps bench/micro_rib bench/pktmix bench/sink bench/source bench/telegen tests/system/framegen tests/system/mutgen
EXTRA_DIST += tests/system/nomemory.c tests/system/tsanthreads.c
tests_system_framegen_SOURCES = tests/system/framegen.c
tests_system_mutgen_SOURCES = tests/system/mutgen.c tests/fuzz/mutate.h
if WITH_KAFKA
noinst_PROGRAMS += tests/system/kafkamock tests/system/kafkactl
tests_system_kafkactl_SOURCES = tests/system/kafkactl.c
tests_system_kafkactl_LDADD = $(DAEMON_LIBS)
tests_system_kafkamock_SOURCES = tests/system/kafkamock.c
tests_system_kafkamock_LDADD = $(DAEMON_LIBS)
endif
bench_micro_maps_SOURCES = bench/micro_maps.c
bench_micro_maps_LDADD = libcore.a libconfig.a libbase.a $(DAEMON_LIBS)
bench_micro_rib_SOURCES = bench/micro_rib.c
bench_micro_rib_LDADD = librib.a libbase.a $(DAEMON_LIBS)
bench_flowgen_SOURCES = bench/flowgen.c
bench_pktmix_SOURCES = bench/pktmix.c
bench_sink_SOURCES = bench/sink.c
bench_sink_LDADD = libbase.a
bench_source_SOURCES = bench/source.c
bench_source_LDADD = libbase.a
bench_telegen_SOURCES = bench/telegen.c
bench_telegen_LDADD = libbase.a
EXTRA_DIST += bench/bench.py bench/model.py bench/report.py bench/instructions.py bench/fetch-oracle.sh bench/README.md
