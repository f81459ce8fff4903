/* SPDX-License-Identifier: BSD-2-Clause */
/* The sFlow decoder as a daemon sees it. */
#ifndef SFLOW_COLLECTOR_H
#define SFLOW_COLLECTOR_H

#include "core/input.h"

extern const struct decoder_ops sflow_decoder;

enum sflow_value_kind { SFLOW_VALUE_UINT, SFLOW_VALUE_INT, SFLOW_VALUE_FLOAT, SFLOW_VALUE_TEXT };

/* One member of a counter record. */
struct sflow_value {
    const char *name;
    enum sflow_value_kind kind;
    uint64_t u; /* as two's complement for SFLOW_VALUE_INT */
    float f;
    struct var text; /* the agent's octets, or a MAC address or UUID as text */
};

/* One counter record, or one entry of a list within a record. All of it lives until the call returns. */
struct sflow_counter_record {
    const struct addr *agent; /* as it is shown */
    int64_t at_us;            /* received */
    uint32_t source_type, source_index, datagram_seq, sample_seq;
    const char *type; /* "sflow_cnt_generic" */
    const struct sflow_value *value;
    unsigned n;
    bool first; /* nothing came from this agent before */
};

/* Who gets counter records. Without one they are only counted. */
struct sflow_counter_log {
    bool (*write)(void *arg, const struct sflow_counter_record *c); /* false: not taken */
    void (*flush)(void *arg);                                       /* end of a datagram that had some */
    void *arg;
};

/* To be called between the decoder's open and its first datagram. */
void sflow_log_counters(void *decoder_state, const struct sflow_counter_log *log);

#endif
