# SPDX-License-Identifier: BSD-2-Clause
if WITH_NFLOG
sbin_PROGRAMS += uacctd
uacctd_SOURCES = src/uacctd/main.c src/uacctd/input_nflog.c src/uacctd/input_nflog.h src/uacctd/nfsock.c src/uacctd/nfsock.h
uacctd_LDADD = $(DAEMON_ARCHIVES) $(DAEMON_LIBS)
endif
