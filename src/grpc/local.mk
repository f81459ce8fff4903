# SPDX-License-Identifier: BSD-2-Clause
# The helper of pmtelemetryd that speaks gRPC. C++, and the only program that links it.
if WITH_GRPC
pkglibexec_PROGRAMS += pmacct-grpc
pmacct_grpc_SOURCES = src/grpc/main.cc src/telemetry/grpc_wire.h
pmacct_grpc_CXXFLAGS = -std=gnu++17 -O2 -g -Wall -Wextra $(PM_HARDENING) $(GRPC_CFLAGS)
pmacct_grpc_LDADD = $(GRPC_LIBS) -lpthread
else
EXTRA_DIST += src/grpc/main.cc
endif
