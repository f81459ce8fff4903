# SPDX-License-Identifier: BSD-2-Clause
noinst_LIBRARIES += librib.a
librib_a_SOURCES = \
	src/rib/ahead.c src/rib/attrs.c src/rib/attrs.h src/rib/pool.h \
	src/rib/epoch.c src/rib/epoch.h \
	src/rib/exact.c src/rib/exact.h \
	src/rib/fast.c src/rib/fast.h \
	src/rib/node.h src/rib/trie.c src/rib/trie_walk.c src/rib/trie.h \
	src/rib/opaque.c src/rib/opaque.h \
	src/rib/paths.c src/rib/paths.h \
	src/rib/rib.c src/rib/rib_figures.c src/rib/rib_impl.h src/rib/rib_lookup.c src/rib/rib_walk.c src/rib/rib.h \
	src/rib/slab.c src/rib/slab.h
