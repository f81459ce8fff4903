# SPDX-License-Identifier: BSD-2-Clause
noinst_LIBRARIES += libcore.a
libcore_a_SOURCES = \
	src/core/agg.h \
	src/core/build.c src/core/build.h \
	src/core/daemon.h \
	src/core/fields.def src/core/fields.h \
	src/core/flow.h \
	src/core/input.h \
	src/core/layout.h \
	src/core/plugin.h \
	src/core/ring.h \
	src/core/worker.h
