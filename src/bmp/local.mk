# SPDX-License-Identifier: BSD-2-Clause
noinst_LIBRARIES += libbmp.a
libbmp_a_SOURCES = src/bmp/faults.def src/bmp/msg.c src/bmp/msg.h src/bmp/names.c src/bmp/stats.def
libbmp_a_SOURCES += src/bmp/bmp.h src/bmp/dump.c src/bmp/event.c src/bmp/event.h src/bmp/log.c src/bmp/log.h \
	src/bmp/proxy.c src/bmp/proxy.h src/bmp/savefile.c src/bmp/service.c src/bmp/service_impl.h src/bmp/session.c \
	src/bmp/station.c src/bmp/station.h
