# SPDX-License-Identifier: BSD-2-Clause
noinst_LIBRARIES += liboutput.a
liboutput_a_SOURCES =
