# SPDX-License-Identifier: BSD-2-Clause
noinst_LIBRARIES += libplugins.a
libplugins_a_SOURCES =
