/* SPDX-License-Identifier: BSD-2-Clause */
/* NetFlow v5, v9 and IPFIX, received: datagrams in, flows out to the worker. */
#ifndef NETFLOW_NETFLOW_H
#define NETFLOW_NETFLOW_H

#include "core/input.h"

extern const struct decoder_ops netflow_decoder;

#endif
