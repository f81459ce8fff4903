# SPDX-License-Identifier: BSD-2-Clause
noinst_LIBRARIES += libbgp.a
libbgp_a_SOURCES = src/bgp/ls.def src/bgp/ls_json.c src/bgp/ls_json.h src/bgp/nlri_json.c src/bgp/nlri_json.h \
	src/bgp/restore.c src/bgp/restore.h src/bgp/tablefile.c src/bgp/tablefile.h \
	src/bgp/as_path.c src/bgp/attrs.c src/bgp/attrs.def src/bgp/caps.def src/bgp/evpn.c src/bgp/evpn.h \
	src/bgp/ext_comms.def src/bgp/families.c src/bgp/families.def src/bgp/families.h src/bgp/flowspec.c src/bgp/flowspec.h \
	src/bgp/mrt.h src/bgp/mrt_read.c src/bgp/mrt_write.c src/bgp/msg.c src/bgp/msg.h src/bgp/nlri.c src/bgp/octets.c src/bgp/open.c src/bgp/open.h src/bgp/route_json.c src/bgp/route_json.h src/bgp/text.c src/bgp/text.h src/bgp/text_ext.c \
	src/bgp/text_impl.h src/bgp/text_nlri.c src/bgp/update.c src/bgp/update.h src/bgp/update_impl.h \
	src/bgp/write.c src/bgp/write.h
libbgp_a_SOURCES += src/bgp/dump.c src/bgp/dump.h src/bgp/lines.c src/bgp/lines.h src/bgp/listener.c src/bgp/listener.h src/bgp/md5.c src/bgp/tcpao.c src/bgp/tcpkeys.c src/bgp/tcpkeys.h \
	src/bgp/neighbours.c src/bgp/openlog.c src/bgp/openlog.h src/bgp/peer.h src/bgp/peers.c \
	src/bgp/service.c src/bgp/service.h src/bgp/service_impl.h src/bgp/session.c src/bgp/session.h
libbgp_a_SOURCES += src/bgp/lg.h src/bgp/lgquery.c src/bgp/lgquery.h src/bgp/xconnect.c src/bgp/xconnect.h src/bgp/blackhole.c src/bgp/blackhole.h
if WITH_ZMQ
libbgp_a_SOURCES += src/bgp/lg.c
else
libbgp_a_SOURCES += src/bgp/lg_none.c
endif
EXTRA_DIST += src/bgp/lg.c src/bgp/lg_none.c
