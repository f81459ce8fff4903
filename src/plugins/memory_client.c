/* SPDX-License-Identifier: BSD-2-Clause */
/* Connections to a memory table: greeting, one request, its answer in slices. Whatever a client sends or does
 * not send or read costs the plugin a bounded amount of memory and time. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/clock.h"
#include "plugins/memory.h"

enum client_state {
    CLIENT_ASKS,  /* its request is not complete */
    CLIENT_READS, /* gets its answer */
};

struct client {
    uv_poll_t poll;
    struct memory *m;
    int fd;
    unsigned slot;
    enum client_state state;
    struct strbuf in;  /* the request; answers point into it */
    struct strbuf out; /* what is to be written */
    size_t sent;
    struct answer *answer; /* NULL: everything is in out */
    int64_t moved_us;      /* monotonic time of the last octet sent or of the connection */
    int64_t last_reset_s;  /* as it was when the request came */
};

static void on_closed(uv_handle_t *h)
{
    struct client *c = h->data;
    free(c);
}

void client_drop(struct client *c)
{
    c->m->client[c->slot] = NULL;
    c->m->n_clients--;
    uv_poll_stop(&c->poll);
    close(c->fd);
    answer_free(c->answer);
    strbuf_free(&c->in);
    strbuf_free(&c->out);
    c->answer = NULL;
    uv_close((uv_handle_t *)&c->poll, on_closed);
}

/* ---- making room */

/* The client that has not moved for longest, among those that read a table which is no longer the current one
 * (retired) or among all that get an answer. */
static struct client *most_stalled(const struct memory *m, bool retired)
{
    struct client *worst = NULL;
    for (unsigned i = 0; i < MEMORY_CLIENTS_MAX; i++) {
        struct client *c = m->client[i];
        if (!c || c->state != CLIENT_READS ||
            (retired && (!c->answer || answer_table(c->answer) == m->table)))
            continue;
        if (!worst || c->moved_us < worst->moved_us)
            worst = c;
    }
    return worst;
}

static unsigned retired_readers(const struct memory *m)
{
    unsigned n = 0;
    for (unsigned i = 0; i < MEMORY_CLIENTS_MAX; i++)
        n += m->client[i] && m->client[i]->answer && answer_table(m->client[i]->answer) != m->table;
    return n;
}

/* Erased tables stay in memory while somebody reads them: no more than a few may. */
static void retired_limit(struct memory *m)
{
    while (retired_readers(m) >= MEMORY_RETIRED_MAX) {
        log_limited(
            &m->pl->log, &m->crowded, LOG_LV_WARN,
            "A client that reads a table erased since was disconnected: %d such tables are kept at most.",
            MEMORY_RETIRED_MAX);
        client_drop(most_stalled(m, true));
    }
}

static bool make_place(struct memory *m)
{
    if (m->n_clients < MEMORY_CLIENTS_MAX)
        return true;
    struct client *c = most_stalled(m, false);
    bool stalled = c && clock_mono_us() - c->moved_us > MEMORY_STALL_US;
    log_limited(&m->pl->log, &m->crowded, LOG_LV_WARN, "%d clients are connected: %s.", MEMORY_CLIENTS_MAX,
                stalled ? "one that stopped reading was disconnected" : "a new one was turned away");
    if (stalled)
        client_drop(c);
    return stalled;
}

/* ---- answering */

/* Octets out now. -1: the client is gone. */
static int flush_out(struct client *c)
{
    while (c->sent < c->out.len) {
        ssize_t n = send(c->fd, c->out.p + c->sent, c->out.len - c->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n == -1 && errno == EINTR)
            continue;
        if (n == -1)
            return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
        c->sent += (size_t)n;
        c->moved_us = clock_mono_us();
    }
    strbuf_clear(&c->out);
    c->sent = 0;
    return 0;
}

/* Puts the next piece of the answer into out. */
static void answer_more(struct client *c, int64_t until_us)
{
    if (!answer_step(c->answer, &c->out, until_us) && !c->out.failed)
        return;
    if (c->out.failed) {
        strbuf_clear(&c->out);
        imt_error_put(&c->out, "no memory for the answer");
    } else {
        const struct imt_done done = { .rows = answer_rows(c->answer), .last_reset_s = c->last_reset_s };
        imt_done_put(&c->out, &done);
    }
    memory_reset(c->m, answer_reset(c->answer));
    answer_free(c->answer);
    c->answer = NULL;
}

static void work(struct client *c)
{
    int64_t slice = MEMORY_SLICE_US / c->m->n_clients;
    int64_t until = clock_mono_us() + (slice < MEMORY_SLICE_MIN_US ? MEMORY_SLICE_MIN_US : slice);
    do {
        if (!c->out.len && c->answer)
            answer_more(c, until);
        if (flush_out(c) == -1) {
            client_drop(c);
            return;
        }
        if (c->out.len)
            return; /* the socket is full: on with it when the client has read */
    } while (c->answer && clock_mono_us() < until);
    if (!c->answer)
        client_drop(c);
}

