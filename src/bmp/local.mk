# SPDX-License-Identifier: BSD-2-Clause
noinst_LIBRARIES += libbmp.a
libbmp_a_SOURCES = src/bmp/faults.def src/bmp/msg.c src/bmp/msg.h src/bmp/names.c src/bmp/stats.def
libbmp_a_SOURCES += src/bmp/event.c src/bmp/event.h src/bmp/station.c src/bmp/station.h
