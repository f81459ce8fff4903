# SPDX-License-Identifier: BSD-2-Clause
noinst_LIBRARIES += librouting.a
librouting_a_SOURCES = \
	src/routing/facts.c src/routing/facts.h \
	src/routing/lookup.c src/routing/lookup.h \
	src/routing/peers.c src/routing/peers.h \
	src/routing/rowvalues.c src/routing/rowvalues.h \
	src/routing/step.c src/routing/step.h
