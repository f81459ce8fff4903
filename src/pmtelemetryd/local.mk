# SPDX-License-Identifier: BSD-2-Clause
sbin_PROGRAMS += pmtelemetryd
pmtelemetryd_SOURCES = src/pmtelemetryd/main.c
pmtelemetryd_LDADD = $(DAEMON_ARCHIVES) $(DAEMON_LIBS)
