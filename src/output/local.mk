# SPDX-License-Identifier: BSD-2-Clause
# Formats stand in an archive of their own: the pmacct client links them without event loop or database.
noinst_LIBRARIES += libformat.a liboutput.a
libformat_a_SOURCES = src/output/format.h src/output/format_impl.h src/output/format.c src/output/format_text.c \
	src/output/format_csv.c src/output/format_json.c src/output/json.h src/output/json.c src/output/format_table.c \
	src/output/avro.h src/output/avro.c src/output/format_avro.c src/output/format_avro_json.c \
	src/output/protobuf.h src/output/protobuf.def src/output/protobuf.c src/output/format_proto.c
liboutput_a_SOURCES = src/output/purge.h src/output/purge.c src/output/bins.h src/output/bins.c src/output/prorate.h src/output/prorate.c src/output/names.c \
	src/output/trigger.h src/output/trigger.c src/output/sink_file.h src/output/sink_file.c src/output/avro_file.h src/output/avro_file.c src/output/body_avro.c src/output/body_proto.c src/output/avrolog.h src/output/avrolog.c \
	src/output/registry.h src/output/registry.c \
	src/output/msglog.h src/output/msglog.c src/output/msglog_file.h src/output/msglog_file.c \
	src/output/msglog_chunks.h src/output/msglog_chunks.c src/output/msglog_queue.h src/output/msglog_queue.c src/output/msglog_thread.h src/output/msglog_thread.c src/output/msglog_amqp.h src/output/msglog_kafka.h \
	src/output/preprocess.h src/output/preprocess.c src/output/spooled.h src/output/spooled.c \
	src/output/sqltext.h src/output/sqltext.c src/output/sqldialect.c src/output/sink_sqlite3.h
liboutput_a_SOURCES += src/output/body.h src/output/body.c src/output/style.h src/output/style.c src/output/writerid.h src/output/writerid.c
liboutput_a_SOURCES += src/output/members.h src/output/members.c
liboutput_a_SOURCES += src/output/messages.h src/output/messages.c src/output/texts.h src/output/texts.c src/output/sink_kafka.h src/output/sink_amqp.h
liboutput_a_SOURCES += src/output/sink_sql.h src/output/sink_sql.c src/output/sqlschema.h src/output/sqlschema.c \
	src/output/sink_pgsql.h src/output/sink_mysql.h
liboutput_a_SOURCES += src/output/alive.h src/output/alive.c
liboutput_a_SOURCES += src/output/ha.h src/output/ha.c src/output/ha_queue.h src/output/ha_queue.c src/output/redis_client.h
if WITH_REDIS
liboutput_a_SOURCES += src/output/redis_client.c
else
liboutput_a_SOURCES += src/output/redis_none.c
endif
if WITH_PGSQL
liboutput_a_SOURCES += src/output/sink_pgsql.c
endif
if WITH_MYSQL
liboutput_a_SOURCES += src/output/sink_mysql.c
endif
if WITH_KAFKA
liboutput_a_SOURCES += src/output/kafka_conf.c src/output/kafka_conf.h src/output/kafka_client.c src/output/kafka_client.h \
	src/output/msglog_kafka.c src/output/sink_kafka.c
endif
if WITH_RABBITMQ
liboutput_a_SOURCES += src/output/amqp_client.c src/output/amqp_client.h src/output/msglog_amqp.c src/output/sink_amqp.c
endif
if WITH_SQLITE3
liboutput_a_SOURCES += src/output/sink_sqlite3.c
endif

noinst_PROGRAMS += bench/micro_format bench/micro_msglog
bench_micro_msglog_SOURCES = bench/micro_msglog.c
bench_micro_msglog_LDADD = liboutput.a libformat.a libcore.a libconfig.a libbase.a $(DAEMON_LIBS)
bench_micro_format_SOURCES = bench/micro_format.c
bench_micro_format_LDADD = libformat.a libcore.a libconfig.a libbase.a -lm

# docs/flow.proto: `make config-docs` writes it anew, lint compares.
noinst_PROGRAMS += src/output/genproto
src_output_genproto_SOURCES = src/output/genproto.c
src_output_genproto_LDADD = libformat.a libcore.a libconfig.a libbase.a $(DAEMON_LIBS)
dist_doc_DATA += docs/flow.proto
config-docs: proto-doc
proto-doc: src/output/genproto
	src/output/genproto >$(srcdir)/docs/flow.proto
.PHONY: proto-doc
