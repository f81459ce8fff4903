/* SPDX-License-Identifier: BSD-2-Clause */
/* The configuration of a daemon: one struct config for the core and one for each plugin instance, each with
 * the values that hold in that process (global lines and its own `key[name]` lines, the last one wins, flags
 * last of all). keys.def is the table of all keys; parse.c reads files and flags; doc.c writes CONFIG-KEYS,
 * --help and docs/keys-status.md. */
#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"

/* What becomes of a system call that a process has no use for. */
enum seccomp { SECCOMP_REFUSE, SECCOMP_KILL, SECCOMP_LOG, SECCOMP_OFF };
enum dry_run { DRY_RUN_NONE, DRY_RUN_CONFIG, DRY_RUN_SETUP };
enum print_output {
    PRINT_FORMATTED,
    PRINT_CSV,
    PRINT_JSON,
    PRINT_EVENT_FORMATTED,
    PRINT_EVENT_CSV,
    PRINT_AVRO,
    PRINT_AVRO_JSON,
    PRINT_CUSTOM
};
enum as_source {
    SOURCE_DEFAULT,
    SOURCE_FLOW,
    SOURCE_FILE,
    SOURCE_BGP,
    SOURCE_BMP,
    SOURCE_LONGEST,
    SOURCE_MASK,
    SOURCE_IGP
};
enum pcap_ifindex { IFINDEX_NONE, IFINDEX_SYS, IFINDEX_HASH, IFINDEX_MAP };
enum sql_locking { SQL_LOCK_DEFAULT, SQL_LOCK_TABLE, SQL_LOCK_ROW, SQL_LOCK_NONE };

/* Where a value comes from that both a map and BGP may know (bgp_src_*_type, bgp_peer_src_as_type). */
enum route_source { FROM_FLOW, FROM_MAP, FROM_BGP, FROM_LONGEST };

/* What flows are told by routes (src/routing). */
struct routing_keys {
    int aspath_radius; /* 0: all of the path */
    const char *comm_pattern, *ext_comm_pattern, *lrg_comm_pattern, *comm_to_asn, *lrg_comm_to_asn;
    bool skip_subas, comms_num;
    int peer_src_as, src_local_pref, src_med; /* enum route_source */
    int src_comm, src_ext_comm, src_lrg_comm, src_as_path, src_roa;
    const char *agent_map, *peer_src_as_map, *src_local_pref_map, *src_med_map, *peer_dst_ip_map;
    int follow_default;
    const char *follow_nexthop;
    bool follow_nexthop_external;
    const char *roas_file, *rtr_cache;
    int rtr_version, rtr_pipe_size, rtr_ipprec;
};

/* What messages to RabbitMQ can be told (*_amqp_*). */
struct amqp_keys {
    const char *host, *vhost, *user, *passwd, *exchange;
    const char *routing_key; /* NULL: no AMQP; $ variables */
    int port, exchange_type; /* 0 direct, 1 fanout, 2 topic */
    int routing_key_rr, frame_max, heartbeat_s, retry_s;
    bool persistent;
    const char *ca_file, *cert_file,
        *key_file; /* ca_file NULL: no TLS; the others: what the client shows of itself */
};

/* kafka_output, amqp_output: how rows become messages (output/body.h). */
enum { BODY_JSON, BODY_AVRO, BODY_AVRO_JSON, BODY_PROTO, BODY_CUSTOM, BODY_KINDS };

/* What messages to Kafka can be told (*_kafka_*). */
struct kafka_keys {
    const char *broker_host;
    const char *topic;         /* NULL: no Kafka; $ variables */
    const char *partition_key; /* NULL: none; $ variables */
    const char *config_file;
    int broker_port, partition, topic_rr, retry_s; /* partition -1: the partitioner chooses */
    const char *registry;                          /* URL of the schema registry, NULL: none */
};

