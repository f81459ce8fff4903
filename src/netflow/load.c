/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs the steps of a plan: octets of a data record → members of struct record. The innermost loop of the
 * collectors. */
#include "netflow/plan.h"
#include "netflow/times.h"

static inline void put16(void *to, uint16_t v) { memcpy(to, &v, sizeof(v)); }
static inline void put32(void *to, uint32_t v) { memcpy(to, &v, sizeof(v)); }
static inline void put64(void *to, uint64_t v) { memcpy(to, &v, sizeof(v)); }

/* Two values swapped at once stand in the wrong order. */
static inline uint32_t rotate32(uint32_t v) { return v << 16 | v >> 16; }
static inline uint64_t rotate64(uint64_t v) { return v << 32 | v >> 32; }

/* Reduced-size encoding, or a field wider than ours: a value that does not fit means nothing. */
static inline uint64_t narrow(const uint8_t *p, unsigned len, uint64_t max)
{
    const uint64_t v = len <= 8 ? load_be(p, len) : 0;
    return v <= max ? v : 0;
}

/* forwardingStatus is one octet, sent in up to four; some exporters put it in the first of four. */
static uint8_t forwarding_status(const uint8_t *p, unsigned len)
{
    const uint64_t v = len <= 8 ? load_be(p, len) : 0;
    if (len == 4 && v >> 24 && !(v & 0xffffff))
        return (uint8_t)(v >> 24);
    return v <= UINT8_MAX ? (uint8_t)v : 0;
}

static uint8_t direction(const uint8_t *p, unsigned len)
{
    const uint64_t v = len <= 8 ? load_be(p, len) : UINT64_MAX;
    return v == 0 ? DIRECTION_IN : v == 1 ? DIRECTION_OUT : DIRECTION_UNKNOWN;
}

static double real(const uint8_t *p, unsigned len)
{
    double d = 0;
    float f = 0;
    if (len == 8) {
        const uint64_t v = load_be64(p);
        memcpy(&d, &v, sizeof(d));
    } else if (len == 4) {
        const uint32_t v = load_be32(p);
        memcpy(&f, &v, sizeof(f));
        d = f;
    }
    return d;
}

/* Milliseconds or seconds since the epoch; what no clock shows is not set. */
static inline int64_t scaled(uint64_t v, int64_t unit_us)
{
    const uint64_t max = (uint64_t)(INT64_MAX / 2 / unit_us);
    return v <= max ? (int64_t)v * unit_us : 0;
}

static struct var text(const uint8_t *p, unsigned len)
{
    while (len && p[len - 1] == 0) /* NetFlow v9 pads with NUL */
        len--;
    return (struct var){ .p = p, .len = len };
}

static void seldom(unsigned op, const uint8_t *p, unsigned len, uint8_t *to)
{
    int64_t t = 0;
    double d;
    switch (op) {
    case OP_FWD:
        *to = forwarding_status(p, len);
        return;
    case OP_DIR:
        *to = direction(p, len);
        return;
    case OP_LABEL:
        put32(to, len >= 3 ? (uint32_t)load_be(p, 3) : 0);
        return;
    case OP_RD:
        put64(to, 0);
        memcpy(to, p, len == 8 ? 8 : 0);
        return;
    case OP_F64:
        d = real(p, len);
        memcpy(to, &d, sizeof(d));
        return;
    case OP_SECS:
        t = scaled(load_be(p, len), 1000000);
        break;
    case OP_USECS:
        t = time_of_ntp(load_be64(p), NTP_USEC_NOISE);
        break;
    case OP_NSECS:
        t = time_of_ntp(load_be64(p), 0);
        break;
    case OP_SEC_USEC:
        t = scaled(load_be64(p), 1000000) + (int64_t)(load_be64(p + 8) % 1000000);
        break;
    default:
        return;
    }
    memcpy(to, &t, sizeof(t));
}

