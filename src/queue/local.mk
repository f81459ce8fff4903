# SPDX-License-Identifier: BSD-2-Clause
# Inputs from message queues.
noinst_LIBRARIES += libqueue.a
libqueue_a_SOURCES = src/queue/queue.h src/queue/feed.h src/queue/feed.c src/queue/watch.h src/queue/watch.c src/queue/input_kafka.c src/queue/input_zmq.c
if WITH_KAFKA
libqueue_a_SOURCES += src/queue/kafka_reader.h src/queue/kafka_reader.c
endif
if WITH_ZMQ
libqueue_a_SOURCES += src/queue/zmq_reader.h src/queue/zmq_reader.c
endif