/* What streaming telemetry can be told (telemetry_*). */
enum tele_decoder {
    TELE_DECODER_NONE,
    TELE_DECODER_JSON,
    TELE_DECODER_GPB,
    TELE_DECODER_V0,
    TELE_DECODER_V1
};
enum tele_layout { TELE_LAYOUT_FLAT, TELE_LAYOUT_DRAFT };
struct telemetry_keys {
    bool on, ipv6_only, tls, notif_dtls, grpc_tls;
    int grpc_port; /* 0: none */
    const char *ip, *interface;
    int port_tcp, port_udp; /* 0: none */
    int decoder;            /* enum tele_decoder */
    bool json_string;       /* JSON of cisco_v1 as a string */
    bool decode_gpb;        /* protocol buffers as JSON, not as base64 */
    int layout;             /* enum tele_layout */
    const char *notif_ip, *notif_interface;
    int notif_port, notif_nmsgs; /* nmsgs: a hint */
    bool notif_ipv6_only, notif_legacy;
    const char *zmq_address;
    struct kafka_keys kafka_in; /* broker_host, broker_port, topic, config_file */
    const char *grpc_conf;
    int max_peers, peer_timeout, pipe_size, ipprec;
    const char *allow_file, *tag_map;
    int msglog_output, dump_output; /* json is the only one */
    const char *msglog_file, *dump_file, *dump_latest_file;
    int dump_refresh, dump_slots, dump_workers; /* workers: a hint */
    struct amqp_keys msglog_amqp, dump_amqp;
    struct kafka_keys msglog_kafka, dump_kafka;
};

/* Strings are owned by the struct config_set they came with; NULL when not set and without default. Every
 * member is the place of one or more rows of keys.def. Members of keys that no build supports yet do not
 * exist. */
/* BMP: bmp_daemon_*, bmp_dump_*. */
struct bmp_keys {
    const char *msglog_schema_file, *dump_schema_file;
    bool daemon, ipv6_only, set_pd, proxy_header, dump_exclude_stats, tls;
    const char *ip, *interface, *allow_file, *md5_file, *ao_file, *tag_map;
    int port, pipe_size, max_peers, ipprec, batch, batch_interval;
    int msglog_output, dump_output; /* 0: json, 1: avro, 2: avro_json */
    const char *msglog_file, *msglog_label_filter, *dump_file, *dump_latest_file;
    int dump_refresh_time, dump_time_slots, dump_workers;
    struct amqp_keys msglog_amqp, dump_amqp;
    struct kafka_keys msglog_kafka, dump_kafka;
};

struct config {
    /* process */
    bool debug, debug_internal_msg, daemonize, log_stderr_tstamp, propagate_signals, plugin_exit_any;
    int dry_run; /* enum dry_run */
    const char *syslog, *syslog_ident, *logfile, *pidfile, *core_proc_name;
    int proc_priority;
    int run_uid, run_gid; /* user, group. -1: not set */
    bool core_dumps;
    int seccomp;              /* enum seccomp */
    int files_umask;          /* -1: not set */
    int files_uid, files_gid; /* -1: not set; names are resolved by the parser */
    int64_t plugin_pipe_size; /* octets, 0: sized by the suite */
    int64_t plugin_buffer_size;

    /* what is counted */
    const char *plugins; /* as written; config_set.plugins has what it means */
    const char *aggregate;
    const char *tunnels; /* tunnel_0 */
    bool aggregate_unknown_etype, force_fragments;
    int frag_buffer_size; /* octets */
    const char *aggregate_filter, *pre_tag_map, *pre_tag_filter, *pre_tag2_filter, *pre_tag_label_filter;
    bool stitching, pro_rating; /* *_stitching, nfacctd_pro_rating */
    const char *aggregate_primitives, *geoipv2_file;
    const char *sampling_map, *flow_to_rd_map, *networks_file, *ports_file, *protos_file, *tos_file;
    bool networks_file_filter, networks_file_no_lpm, networks_no_mask_if_zero;
    int networks_mask;          /* bits, 0: none */
    int networks_cache_entries; /* a hint */
    bool maps_refresh, maps_index, pre_tag_map_dont_recirculate;
    int maps_entries, maps_row_len; /* hints */
    uint64_t post_tag, post_tag2;
    bool tos_encode_as_dscp, tcpflags_encode_as_array, fwd_status_encode_as_string;
    bool mpls_label_stack_encode_as_array, pre_tag_label_encode_as_map, bgp_comms_encode_as_array,
        as_path_encode_as_array;
    bool timestamps_rfc3339, timestamps_utc, timestamps_secs, timestamps_since_epoch;
    bool use_ip_next_hop;
    bool tmp_asa_bi_flow;
    int as_source, net_source; /* enum as_source: *_as, *_net */
    struct routing_keys routing;
    int ext_sampling_rate; /* *_ext_sampling_rate, 0: none */
    int sampling_rate;     /* 0: none */
    bool renormalize;      /* *_renormalize */
    bool time_new;         /* *_time_new: bins by arrival */
    bool peer_as;          /* *_peer_as: AS numbers are those of the neighbouring networks */

