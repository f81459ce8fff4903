# SPDX-License-Identifier: BSD-2-Clause
noinst_LIBRARIES += libtelemetry.a
libtelemetry_a_CPPFLAGS = $(AM_CPPFLAGS) -DPKGLIBEXECDIR='"$(pkglibexecdir)"'
libtelemetry_a_SOURCES = \
	src/telemetry/cbor.c src/telemetry/cbor.h \
	src/telemetry/dump.c src/telemetry/dump.h \
	src/telemetry/framing.c src/telemetry/framing.h \
	src/telemetry/dialout.c src/telemetry/dialout.h \
	src/telemetry/gnmi.c src/telemetry/gnmi.h \
	src/telemetry/gpb.c src/telemetry/gpb.h \
	src/telemetry/grpc.c src/telemetry/grpc_wire.h src/telemetry/pb.h \
	src/telemetry/json_check.c src/telemetry/json_check.h \
	src/telemetry/kafka.c src/telemetry/zmq.c src/telemetry/queues.c src/telemetry/queues.h \
	src/telemetry/layout.c src/telemetry/layout.h \
	src/telemetry/message.c \
	src/telemetry/notif.c src/telemetry/notif.h src/telemetry/notif_dtls.c \
	src/telemetry/peers.c \
	src/telemetry/reassembly.c src/telemetry/reassembly.h \
	src/telemetry/service.c src/telemetry/service.h \
	src/telemetry/tags.c src/telemetry/tags.h \
	src/telemetry/tcp.c src/telemetry/telemetry.h src/telemetry/udp.c src/telemetry/unzip.h

if WITH_ZLIB
libtelemetry_a_SOURCES += src/telemetry/unzip.c
else
libtelemetry_a_SOURCES += src/telemetry/unzip_none.c
endif
EXTRA_DIST += src/telemetry/unzip.c src/telemetry/unzip_none.c
