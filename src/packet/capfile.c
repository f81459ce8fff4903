/* SPDX-License-Identifier: BSD-2-Clause */
/* Opens capture files one way or the other and runs the filter over their packets. */
#include "packet/capfile.h"

#include <string.h>

enum { TIDY_EACH = 4096, LINKTYPE_RAW = 101 };

static int open_libpcap(struct capfile *cf, struct err *e)
{
    char text[PCAP_ERRBUF_SIZE];
    cf->pcap = pcap_open_offline(cf->path, text);
    if (!cf->pcap)
        return err_set(e, ERR_FORMAT, "cannot read the capture file '%s': %s", cf->path, text);
    cf->dlt = pcap_datalink(cf->pcap);
    return 0;
}

static int open_any(struct capfile *cf, struct err *e)
{
    int how = pcapmap_open(&cf->map, cf->path, e);
    if (how == -1)
        return -1;
    if (how == 1)
        return open_libpcap(cf, e);
    cf->dlt = cf->map.linktype == LINKTYPE_RAW ? DLT_RAW : cf->map.linktype;
    return 0;
}

static int compile(struct capfile *cf, const char *filter, struct err *e)
{
    pcap_t *dead = pcap_open_dead(cf->dlt, 65535);
    if (!dead)
        return err_set(e, ERR_SYS, "out of memory");
    int rc = pcap_compile(dead, &cf->filter, filter, 1, PCAP_NETMASK_UNKNOWN);
    if (rc == -1)
        err_set(e, ERR_CONFIG, "pcap_filter '%s': %s", filter, pcap_geterr(dead));
    pcap_close(dead);
    cf->filtered = rc == 0;
    return rc == 0 ? 0 : -1;
}

int capfile_open(struct capfile *cf, const char *path, const char *filter, struct err *e)
{
    *cf = (struct capfile){ .path = path, .map = { .fd = -1 } };
    if (open_any(cf, e) == -1)
        return -1;
    if (filter && *filter && compile(cf, filter, e) == -1) {
        capfile_close(cf);
        return -1;
    }
    return 0;
}

void capfile_close(struct capfile *cf)
{
    if (cf->filtered)
        pcap_freecode(&cf->filter);
    if (cf->pcap)
        pcap_close(cf->pcap);
    pcapmap_close(&cf->map);
    *cf = (struct capfile){ .map = { .fd = -1 } };
}

int capfile_rewind(struct capfile *cf, struct err *e)
{
    cf->trouble = NULL;
    if (cf->pcap) {
        pcap_close(cf->pcap);
        cf->pcap = NULL;
    } else {
        pcapmap_close(&cf->map);
    }
    int dlt = cf->dlt;
    if (open_any(cf, e) == -1)
        return -1;
    if (cf->dlt != dlt)
        return err_set(e, ERR_FORMAT, "the capture file '%s' was replaced by one of another link type",
                       cf->path);
    return 0;
}

static enum capfile_step next_by_libpcap(struct capfile *cf, struct pcapmap_packet *out)
{
    struct pcap_pkthdr *h;
    const uint8_t *p;
    switch (pcap_next_ex(cf->pcap, &h, &p)) {
    case 1:
        *out = (struct pcapmap_packet){ .p = p,
                                        .caplen = h->caplen,
                                        .len = h->len < h->caplen ? h->caplen : h->len,
                                        .at_us = (int64_t)h->ts.tv_sec * 1000000 + h->ts.tv_usec };
        return CAPFILE_PACKET;
    case PCAP_ERROR_BREAK: /* libpcap's word for the end */
        return CAPFILE_END;
    default:
        cf->trouble = pcap_geterr(cf->pcap);
        return CAPFILE_END;
    }
}

static enum capfile_step next_by_map(struct capfile *cf, struct pcapmap_packet *out)
{
    if (++cf->since_tidy == TIDY_EACH) {
        cf->since_tidy = 0;
        pcapmap_tidy(&cf->map);
    }
    switch (pcapmap_next(&cf->map, out)) {
    case PCAPMAP_PACKET:
        return CAPFILE_PACKET;
    case PCAPMAP_CUT:
        cf->trouble = "it ends within a packet";
        return CAPFILE_END;
    case PCAPMAP_DAMAGED:
        cf->trouble = "a packet claims to be longer than any can be";
        return CAPFILE_END;
    case PCAPMAP_END:
        break;
    }
    return CAPFILE_END;
}

/* Where the map is tidied it may turn out that the file has become shorter. */
unsigned capfile_holds(const struct capfile *cf) { return cf->pcap ? 1 : TIDY_EACH - cf->since_tidy; }

enum capfile_step capfile_next(struct capfile *cf, struct pcapmap_packet *out)
{
    enum capfile_step step = cf->pcap ? next_by_libpcap(cf, out) : next_by_map(cf, out);
    if (step == CAPFILE_PACKET && cf->filtered &&
        !bpf_filter(cf->filter.bf_insns, out->p, out->len, out->caplen))
        return CAPFILE_FILTERED;
    return step;
}