    /* aggregation and output (print_*, sql_*: names share members) */
    int refresh_time;       /* s */
    struct span history;    /* n 0: none */
    int64_t history_offset; /* s */
    const char *history_roundoff;
    int startup_delay; /* s */
    int max_writers;
    int cache_entries; /* a hint; tables size themselves */
    bool num_protos;
    const char *trigger_exec;
    bool trigger_exec_async;
    const char *preprocess;
    int preprocess_type;      /* 0: any check, 1: all */
    struct span trigger_time; /* n 0: at each refresh */
    int print_output;         /* enum print_output */
    const char *print_output_file, *print_output_lock_file, *print_output_separator, *print_latest_file;
    bool print_output_file_append, print_markers, print_write_empty_file;

    const char *avro_schema_file, *amqp_schema_key; /* key: that of messages with the schema */
    int amqp_schema_s;                              /* between two of them */
    int avro_buffer_size;                           /* octets of a message with several records */

    const char *spool_dir;  /* NULL: the default directory where that exists */
    int64_t spool_max_size; /* octets, 0: 1 GiB */

    /* amqp, kafka; sql_multi_values is theirs too */
    struct amqp_keys amqp;
    struct kafka_keys kafka;
    bool kafka_partition_dynamic;
    const char *kafka_headers;    /* comma list of name=value; NULL: none */
    int broker_output;            /* BODY_* */
    const char *writer_id_string; /* output/writerid.h */

    /* memory */
    const char *imt_path;
    int imt_buckets, imt_mem_pools_number, imt_mem_pools_size; /* hints */

    /* SQL */
    const char *sql_db, *sql_table, *sql_table_schema, *sql_table_type;
    int sql_table_version;
    bool sql_optimize_clauses, sql_dont_try_update, sql_num_hosts;
    int sql_multi_values, sql_locking_style;
    const char *sql_host, *sql_backup_host, *sql_user, *sql_passwd, *sql_conn_ca_file, *sql_data;
    int sql_port; /* 0: the database's own */
    bool sql_use_copy;
    const char *sql_delimiter; /* hints: PostgreSQL always gets its rows by COPY */

    /* packets */
    const char *pcap_interface, *pcap_interfaces_map, *pcap_filter, *pcap_savefile;
    bool promisc, pcap_interface_wait, pcap_savefile_wait, pmacctd_nonroot;
    int snaplen, pcap_savefile_delay, pcap_savefile_replay;
    int pcap_direction; /* 0: both, 1: in, 2: out */
    int pcap_ifindex;   /* enum pcap_ifindex */
    int pcap_protocol, pcap_workers;
    int core_workers, plugin_workers;
    int arista_offset, arista_flag; /* offset 0: no trailer */
    int pipe_size;            /* *_pipe_size: socket or capture buffer in octets, 0: chosen by the suite */
    int classifier_max_flows; /* 0: not set */
    int classifier_num_roots; /* a hint */
    bool classifier_proto_guess;
    int classifier_idle_scan_period, classifier_idle_max_time; /* ms */
    int classifier_idle_scan_budget, classifier_giveup_tcp, classifier_giveup_udp, classifier_giveup_other;
    int flow_buffer_size;                           /* *_flow_buffer_size, octets; 0: not set */
    int flow_lifetime, flow_tcp_lifetime;           /* s; tcp: 0: not set */
    int flow_buffer_buckets, conntrack_buffer_size; /* hints */
    const char *nflog_group;                        /* uacctd_group: comma list */
    int nflog_size;                                 /* uacctd_nl_size, 0: chosen by the suite */
    int nflog_threshold;

