# SPDX-License-Identifier: BSD-2-Clause
noinst_LIBRARIES += libsflow.a
libsflow_a_SOURCES = src/sflow/sflow.h
libsflow_a_SOURCES += src/sflow/encode.c src/sflow/encode.h
libsflow_a_SOURCES += src/sflow/collector.h src/sflow/counters.c src/sflow/counters.def \
	src/sflow/decode.c src/sflow/decode.h src/sflow/drops.def \
	src/sflow/records.c src/sflow/records.def src/sflow/records.h \
	src/sflow/samples.c \
	src/sflow/source.c src/sflow/source.h
