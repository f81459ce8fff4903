# SPDX-License-Identifier: BSD-2-Clause
noinst_LIBRARIES += libsflow.a
libsflow_a_SOURCES = src/sflow/sflow.h
libsflow_a_SOURCES += src/sflow/encode.c src/sflow/encode.h