    /* flow collectors */
    const char *collector_ip, *collector_interface, *collector_allow_file; /* nfacctd_ip, ... */
    int collector_port;
    int collector_tcp_port, collector_tls_port, collector_dtls_port; /* 0: none */
    int collector_max_sessions;                                      /* of each of the three */
    const char *tls_path;                                            /* folder of certificates */
    int tls_handshake_s;
    bool collector_no_udp; /* no plain UDP */
    bool collector_ipv6_only;
    const char *collector_mcast_groups;
    const char *templates_receiver; /* nfacctd_templates_receiver */
    const char *templates_file;     /* nfacctd_templates_file */
    int templates_timeout, exporters_max;
    int64_t exporters_memory; /* octets, 0: not set */
    int templates_port;       /* nfacctd_templates_port, 0: none */
    bool disable_sanity_checks, disable_opt_scope_check, ignore_exporter_address, account_options, time_secs;
    bool pre_processing_checks;
    const char *counter_file;              /* sfacctd_counter_* */
    int counter_output, counter_max_nodes; /* counter_output: json is the only one */
    struct amqp_keys counter_amqp;
    struct kafka_keys counter_kafka;
    struct kafka_keys collector_kafka; /* nfacctd_kafka_*: topic NULL: not asked for */
    const char *collector_zmq_address; /* NULL: not asked for */

    struct telemetry_keys telemetry;
    /* BGP sessions */
    bool bgp_daemon, bgp_ipv6_only, bgp_add_path_ignore, bgp_disable_router_id_check, bgp_compare_ports,
        bgp_route_refresh, bgp_origin_as_int;
    const char *bgp_ip, *bgp_interface, *bgp_id, *bgp_allow_file, *bgp_md5_file, *bgp_ao_file, *bgp_tag_map,
        *bgp_neighbors_file;
    uint64_t bgp_as; /* 0: that of the neighbour */
    int bgp_port, bgp_pipe_size, bgp_max_peers, bgp_ipprec, bgp_batch, bgp_batch_interval;
    int bgp_table_peer_buckets, bgp_table_per_peer_buckets, bgp_table_attr_hash_buckets,
        bgp_table_per_peer_hash; /* hints */
    const char *metrics_listen, *metrics_token_file;
    const char *web_listen, *web_token, *web_token_file;
    const char *redis_host, *redis_passwd, *cluster_name, *ha_cluster_name;
    bool ha;
    int redis_db, cluster_id, ha_cluster_id, ha_queue_s, ha_queue_max;
    const char *bgp_msglog_file, *bgp_msglog_label_filter, *bgp_msglog_schema_file, *bgp_dump_schema_file;
    int bgp_msglog_output; /* 0: json, 1: avro, 2: avro_json */
    struct amqp_keys bgp_msglog_amqp;
    struct kafka_keys bgp_msglog_kafka;
    const char *bgp_blackhole_list, *bgp_blackhole_file, *bgp_blackhole_routing_key, *bgp_blackhole_topic;
    const char *bgp_blackhole_dump_file, *bgp_blackhole_dump_latest_file, *bgp_blackhole_dump_routing_key,
        *bgp_blackhole_dump_topic;
    bool bgp_lg;
    const char *bgp_lg_ip, *bgp_lg_user, *bgp_lg_passwd, *bgp_xconnect_map;
    int bgp_lg_port;
    const char *bgp_dump_file, *bgp_dump_latest_file;
    int bgp_dump_output, bgp_dump_refresh_time, bgp_dump_time_slots;
    const char *bgp_dump_mrt_file, *bgp_snapshot_file, *bgp_mrt_file;
    int bgp_snapshot_interval, bgp_snapshot_stale_time;
    struct amqp_keys bgp_dump_amqp;
    struct kafka_keys bgp_dump_kafka;
    struct bmp_keys bmp;

