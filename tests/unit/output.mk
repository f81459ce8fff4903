# SPDX-License-Identifier: BSD-2-Clause
# Unit tests of src/output.
OUTPUT_TEST_LIBS = liboutput.a libformat.a libcore.a libconfig.a libbase.a -lm $(TEST_LIBS)
OUTPUT_TESTS = tests/unit/format_test tests/unit/bins_test tests/unit/preprocess_test tests/unit/names_test tests/unit/purge_test \
	tests/unit/msglog_test tests/unit/sink_file_test tests/unit/print_test

check_PROGRAMS += $(OUTPUT_TESTS)
TESTS += $(OUTPUT_TESTS)
tests_unit_format_test_SOURCES = tests/unit/format_test.c tests/unit/rows.h
tests_unit_format_test_LDADD = libformat.a libcore.a libconfig.a libbase.a -lm $(TEST_LIBS)
tests_unit_preprocess_test_SOURCES = tests/unit/preprocess_test.c
tests_unit_preprocess_test_LDADD = $(OUTPUT_TEST_LIBS)
tests_unit_bins_test_SOURCES = tests/unit/bins_test.c
tests_unit_bins_test_LDADD = $(OUTPUT_TEST_LIBS)
tests_unit_names_test_SOURCES = tests/unit/names_test.c tests/unit/rows.h
tests_unit_names_test_LDADD = $(OUTPUT_TEST_LIBS)
tests_unit_purge_test_SOURCES = tests/unit/purge_test.c tests/unit/rows.h
tests_unit_purge_test_LDADD = $(OUTPUT_TEST_LIBS)
tests_unit_sink_file_test_SOURCES = tests/unit/sink_file_test.c tests/unit/rows.h
tests_unit_sink_file_test_LDADD = $(OUTPUT_TEST_LIBS)
tests_unit_print_test_SOURCES = tests/unit/print_test.c tests/unit/rows.h
tests_unit_print_test_LDADD = libplugins.a $(OUTPUT_TEST_LIBS)

if WITH_SQLITE3
check_PROGRAMS += tests/unit/sink_sqlite3_test
TESTS += tests/unit/sink_sqlite3_test
tests_unit_sink_sqlite3_test_SOURCES = tests/unit/sink_sqlite3_test.c tests/unit/rows.h
tests_unit_sink_sqlite3_test_LDADD = $(OUTPUT_TEST_LIBS)
endif
tests_unit_msglog_test_SOURCES = tests/unit/msglog_test.c
tests_unit_msglog_test_LDADD = $(OUTPUT_TEST_LIBS)
if WITH_KAFKA
check_PROGRAMS += tests/unit/msglog_kafka_test
TESTS += tests/unit/msglog_kafka_test
tests_unit_msglog_kafka_test_SOURCES = tests/unit/msglog_kafka_test.c
tests_unit_msglog_kafka_test_LDADD = $(OUTPUT_TEST_LIBS)
endif
check_PROGRAMS += tests/unit/custom_test
TESTS += tests/unit/custom_test
tests_unit_custom_test_SOURCES = tests/unit/custom_test.c
tests_unit_custom_test_LDADD = libformat.a libcore.a libconfig.a libbase.a -lm $(TEST_LIBS)
check_PROGRAMS += tests/unit/prorate_test
TESTS += tests/unit/prorate_test
tests_unit_prorate_test_SOURCES = tests/unit/prorate_test.c
tests_unit_prorate_test_LDADD = $(OUTPUT_TEST_LIBS)
check_PROGRAMS += tests/unit/body_test
TESTS += tests/unit/body_test
tests_unit_body_test_SOURCES = tests/unit/body_test.c tests/unit/rows.h
tests_unit_body_test_LDADD = $(OUTPUT_TEST_LIBS)
check_PROGRAMS += tests/unit/avro_test
TESTS += tests/unit/avro_test
tests_unit_avro_test_SOURCES = tests/unit/avro_test.c tests/unit/rows.h
tests_unit_avro_test_LDADD = $(OUTPUT_TEST_LIBS)
check_PROGRAMS += tests/unit/body_avro_test
TESTS += tests/unit/body_avro_test
tests_unit_body_avro_test_SOURCES = tests/unit/body_avro_test.c tests/unit/rows.h
tests_unit_body_avro_test_LDADD = $(OUTPUT_TEST_LIBS)
check_PROGRAMS += tests/unit/protobuf_test
TESTS += tests/unit/protobuf_test
tests_unit_protobuf_test_SOURCES = tests/unit/protobuf_test.c tests/unit/rows.h
tests_unit_protobuf_test_LDADD = $(OUTPUT_TEST_LIBS)

check_PROGRAMS += tests/unit/ha_test
TESTS += tests/unit/ha_test
tests_unit_ha_test_SOURCES = tests/unit/ha_test.c
tests_unit_ha_test_LDADD = $(OUTPUT_TEST_LIBS)
check_PROGRAMS += tests/unit/avrolog_test
TESTS += tests/unit/avrolog_test
tests_unit_avrolog_test_SOURCES = tests/unit/avrolog_test.c
tests_unit_avrolog_test_LDADD = $(OUTPUT_TEST_LIBS)
check_PROGRAMS += tests/unit/messages_test
TESTS += tests/unit/messages_test
tests_unit_messages_test_SOURCES = tests/unit/messages_test.c tests/unit/rows.h
tests_unit_messages_test_LDADD = $(OUTPUT_TEST_LIBS)