static void on_writable(uv_poll_t *h, int status, int events)
{
    struct client *c = h->data;
    (void)events;
    if (status < 0)
        client_drop(c);
    else
        work(c);
}

/* From here on the client only reads. */
static void begin_writing(struct client *c)
{
    c->state = CLIENT_READS;
    c->moved_us = clock_mono_us();
    if (uv_poll_start(&c->poll, UV_WRITABLE, on_writable))
        client_drop(c);
    else
        work(c);
}

static void refuse(struct client *c, const char *why)
{
    log_limited(&c->m->pl->log, &c->m->hostile, LOG_LV_WARN, "Refused a client's request: %s.", why);
    imt_error_put(&c->out, why);
    begin_writing(c);
}

static void serve(struct client *c, struct imt_request *r)
{
    struct memory *m = c->m;
    struct err e;
    c->last_reset_s = m->erased_us ? (clock_mono_us() - m->erased_us) / US_PER_S : -1;
    if (r->flags & IMT_F_ERASE) {
        r->flags &= (uint8_t)~IMT_F_RESET; /* all of it goes */
        retired_limit(m);
    }
    c->answer = answer_new(m->pl->layout, m->table, r, &e);
    if (!c->answer) {
        refuse(c, e.text);
        return;
    }
    /* Nothing lies between the two: what the answer shows is what is erased. */
    if (r->flags & IMT_F_ERASE && memory_erase(m) == -1) {
        answer_free(c->answer);
        c->answer = NULL;
        refuse(c, "no memory for a new table");
        return;
    }
    begin_writing(c);
}

/* ---- the request */

/* How many octets the request still lacks, as far as can be told; -1: it is none, e says why. */
static ssize_t lacking(const struct client *c, struct imt_header *h, struct err *e)
{
    if (c->in.len < IMT_HEADER)
        return (ssize_t)(IMT_HEADER - c->in.len);
    struct cursor head = cursor_of(c->in.p, IMT_HEADER);
    if (imt_header_get(&head, h, e) == -1)
        return -1;
    if (h->type != IMT_REQUEST || h->len > IMT_REQUEST_MAX)
        return err_set(e, ERR_FORMAT, "message %u of %u octets is no request", h->type, h->len);
    return (ssize_t)(IMT_HEADER + h->len) - (ssize_t)c->in.len;
}

static void on_request(struct client *c, const struct imt_header *h)
{
    struct imt_request r;
    struct err e;
    if (imt_request_get(cursor_of(c->in.p + IMT_HEADER, h->len), &r, &e) == -1)
        refuse(c, e.text);
    else
        serve(c, &r);
}

static void on_readable(uv_poll_t *h, int status, int events)
{
    struct client *c = h->data;
    struct imt_header head = { 0 };
    struct err e;
    (void)events;
    ssize_t want = status < 0 ? 0 : lacking(c, &head, &e);
    /* Memory grows as octets come, not as they are announced. */
    size_t room = want < 64 << 10 ? (size_t)want : 64 << 10;
    if (want <= 0 || !strbuf_room(&c->in, room)) {
        client_drop(c);
        return;
    }
    ssize_t n = recv(c->fd, c->in.p + c->in.len, room, MSG_DONTWAIT);
    if (n == -1 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        client_drop(c); /* asked nothing, which is its right */
        return;
    }
    c->in.len += (size_t)n;
    want = lacking(c, &head, &e);
    if (want == -1)
        refuse(c, e.text);
    else if (want == 0)
        on_request(c, &head);
}

void clients_tick(struct memory *m, int64_t mono_us)
{
    for (unsigned i = 0; i < MEMORY_CLIENTS_MAX && m->n_clients; i++) {
        struct client *c = m->client[i];
        if (!c || c->state != CLIENT_ASKS || mono_us - c->moved_us < MEMORY_REQUEST_US)
            continue;
        log_limited(&m->pl->log, &m->late, LOG_LV_WARN, "Timed out while processing fragmented query.");
        client_drop(c);
    }
}

/* ---- the connection */

static struct client *client_new(struct memory *m, int fd)
{
    struct client *c = calloc(1, sizeof(*c));
    if (!c || uv_poll_init(m->pl->loop, &c->poll, fd)) {
        free(c);
        return NULL;
    }
    c->m = m;
    c->fd = fd;
    c->poll.data = c;
    c->moved_us = clock_mono_us();
    strbuf_init(&c->in, IMT_HEADER + IMT_REQUEST_MAX);
    strbuf_init(&c->out, SIZE_MAX / 2); /* an answer of one moment is as large as the table */
    while (m->client[c->slot])
        c->slot++;
    m->client[c->slot] = c;
    m->n_clients++;
    return c;
}

void client_accept(struct memory *m, int fd)
{
    int octets = 1 << 20;
    struct client *c = make_place(m) ? client_new(m, fd) : NULL;
    if (!c) {
        close(fd);
        return;
    }
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &octets, sizeof(octets));
    /* A new socket's buffer holds the greeting. */
    ssize_t n = send(fd, m->hello.p, m->hello.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n != (ssize_t)m->hello.len || uv_poll_start(&c->poll, UV_READABLE, on_readable))
        client_drop(c);
}