    /* tee */
    const char *tee_receivers, *tee_kafka_config_file;
    bool tee_transparent;
    int tee_pipe_size;
    int tee_max_receivers, tee_max_receiver_pools; /* hints */

    /* sfprobe; what has a name in nfprobe too is there */
    const char *sfprobe_receiver, *sfprobe_agentip;
    int sfprobe_agentsubid;
    uint64_t sfprobe_ifspeed; /* bit/s, 0: that of the interface */

    /* nfprobe; tee shares source and precedence */
    const char *nfprobe_receiver, *nfprobe_engine, *nfprobe_timeouts, *nfprobe_source_ip, *nfprobe_direction,
        *nfprobe_ifindex;
    int nfprobe_version, nfprobe_hoplimit, nfprobe_maxflows, nfprobe_ipprec;
    bool nfprobe_end_reason, nfprobe_dont_cache, nfprobe_ifindex_override, nfprobe_tstamp_usec;
};

struct plugin_conf {
    char type[16]; /* word of the `plugins` key, lower case */
    char name[64]; /* instance: what stands in brackets, or default_<type> */
    struct config c;
};

struct config_set {
    struct config core;
    struct plugin_conf *plugins; /* in the order of the `plugins` key */
    unsigned n_plugins;
    bool strict;      /* --strict */
    bool check_only;  /* --check-config */
    const char *path; /* of the file as given, or NULL: command line only */
    void *memory;     /* owner of all strings */
};

/* What main tells the parser about itself. */
struct config_spec {
    const char *progname;            /* "nfacctd" */
    char daemon;                     /* letter: P N S U B M T */
    const char *description;         /* "NetFlow Accounting Daemon" */
    const char *const *plugin_types; /* words that `plugins` may name, NULL-terminated */
    /* Prints what -V shows after its first line. */
    void (*version)(void);
    /* Prints the primitives that the daemon knows (-a). */
    void (*list)(char daemon);
    /* Prints the statements that make the tables of a database; false: not known. NULL: none are. */
    bool (*schema)(const char *database, FILE *f);
};

/* What main has to do after config_load. */
enum config_verdict { CONFIG_RUN, CONFIG_EXIT_OK, CONFIG_EXIT_ERROR };

/* Reads flags and file into *out, reports everything on stderr (`WARN: [file:line] ...`), handles -h, -V, -a
 * and --check-config. On CONFIG_RUN the caller owns *out and frees it with config_free; otherwise there is
 * nothing to free. Messages that came before the log is open are kept in *early (an array of lines ended by
 * NULL, owned by out->memory) so that main can replay them into the configured log: they have been on stderr
 * already. CONFIG_RUN with out->check_only means that the parser found nothing wrong: main then runs the
 * checks of the modules, says what they found and exits without starting anything. */
enum config_verdict config_load(const struct config_spec *spec, int argc, char **argv, struct config_set *out,
                                const char *const **early);
void config_free(struct config_set *s);

/* For a check made after parsing (a rule over several keys): tells where `key` was set for the process (its
 * name; NULL: any), as "file:line" or "cmdline" text in buf, "default" if nowhere. Names that share a member
 * (print_history, sql_history) count as the same key. Returns buf. */
const char *config_where(const struct config_set *s, const char *key, const char *process, char *buf,
                         int size);

/* The same for a fault whose text begins with the key it is about: fills e with where that stands and the
 * text. Returns -1. */
int config_fault(const struct config_set *s, const char *process, const struct err *why, struct err *e);

/* Whether `key` was given for the process at all, as config_where. */
bool config_is_set(const struct config_set *s, const char *key, const char *process);

/* Generators, used by the build. */
void config_print_keys(FILE *f);   /* CONFIG-KEYS */
void config_print_status(FILE *f); /* docs/keys-status.md */
void config_print_man(FILE *f);    /* pmacct.conf(5) */

#endif
