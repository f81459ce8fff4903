# SPDX-License-Identifier: BSD-2-Clause
noinst_LIBRARIES += libcore.a
libcore_a_SOURCES = \
	src/core/agg.c src/core/agg.h \
	src/core/allow.c src/core/allow.h \
	src/core/build.c src/core/build.h \
	src/core/collector.c src/core/collector.h \
	src/core/consumer.c src/core/consumer.h \
	src/core/datagram.h \
	src/core/daemon.c src/core/daemon.h \
	src/core/enrich.c src/core/enrich.h \
	src/core/fields.c src/core/fields.def src/core/fields.h \
	src/core/filter.c src/core/filter.h \
	src/core/figures.c src/core/figures.def src/core/figures.h \
	src/core/flow.h \
	src/core/gather.c src/core/gather.h \
	src/core/host.c src/core/host.h src/core/spawner.c src/core/plugin_process.c \
	src/core/imt_proto.c src/core/imt_proto.h \
	src/core/input.c src/core/input_udp.c src/core/input.h src/core/udp_reader.c src/core/udp_reader.h \
	src/core/loopthread.c src/core/loopthread.h \
	src/core/layout.c src/core/layout.h \
	src/core/notify.h \
	src/core/outlet.c src/core/outlet.h \
	src/core/plugin.h \
	src/core/privs.c src/core/privs.h \
	src/core/project.c src/core/project.h \
	src/core/peertags.c src/core/peertags.h src/core/relay.c src/core/relay.h \
	src/core/routes.h \
	src/core/ring.c src/core/ring.h \
	src/core/maps.def src/core/match.c src/core/match.h src/core/rowmap.c src/core/rowmap.h \
	src/core/tagmap.c src/core/tagmap.h src/core/maps.c src/core/maps.h src/core/view.c src/core/view.h \
	src/core/valuemap.c src/core/valuemap.h src/core/coremaps.c src/core/coremaps.h \
	src/core/geo.h src/core/custom.c src/core/custom.h src/core/custom_packet.c src/core/networks.c src/core/networks.h src/core/numlist.c src/core/numlist.h \
	src/core/senders.c src/core/senders.h src/core/service.c src/core/service.h \
	src/core/tlsfigures.c src/core/tlsfigures.h \
	src/core/expecting.h src/core/worker.c src/core/worker.h

if WITH_SYSTEMD
libcore_a_SOURCES += src/core/notify.c
else
libcore_a_SOURCES += src/core/notify_none.c
endif

if WITH_GEOIPV2
libcore_a_SOURCES += src/core/geo.c
else
libcore_a_SOURCES += src/core/geo_none.c
endif
EXTRA_DIST += src/core/geo.c src/core/geo_none.c

libcore_a_SOURCES += src/core/sandbox.h
if WITH_SECCOMP
libcore_a_SOURCES += src/core/sandbox.c src/core/sandbox.def
else
libcore_a_SOURCES += src/core/sandbox_none.c
endif
EXTRA_DIST += src/core/sandbox.c src/core/sandbox.def src/core/sandbox_none.c

# docs/primitives.md: `make config-docs` writes it anew, lint compares.
noinst_PROGRAMS += src/core/genfields
src_core_genfields_SOURCES = src/core/genfields.c
src_core_genfields_LDADD = libcore.a libconfig.a libbase.a $(DAEMON_LIBS)
dist_doc_DATA += docs/primitives.md
config-docs: primitives-doc
primitives-doc: src/core/genfields
	src/core/genfields >$(srcdir)/docs/primitives.md
.PHONY: primitives-doc

# docs/metrics.md, in the same way.
noinst_PROGRAMS += src/core/genfigures
src_core_genfigures_SOURCES = src/core/genfigures.c
src_core_genfigures_LDADD = libcore.a libbase.a $(DAEMON_LIBS)
dist_doc_DATA += docs/metrics.md
config-docs: metrics-doc
metrics-doc: src/core/genfigures
	src/core/genfigures >$(srcdir)/docs/metrics.md
.PHONY: metrics-doc
