# SPDX-License-Identifier: BSD-2-Clause
# Fuzz targets of src/output.
check_PROGRAMS += tests/fuzz/fuzz_avro
TESTS += tests/fuzz/fuzz_avro
tests_fuzz_fuzz_avro_SOURCES = tests/fuzz/fuzz_avro.c
tests_fuzz_fuzz_avro_LDADD = $(FUZZ_LIBS) liboutput.a libformat.a libcore.a libconfig.a libbase.a $(DAEMON_LIBS)
check_PROGRAMS += tests/fuzz/fuzz_registry
TESTS += tests/fuzz/fuzz_registry
tests_fuzz_fuzz_registry_SOURCES = tests/fuzz/fuzz_registry.c
tests_fuzz_fuzz_registry_LDADD = $(FUZZ_LIBS) liboutput.a libformat.a libcore.a libconfig.a libbase.a $(DAEMON_LIBS)
check_PROGRAMS += tests/fuzz/fuzz_avrolog
TESTS += tests/fuzz/fuzz_avrolog
tests_fuzz_fuzz_avrolog_SOURCES = tests/fuzz/fuzz_avrolog.c
tests_fuzz_fuzz_avrolog_LDADD = $(FUZZ_LIBS) liboutput.a libformat.a libcore.a libconfig.a libbase.a $(DAEMON_LIBS)
check_PROGRAMS += tests/fuzz/fuzz_avro_joins
TESTS += tests/fuzz/fuzz_avro_joins
tests_fuzz_fuzz_avro_joins_SOURCES = tests/fuzz/fuzz_avro_joins.c
tests_fuzz_fuzz_avro_joins_LDADD = $(FUZZ_LIBS) liboutput.a libformat.a libcore.a libconfig.a libbase.a $(DAEMON_LIBS)
if WITH_REDIS
check_PROGRAMS += tests/fuzz/fuzz_redis
TESTS += tests/fuzz/fuzz_redis
tests_fuzz_fuzz_redis_SOURCES = tests/fuzz/fuzz_redis.c
tests_fuzz_fuzz_redis_LDADD = $(FUZZ_LIBS) liboutput.a libformat.a libcore.a libconfig.a libbase.a $(DAEMON_LIBS)
endif
if WITH_KAFKA
check_PROGRAMS += tests/fuzz/fuzz_kafka_conf
TESTS += tests/fuzz/fuzz_kafka_conf
tests_fuzz_fuzz_kafka_conf_SOURCES = tests/fuzz/fuzz_kafka_conf.c
tests_fuzz_fuzz_kafka_conf_LDADD = $(FUZZ_LIBS) liboutput.a libformat.a libcore.a libconfig.a libbase.a $(DAEMON_LIBS)
endif
