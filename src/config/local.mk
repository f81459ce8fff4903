# SPDX-License-Identifier: BSD-2-Clause
noinst_LIBRARIES += libconfig.a
libconfig_a_SOURCES = src/config/config.h src/config/keys.def src/config/keys.h src/config/keys.c \
	src/config/store.h src/config/store.c src/config/lex.h src/config/lex.c src/config/values.h src/config/values.c \
	src/config/suggest.h src/config/suggest.c src/config/flags.h src/config/flags.c src/config/parse.h src/config/parse.c \
	src/config/plugins.c src/config/apply.c src/config/doc.h src/config/doc.c src/config/docman.c \
	src/config/mapfile.h src/config/mapfile.c src/config/mapvalue.c

dist_doc_DATA += CONFIG-KEYS docs/keys-status.md

# CONFIG-KEYS and docs/keys-status.md: `make config-docs` writes them anew, lint compares.
noinst_PROGRAMS += src/config/gendoc
src_config_gendoc_SOURCES = src/config/gendoc.c
src_config_gendoc_LDADD = libconfig.a libbase.a

config-docs: src/config/gendoc
	src/config/gendoc keys >$(srcdir)/CONFIG-KEYS
	src/config/gendoc status >$(srcdir)/docs/keys-status.md
.PHONY: config-docs

# pmacct.conf(5): every key.
nodist_man_MANS += docs/pmacct.conf.5
CLEANFILES += docs/pmacct.conf.5
docs/pmacct.conf.5: src/config/gendoc
	$(AM_V_GEN)mkdir -p docs && src/config/gendoc man >$@.tmp && mv $@.tmp $@
