# SPDX-License-Identifier: BSD-2-Clause
# Fuzz targets of src/telemetry.
TELEMETRY_FUZZ_LIBS = $(FUZZ_LIBS) libtelemetry.a libqueue.a liboutput.a libformat.a libcore.a libconfig.a libbase.a -lm $(DAEMON_LIBS)
check_PROGRAMS += tests/fuzz/fuzz_tele_framing tests/fuzz/fuzz_tele_gpb tests/fuzz/fuzz_tele_cbor tests/fuzz/fuzz_tele_notif tests/fuzz/fuzz_tele_dialout
TESTS += tests/fuzz/fuzz_tele_framing tests/fuzz/fuzz_tele_gpb tests/fuzz/fuzz_tele_cbor tests/fuzz/fuzz_tele_notif tests/fuzz/fuzz_tele_dialout
tests_fuzz_fuzz_tele_framing_SOURCES = tests/fuzz/fuzz_tele_framing.c
tests_fuzz_fuzz_tele_framing_LDADD = $(TELEMETRY_FUZZ_LIBS)
tests_fuzz_fuzz_tele_gpb_SOURCES = tests/fuzz/fuzz_tele_gpb.c
tests_fuzz_fuzz_tele_gpb_LDADD = $(TELEMETRY_FUZZ_LIBS)
tests_fuzz_fuzz_tele_cbor_SOURCES = tests/fuzz/fuzz_tele_cbor.c
tests_fuzz_fuzz_tele_cbor_LDADD = $(TELEMETRY_FUZZ_LIBS)
tests_fuzz_fuzz_tele_notif_SOURCES = tests/fuzz/fuzz_tele_notif.c
tests_fuzz_fuzz_tele_notif_LDADD = $(TELEMETRY_FUZZ_LIBS)
check_PROGRAMS += tests/fuzz/fuzz_json_check
TESTS += tests/fuzz/fuzz_json_check
tests_fuzz_fuzz_json_check_SOURCES = tests/fuzz/fuzz_json_check.c
tests_fuzz_fuzz_json_check_LDADD = $(TELEMETRY_FUZZ_LIBS)
tests_fuzz_fuzz_tele_dialout_SOURCES = tests/fuzz/fuzz_tele_dialout.c
tests_fuzz_fuzz_tele_dialout_LDADD = $(TELEMETRY_FUZZ_LIBS)
check_PROGRAMS += tests/fuzz/fuzz_tele_grpc
TESTS += tests/fuzz/fuzz_tele_grpc
tests_fuzz_fuzz_tele_grpc_SOURCES = tests/fuzz/fuzz_tele_grpc.c $(FAKE_LOG)
tests_fuzz_fuzz_tele_grpc_LDADD = $(TELEMETRY_FUZZ_LIBS)
