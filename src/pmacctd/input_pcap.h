/* SPDX-License-Identifier: BSD-2-Clause */
/* Where pmacctd's packets come from. */
#ifndef PMACCTD_INPUT_PCAP_H
#define PMACCTD_INPUT_PCAP_H

#include "core/input.h"

extern const struct input_ops input_pcap; /* packets from an interface */

#endif
