/* SPDX-License-Identifier: BSD-2-Clause */
/* The addresses of frames that are decoded soon, read without decoding them: where IP stands right behind a
 * usual link layer. For packet feeds and for the headers that sFlow samples, where flows are looked up. */
#ifndef PACKET_EXPECT_H
#define PACKET_EXPECT_H

#include "base/cursor.h"
#include "core/expecting.h"

/* Adds the addresses of a frame of link type `dlt` (DLT_*) as far as it is there; nothing, where they cannot
 * be told at once (other link types, tunnels that are counted by what is in them: then it is the outer ones).
 */
void packet_expect(struct expecting *x, int dlt, struct cursor frame);

#endif
