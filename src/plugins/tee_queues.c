/* SPDX-License-Identifier: BSD-2-Clause */
/* Receivers on Kafka and ZeroMQ in builds without their libraries. */
#include "plugins/tee_receiver.h"

static int refuse(struct tee_receiver *r, struct err *e)
{
    return err_set(e, ERR_UNSUPPORTED, "%s: this build has no %s", r->name, r->way->name);
}

static bool send_none(struct tee_receiver *r)
{
    tee_receiver_lose(r, TEE_FAILED);
    return true;
}

static void close_none(struct tee_receiver *r) { (void)r; }

const struct tee_way tee_way_kafka = {
    .name = "Kafka", .open = refuse, .send = send_none, .close = close_none
};
const struct tee_way tee_way_zmq = {
    .name = "ZeroMQ", .open = refuse, .send = send_none, .close = close_none
};
