# SPDX-License-Identifier: BSD-2-Clause
# The load generator of benchmarks and system tests. Not installed.
noinst_PROGRAMS += bench/flowgen
bench_flowgen_SOURCES = bench/flowgen.c
EXTRA_DIST += bench/bench.py bench/fetch-oracle.sh bench/README.md
