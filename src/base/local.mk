# SPDX-License-Identifier: BSD-2-Clause
noinst_LIBRARIES += libbase.a
libbase_a_SOURCES = \
	src/base/addr.c src/base/addr.h \
	src/base/arena.c src/base/arena.h \
	src/base/base64.c src/base/base64.h \
	src/base/clock.c src/base/clock.h \
	src/base/craft.c src/base/craft.h \
	src/base/cursor.h \
	src/base/err.c src/base/err.h \
	src/base/files.c src/base/files.h \
	src/base/hash.h \
	src/base/log.c src/base/log.h \
	src/base/lpm.c src/base/lpm.h \
	src/base/msg.c src/base/msg.h \
	src/base/nearest.c src/base/nearest.h \
	src/base/pages.h \
	src/base/accept_rest.c src/base/accept_rest.h \
	src/base/sock.c src/base/sock.h src/base/steer.c src/base/steer.h \
	src/base/spool.c src/base/spool.h \
	src/base/strbuf.c src/base/strbuf.h \
	src/base/title.c src/base/title.h \
	src/base/tls.h

if WITH_GNUTLS
libbase_a_SOURCES += src/base/tls.c src/base/dtls.c src/base/tls_keys.c src/base/tls_impl.h
else
libbase_a_SOURCES += src/base/tls_none.c
endif
EXTRA_DIST += src/base/tls.c src/base/dtls.c src/base/tls_keys.c src/base/tls_impl.h src/base/tls_none.c
