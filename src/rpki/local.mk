# SPDX-License-Identifier: BSD-2-Clause
noinst_LIBRARIES += librpki.a
librpki_a_SOURCES = \
	src/rpki/roa.c src/rpki/roa_file.c src/rpki/roa.h \
	src/rpki/route.c src/rpki/route.h src/rpki/rpki.c src/rpki/rpki.h \
	src/rpki/rtr.c src/rpki/rtr.h src/rpki/rtr_client.c src/rpki/rtr_client.h
