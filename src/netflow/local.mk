# SPDX-License-Identifier: BSD-2-Clause
noinst_LIBRARIES += libnetflow.a
libnetflow_a_SOURCES = \
	src/netflow/ahead.c src/netflow/decode.h \
	src/netflow/decode_ipfix.c src/netflow/decode_options.c src/netflow/decode_sets.c \
	src/netflow/decode_v5.c src/netflow/decode_v9.c \
	src/netflow/drops.def \
	src/netflow/dump.c \
	src/netflow/elements.c src/netflow/elements.def src/netflow/elements.h \
	src/netflow/exporter.c src/netflow/exporter.h \
	src/netflow/finish.c \
	src/netflow/form.c src/netflow/form.h \
	src/netflow/handon.c src/netflow/handon.h \
	src/netflow/input_sessions.c src/netflow/input_sessions.h \
	src/netflow/keep.c src/netflow/keep.h \
	src/netflow/load.c \
	src/netflow/netflow.c src/netflow/netflow.h \
	src/netflow/options.c src/netflow/options.h \
	src/netflow/plan.c src/netflow/plan.h \
	src/netflow/record.h \
	src/netflow/slots.def \
	src/netflow/split.c \
	src/netflow/times.h \
	src/netflow/tmpl.c src/netflow/tmpl.h
libnetflow_a_SOURCES += src/netflow/encode.c src/netflow/encode.h src/netflow/encode_impl.h src/netflow/encode_options.c
