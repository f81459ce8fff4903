/* SPDX-License-Identifier: BSD-2-Clause */
/* IPFIX over TCP and TLS, NetFlow and IPFIX over DTLS: the inputs of nfacctd that have sessions. */
#ifndef NETFLOW_INPUT_SESSIONS_H
#define NETFLOW_INPUT_SESSIONS_H

#include "core/input.h"

/* nfacctd_tcp_port, nfacctd_tls_port, nfacctd_dtls_port: beside the UDP socket, or in its place. */
extern const struct input_ops input_sessions;

/* Rules over these keys. */
int input_sessions_check(const struct config_set *set, struct err *e);

#endif
