# SPDX-License-Identifier: BSD-2-Clause
# Unit tests of the tee plugin.
TEE_TEST_LIBS = libplugins.a liboutput.a libcore.a libconfig.a libbase.a $(TEST_LIBS)
check_PROGRAMS += tests/unit/tee_conf_test tests/unit/tee_balance_test tests/unit/craft_test tests/unit/tee_send_test
TESTS += tests/unit/tee_conf_test tests/unit/tee_balance_test tests/unit/craft_test tests/unit/tee_send_test
tests_unit_tee_conf_test_SOURCES = tests/unit/tee_conf_test.c
tests_unit_tee_conf_test_LDADD = $(TEE_TEST_LIBS)
tests_unit_tee_balance_test_SOURCES = tests/unit/tee_balance_test.c
tests_unit_tee_balance_test_LDADD = $(TEE_TEST_LIBS)
tests_unit_craft_test_SOURCES = tests/unit/craft_test.c
tests_unit_craft_test_LDADD = libbase.a $(TEST_LIBS)
tests_unit_tee_send_test_SOURCES = tests/unit/tee_send_test.c
tests_unit_tee_send_test_LDADD = $(TEE_TEST_LIBS)

check_PROGRAMS += tests/unit/split_test
TESTS += tests/unit/split_test
tests_unit_split_test_SOURCES = tests/unit/split_test.c tests/unit/fake_worker.c tests/unit/fake_worker.h
tests_unit_split_test_LDADD = libnetflow.a libsflow.a libpacket.a libcore.a libconfig.a libbase.a $(TEST_LIBS)

# Kafka: the mock cluster of librdkafka.
if WITH_KAFKA
check_PROGRAMS += tests/unit/tee_kafka_test
TESTS += tests/unit/tee_kafka_test
tests_unit_tee_kafka_test_SOURCES = tests/unit/tee_kafka_test.c
tests_unit_tee_kafka_test_LDADD = libplugins.a liboutput.a libcore.a libconfig.a libbase.a $(TEST_LIBS)
endif
