-- ClickHouse reads what nfacctd-kafka.conf writes to Kafka. Load it with:  clickhouse-client --multiquery < clickhouse.sql
-- The tests run it as it is against Kafka, with an embedded ClickHouse (tests/system/test_clickhouse.py).
-- Members that are missing (stamp_inserted without kafka_history, src_as where nobody knows it) become zeros.

CREATE TABLE IF NOT EXISTS flows
(
    stamp_inserted DateTime('UTC'),
    peer_ip_src String, ip_src String, ip_dst String,
    port_src UInt16, port_dst UInt16,
    ip_proto LowCardinality(String), tos UInt8, tcp_flags UInt8,
    iface_in UInt32, iface_out UInt32, as_src UInt32, as_dst UInt32,
    flows UInt64, packets UInt64, bytes UInt64,
    writer_id LowCardinality(String)
)
ENGINE = MergeTree
PARTITION BY toYYYYMMDD(stamp_inserted)
ORDER BY (stamp_inserted, peer_ip_src, ip_dst)
TTL stamp_inserted + INTERVAL 30 DAY;

CREATE TABLE IF NOT EXISTS flows_queue
(
    event_type String,
    stamp_inserted DateTime('UTC'),
    peer_ip_src String, ip_src String, ip_dst String,
    port_src UInt16, port_dst UInt16,
    ip_proto String, tos UInt8, tcp_flags UInt8,
    iface_in UInt32, iface_out UInt32, as_src UInt32, as_dst UInt32,
    flows UInt64, packets UInt64, bytes UInt64,
    writer_id String
)
ENGINE = Kafka
SETTINGS kafka_broker_list = '127.0.0.1:9092', kafka_topic_list = 'flows', kafka_group_name = 'clickhouse',
         kafka_format = 'JSONEachRow', input_format_skip_unknown_fields = 1, kafka_flush_interval_ms = 7500;

CREATE MATERIALIZED VIEW IF NOT EXISTS flows_reader TO flows AS
SELECT * EXCEPT (event_type) FROM flows_queue WHERE event_type = 'purge';

-- The same as Avro (kafka_output: avro), with schemas from a registry: into the same table. Members that have no value are null.
CREATE TABLE IF NOT EXISTS flows_queue_avro
(
    stamp_inserted Nullable(String),
    peer_ip_src String, ip_src String, ip_dst String,
    port_src Int64, port_dst Int64,
    ip_proto String, tos Int64, tcp_flags String,
    iface_in Int64, iface_out Int64, as_src Int64, as_dst Int64,
    flows Nullable(Int64), packets Int64, bytes Int64,
    writer_id String
)
ENGINE = Kafka
SETTINGS kafka_broker_list = '127.0.0.1:9092', kafka_topic_list = 'flows_avro', kafka_group_name = 'clickhouse',
         kafka_format = 'AvroConfluent', format_avro_schema_registry_url = 'http://127.0.0.1:8081', kafka_flush_interval_ms = 7500;

CREATE MATERIALIZED VIEW IF NOT EXISTS flows_reader_avro TO flows AS
SELECT * REPLACE (parseDateTimeBestEffortOrZero(ifNull(stamp_inserted, ''), 'UTC') AS stamp_inserted,
                  ifNull(flows, 0) AS flows)
FROM flows_queue_avro;

-- Who sent most in the last hour:
--   SELECT ip_src, sum(bytes) FROM flows WHERE stamp_inserted > now() - INTERVAL 1 HOUR GROUP BY ip_src ORDER BY 2 DESC LIMIT 10;
