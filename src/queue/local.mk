# SPDX-License-Identifier: BSD-2-Clause
# Inputs from message queues.
noinst_LIBRARIES += libqueue.a
libqueue_a_SOURCES = src/queue/queue.h src/queue/feed.h src/queue/feed.c src/queue/input_kafka.c src/queue/input_zmq.c
