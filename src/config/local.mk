# SPDX-License-Identifier: BSD-2-Clause
noinst_LIBRARIES += libconfig.a
libconfig_a_SOURCES =
