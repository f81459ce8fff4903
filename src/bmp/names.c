/* SPDX-License-Identifier: BSD-2-Clause */
/* The names of what BMP tells by number, as message logs show them. */
#include "bmp/msg.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char *name_of(const char *const *names, size_t n, unsigned i, const char *none)
{
    return i < n && names[i] ? names[i] : none;
}

const char *bmp_fault_word(enum bmp_fault f)
{
    static const char *const words[BMP_FAULTS] = {
#define BMP_FAULT(name, word, text) word,
#include "bmp/faults.def"
    };
    return words[f];
}

const char *bmp_fault_text(enum bmp_fault f)
{
    static const char *const texts[BMP_FAULTS] = {
#define BMP_FAULT(name, word, text) text,
#include "bmp/faults.def"
    };
    return texts[f];
}

const char *bmp_type_name(uint8_t type)
{
    static const char *const names[] = { [BMP_ROUTE_MONITORING] = "route_monitor",
                                         [BMP_STATS] = "stats",
                                         [BMP_PEER_DOWN] = "peer_down",
                                         [BMP_PEER_UP] = "peer_up",
                                         [BMP_INIT] = "init",
                                         [BMP_TERM] = "term",
                                         [BMP_ROUTE_MIRRORING] = "route_mirror" };
    return name_of(names, COUNT(names), type, "unknown");
}

const char *bmp_peer_type_name(uint8_t type)
{
    static const char *const names[] = { [BMP_PEER_GLOBAL] = "Global Instance Peer",
                                         [BMP_PEER_RD] = "RD Instance Peer",
                                         [BMP_PEER_LOCAL] = "Local Instance Peer",
                                         [BMP_PEER_LOC_RIB] = "Loc-RIB Instance Peer" };
    return name_of(names, COUNT(names), type, "Unknown");
}

const char *bmp_rib_name(enum bmp_rib r)
{
    static const char *const names[BMP_RIBS] = { [BMP_RIB_UNKNOWN] = "Unknown",
                                                 [BMP_RIB_IN_PRE] = "Adj-Rib-In Pre-Policy",
                                                 [BMP_RIB_IN_POST] = "Adj-Rib-In Post-Policy",
                                                 [BMP_RIB_LOC] = "Loc-Rib",
                                                 [BMP_RIB_OUT_PRE] = "Adj-Rib-Out Pre-Policy",
                                                 [BMP_RIB_OUT_POST] = "Adj-Rib-Out Post-Policy" };
    return names[r];
}

const char *bmp_counter_name(uint16_t type)
{
    static const char *const names[] = {
#define BMP_STAT(type, text) [type] = text,
#include "bmp/stats.def"
    };
    return name_of(names, COUNT(names), type, "Unknown");
}

const char *bmp_down_reason(uint8_t reason)
{
    static const char *const names[] = {
        "Reserved",
        "The local system closed the session",
        "The local system closed the session without a notification message",
        "The remote system closed the session",
        "The remote system closed the session without a notification message",
        "Info for this peer will no longer be sent for configuration reasons",
        "The local system closed the session, TLV data follows",
    };
    return name_of(names, COUNT(names), reason, "Unknown");
}

const char *bmp_term_reason(uint16_t reason)
{
    static const char *const names[] = {
        "Session administratively closed",
        "Unspecified reason",
        "Out of resources",
        "Redundant connection",
        "Session permanently administratively closed",
    };
    return name_of(names, COUNT(names), reason, NULL);
}

const char *bmp_path_status_name(unsigned bit)
{
    static const char *const names[] = {
        "Invalid",
        "Best",
        "Non-selected",
        "Primary",
        "Backup",
        "Non-installed",
        "Best-external",
        "Add-Path",
        "Filtered-In-Policy",
        "Filtered-Out-Policy",
        "Stale",
        "Suppressed",
    };
    return name_of(names, COUNT(names), bit, NULL);
}

const char *bmp_info_name(uint8_t msg, uint16_t type)
{
    static const char *const init[] = { "string", "sysdescr", "sysname", "reserved", "reserved" };
    static const char *const up[] = { "string", "reserved", "reserved", "vrf_table_name", "admin_label" };
    static const char *const term[] = { "string", "reason" };
    static const struct {
        const char *const *names;
        size_t n;
    } rows[BMP_TYPES] = { [BMP_INIT] = { init, COUNT(init) },
                          [BMP_PEER_UP] = { up, COUNT(up) },
                          [BMP_PEER_DOWN] = { up, COUNT(up) },
                          [BMP_TERM] = { term, COUNT(term) } };
    return msg < BMP_TYPES && rows[msg].names ? name_of(rows[msg].names, rows[msg].n, type, NULL) : NULL;
}
