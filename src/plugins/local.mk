# SPDX-License-Identifier: BSD-2-Clause
noinst_LIBRARIES += libplugins.a
libplugins_a_SOURCES =
libplugins_a_SOURCES += src/plugins/plugins.h src/plugins/memory.c src/plugins/memory.h src/plugins/memory_client.c \
	src/plugins/memory_query.c src/plugins/memory_query.h \
	src/plugins/memory_top.c src/plugins/memory_top.h src/plugins/memory_web.c src/plugins/memory_web.h
# The live page, as octets.
nodist_libplugins_a_SOURCES = src/web/page.c
EXTRA_DIST += src/web/page.html
CLEANFILES += src/web/page.c
src/web/page.c: $(srcdir)/src/web/page.html
	@$(MKDIR_P) src/web
	$(AM_V_GEN){ echo '/* made of page.html */'; echo '#include "plugins/memory_web.h"'; echo 'const unsigned char web_page[] = {'; \
	  od -An -v -tu1 $(srcdir)/src/web/page.html | sed 's/  */,/g; s/^,//; s/$$/,/'; \
	  echo '};'; echo 'const unsigned web_page_len = sizeof(web_page);'; } >$@
libplugins_a_SOURCES += src/plugins/print.c
libplugins_a_SOURCES += src/plugins/nfprobe.c src/plugins/nfprobe_conf.c src/plugins/nfprobe_conf.h \
	src/plugins/probe_iface.c src/plugins/probe_iface.h src/plugins/export_udp.c src/plugins/export_udp.h
libplugins_a_SOURCES += src/plugins/sfprobe.c src/plugins/sfprobe_conf.c src/plugins/sfprobe_conf.h \
	src/plugins/sfprobe_frame.c src/plugins/sfprobe_frame.h src/plugins/sfprobe_ifaces.c src/plugins/sfprobe_ifaces.h \
	src/plugins/if_counters.c src/plugins/if_counters.h
libplugins_a_SOURCES += src/plugins/tee.c src/plugins/tee_balance.c src/plugins/tee_balance.h \
	src/plugins/tee_bound.c src/plugins/tee_bound.h src/plugins/tee_conf.c src/plugins/tee_conf.h src/plugins/tee_join.c \
	src/plugins/tee_name.c src/plugins/tee_name.h src/plugins/tee_queue.c src/plugins/tee_queue.h src/plugins/tee_raw.c \
	src/plugins/tee_receiver.c src/plugins/tee_receiver.h src/plugins/tee_send.h src/plugins/tee_templates.c \
	src/plugins/tee_templates.h src/plugins/tee_udp.c
libplugins_a_SOURCES += src/plugins/sql.c src/plugins/brokers.c
if WITH_KAFKA
libplugins_a_SOURCES += src/plugins/tee_kafka.c
endif
if WITH_ZMQ
libplugins_a_SOURCES += src/plugins/tee_zmq.c
endif
