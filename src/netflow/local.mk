# SPDX-License-Identifier: BSD-2-Clause
noinst_LIBRARIES += libnetflow.a
libnetflow_a_SOURCES =
