# SPDX-License-Identifier: BSD-2-Clause
noinst_LIBRARIES += libbase.a
libbase_a_SOURCES =
