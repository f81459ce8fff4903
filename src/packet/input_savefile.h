/* SPDX-License-Identifier: BSD-2-Clause */
/* The input that all daemons have for pcap_savefile. */
#ifndef PACKET_INPUT_SAVEFILE_H
#define PACKET_INPUT_SAVEFILE_H

#include "core/input.h"

extern const struct input_ops input_savefile;

#endif
