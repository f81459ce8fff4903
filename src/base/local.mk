# SPDX-License-Identifier: BSD-2-Clause
noinst_LIBRARIES += libbase.a
libbase_a_SOURCES = \
	src/base/addr.c src/base/addr.h \
	src/base/clock.c src/base/clock.h \
	src/base/cursor.h \
	src/base/err.c src/base/err.h \
	src/base/hash.h \
	src/base/log.c src/base/log.h \
	src/base/nearest.c src/base/nearest.h \
	src/base/strbuf.c src/base/strbuf.h