static inline __attribute__((always_inline)) void run_step(const struct step *s, const uint8_t *p,
                                                           unsigned len, struct record *r)
{
    uint8_t *to = (uint8_t *)r + s->to;
    struct var v;
    switch ((enum step_op)s->op) {
    case OP_V4_V4:
        addr_set_v4((struct addr *)to, p);
        addr_set_v4((struct addr *)to + 1, p + 4);
        return;
    case OP_MSECS_TWICE:
        put64(to + 8, (uint64_t)scaled(load_be64(p + 8), 1000));
        /* fall through */
    case OP_MSECS:
        put64(to, (uint64_t)scaled(load_be64(p), 1000));
        return;
    case OP_COPY8_8:
        memcpy(to, p, 2);
        return;
    case OP_COPY16_16:
        put32(to, rotate32(load_be32(p)));
        return;
    case OP_COPY32_32:
        put64(to, rotate64(load_be64(p)));
        return;
    case OP_COPY64_64:
        put64(to, load_be64(p));
        put64(to + 8, load_be64(p + 8));
        return;
    case OP_32_64_TWICE:
        put64(to, load_be32(p));
        put64(to + 8, load_be32(p + 4));
        return;
    case OP_COPY8:
        *to = *p;
        return;
    case OP_COPY16:
        put16(to, load_be16(p));
        return;
    case OP_COPY32:
        put32(to, load_be32(p));
        return;
    case OP_COPY64:
        put64(to, load_be64(p));
        return;
    case OP_16_32:
        put32(to, load_be16(p));
        return;
    case OP_32_64:
        put64(to, load_be32(p));
        return;
    case OP_V4:
        addr_set_v4((struct addr *)to, p);
        return;
    case OP_V6:
        addr_set_v6((struct addr *)to, p);
        return;
    case OP_MAC:
        memcpy(to, p, 6);
        return;
    case OP_UINT8:
        *to = (uint8_t)narrow(p, len, UINT8_MAX);
        return;
    case OP_UINT16:
        put16(to, (uint16_t)narrow(p, len, UINT16_MAX));
        return;
    case OP_UINT32:
        put32(to, (uint32_t)narrow(p, len, UINT32_MAX));
        return;
    case OP_UINT64:
        put64(to, narrow(p, len, UINT64_MAX));
        return;
    case OP_LOW8:
        *to = len ? p[len - 1] : 0;
        return;
    case OP_LOW20:
        put32(to, (uint32_t)narrow(p, len, UINT64_MAX) & 0xfffff);
        return;
    case OP_VAR:
        v = (struct var){ .p = p, .len = len };
        memcpy(to, &v, sizeof(v));
        return;
    case OP_STRING:
        v = text(p, len);
        memcpy(to, &v, sizeof(v));
        return;
    case OP_SECS:
    case OP_USECS:
    case OP_NSECS:
    case OP_SEC_USEC:
    case OP_FWD:
    case OP_DIR:
    case OP_LABEL:
    case OP_RD:
    case OP_F64:
        seldom(s->op, p, len, to);
        return;
    case OP_MAX:
        break;
    }
    __builtin_unreachable();
}

void plan_head(const struct plan *plan, const uint8_t *p, struct record *r)
{
    for (const struct step *s = plan->step, *end = s + plan->n_head; s < end; s++)
        run_step(s, p + s->from, s->len, r);
}

const uint8_t *plan_tail(const struct plan *plan, const uint8_t *p, const uint8_t *end, struct record *r)
{
    const struct step *s = plan->step + plan->n_head;
    struct cursor c = cursor_of(p, (size_t)(end - p));
    for (unsigned i = 0; i < plan->n_tail; i++) {
        unsigned len = plan->tail[i].len;
        if (len == ELEMENT_VAR) { /* RFC 7011 §7 */
            len = cursor_u8(&c);
            if (len == 255)
                len = cursor_u16(&c);
        }
        const uint8_t *value = cursor_take(&c, len);
        if (c.bad)
            return NULL;
        for (const struct step *last = s + plan->tail[i].n; s < last; s++)
            run_step(s, value, len, r);
    }
    return c.p;
}
