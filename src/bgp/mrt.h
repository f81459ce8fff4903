/* SPDX-License-Identifier: BSD-2-Clause */
/* MRT files (RFC 6396, 8050): tables (TABLE_DUMP_V2) and messages (BGP4MP) of BGP speakers, both ways. Tables
 * of a collector are written as such, for other tools and for its own next start; files of route servers and
 * archives are read. Files are not packed: gunzip and its kin come first. */
#ifndef BGP_MRT_H
#define BGP_MRT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "base/err.h"
#include "base/strbuf.h"
#include "bgp/update.h"

enum mrt_type { MRT_TABLE_DUMP_V2 = 13, MRT_BGP4MP = 16, MRT_BGP4MP_ET = 17 };

struct mrt_peer {
    struct addr addr;
    uint8_t id[4]; /* BGP identifier */
    uint32_t as;
};

/* A message or a change of state (BGP4MP). */
struct mrt_message {
    int64_t at_us; /* since 1970; whole seconds unless the record has more */
    uint32_t peer_as, local_as;
    struct addr peer, local;
    uint16_t if_index;
    bool as4, add_path; /* as its subtype says: AS numbers of 4 octets; path identifiers in all families */
    bool by_local;      /* sent by the collector, not received */
};

/* Where the contents of a file go; NULL: not wanted. Pointers are gone after the call. */
struct mrt_ops {
    /* A table begins: its peers, to which the routes behind it refer by index. */
    void (*peers)(void *arg, const struct mrt_peer *peers, unsigned n, int64_t at_s);
    /* A route of a table. `originated_s`: seconds since 1970. */
    void (*route)(void *arg, unsigned peer, const struct rib_key *k, struct rib_octets labels,
                  const struct rib_attrs *a, int64_t originated_s);
    /* A BGP message with its header. */
    void (*message)(void *arg, const struct mrt_message *m, const uint8_t *msg, size_t len);
    /* States of RFC 4271 §8.2.2: 1 Idle ... 6 Established. */
    void (*state)(void *arg, const struct mrt_message *m, uint16_t from, uint16_t to);
};

/* What became of a file's records. */
struct mrt_counts {
    uint64_t records, skipped; /* of all; of types that are not read */
    uint64_t malformed;        /* records that were given up, or the rest of them */
    uint64_t routes, refused;  /* routes of tables; those whose attributes or NLRI were malformed */
    uint64_t messages;
};

struct mrt_reader {
    const struct mrt_ops *ops;
    void *arg;
    struct mrt_counts counts;
    struct mrt_peer *peers; /* of the table under way */
    unsigned n_peers;
};

/* Zeroed but for ops and arg. The reader owns what it allocates. */
void mrt_reader_init(struct mrt_reader *r, const struct mrt_ops *ops, void *arg);
void mrt_reader_free(struct mrt_reader *r);

/* Reads the whole records among `len` octets; returns how many octets they had. What is left is the beginning
 * of a record, to be given again with more behind it. *need (may be NULL) is how many octets that record has;
 * a record that claims more than MRT_RECORD_MAX is no MRT: then -1, e says so. */
enum { MRT_RECORD_MAX = 1 << 26 };
int64_t mrt_read(struct mrt_reader *r, const uint8_t *p, size_t len, size_t *need, struct err *e);

/* Reads a file to its end. Returns 0, or -1 with e (it cannot be read, is no MRT, or ends within a record;
 * what stands before that was handed over). `go_on` (may be NULL) is asked now and then and ends the reading
 * by false. */
int mrt_read_file(struct mrt_reader *r, const char *path, bool (*go_on)(void *arg), struct err *e);

/* ---- writing: records are added to a strbuf, whose ceiling is the caller's; it fails as strbufs do */

/* PEER_INDEX_TABLE: comes first. `view`: a name, NULL for none. */
void mrt_write_peers(struct strbuf *s, int64_t at_s, const uint8_t collector_id[4], const char *view,
                     const struct mrt_peer *peers, unsigned n);

/* A route of peer number `peer` of the table, of whatever family; `seq` counts the records from 0. False when
 * it has no room in a record (attributes of more than 65535 octets); nothing is written then. */
bool mrt_write_route(struct strbuf *s, int64_t at_s, uint32_t seq, unsigned peer, int64_t originated_s,
                     const struct rib_key *k, struct rib_octets labels, const struct rib_attrs *a);

/* BGP4MP_ET: a message as it came; a change of state. */
void mrt_write_message(struct strbuf *s, const struct mrt_message *m, const uint8_t *msg, size_t len);
void mrt_write_state(struct strbuf *s, const struct mrt_message *m, uint16_t from, uint16_t to);

#endif
