/* SPDX-License-Identifier: BSD-2-Clause */
/* In the place of classify.c where nDPI is not built in: there is no classifier, and no class. */
#include "packet/classify.h"

#include <string.h>

struct classifier *classifier_new(const struct config *c, const struct log *l, struct err *e)
{
    (void)c, (void)l;
    err_set(e, ERR_UNSUPPORTED, "this build has no nDPI");
    return NULL;
}

void classifier_free(struct classifier *k) { (void)k; }

void classifier_packet(struct classifier *k, struct flow *f, const uint8_t *ip, uint32_t len, int64_t at_us)
{
    (void)k, (void)ip, (void)len, (void)at_us;
    memset(&f->class, 0, sizeof(f->class));
}

bool classifier_name(struct classifier *k, uint32_t master, uint32_t app, struct class_name *c)
{
    (void)k, (void)master, (void)app, (void)c;
    return false;
}

void classifier_stats(const struct classifier *k, const struct log *l, const char *name)
{
    (void)k, (void)l, (void)name;
}
