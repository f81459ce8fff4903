# SPDX-License-Identifier: BSD-2-Clause
noinst_LIBRARIES += libpacket.a
libpacket_a_SOURCES =
