/* SPDX-License-Identifier: BSD-2-Clause */
/* Connection, publishing and confirms of an AMQP client. Message log and amqp plugin use it, each from one
 * thread. */
#include "output/amqp_client.h"

#include <amqp.h>
#include <amqp_ssl_socket.h> /* after it */
#include <amqp_tcp_socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

enum { CHANNEL = 1, FRAME_MIN = 4096, CLOSE_MS = 500, SILENCE_MS = 30000 };

struct amqp_client {
    const struct amqp_keys *keys;
    amqp_connection_state_t conn; /* NULL: not connected */
    uint64_t tag;                 /* of the last message */
    uint64_t unrouted;
    bool mandatory;
};

static struct timeval in_ms(int ms)
{
    return (struct timeval){ .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
}

static void hang_up(struct amqp_client *a)
{
    if (a->conn)
        amqp_destroy_connection(a->conn);
    a->conn = NULL;
}

static int gone(struct amqp_client *a, struct err *e, const char *doing, const char *why, size_t len)
{
    hang_up(a);
    return err_set(e, ERR_SYS, "%s: %.*s", doing, (int)len, why);
}

static int gone_status(struct amqp_client *a, struct err *e, const char *doing, int status)
{
    const char *why = amqp_error_string2(status);
    return gone(a, e, doing, why, strlen(why));
}

/* What the server says when it closes a channel or the connection. */
static int gone_closed(struct amqp_client *a, struct err *e, const char *doing, const amqp_method_t *m)
{
    char why[256]; /* the text lives in the connection, which ends here */
    amqp_bytes_t said = { 0 };
    if (m->id == AMQP_CONNECTION_CLOSE_METHOD)
        said = ((const amqp_connection_close_t *)m->decoded)->reply_text;
    else if (m->id == AMQP_CHANNEL_CLOSE_METHOD)
        said = ((const amqp_channel_close_t *)m->decoded)->reply_text;
    const size_t n = said.len < sizeof(why) ? said.len : sizeof(why);
    if (!n)
        return gone(a, e, doing, "the server closed it", strlen("the server closed it"));
    memcpy(why, said.bytes, n);
    return gone(a, e, doing, why, n);
}

static int check(struct amqp_client *a, amqp_rpc_reply_t r, const char *doing, struct err *e)
{
    switch (r.reply_type) {
    case AMQP_RESPONSE_NORMAL:
        return 0;
    case AMQP_RESPONSE_SERVER_EXCEPTION:
        return gone_closed(a, e, doing, &r.reply);
    case AMQP_RESPONSE_LIBRARY_EXCEPTION:
    case AMQP_RESPONSE_NONE:
        break;
    }
    return gone_status(a, e, doing, r.library_error);
}

/* A socket that speaks TLS: the server has to be who it says it is. */
static amqp_socket_t *tls_socket(struct amqp_client *a, struct err *e)
{
    const struct amqp_keys *k = a->keys;
    amqp_socket_t *s = amqp_ssl_socket_new(a->conn);
    if (!s) {
        err_set(e, ERR_SYS, "no memory for TLS");
        return NULL;
    }
    amqp_ssl_socket_set_verify_peer(s, true);
    amqp_ssl_socket_set_verify_hostname(s, true);
    if (amqp_ssl_socket_set_cacert(s, k->ca_file) != AMQP_STATUS_OK) {
        err_set(e, ERR_CONFIG, "'%s' holds no certificate authority", k->ca_file);
        return NULL;
    }
    if (k->cert_file && k->key_file &&
        amqp_ssl_socket_set_key(s, k->cert_file, k->key_file) != AMQP_STATUS_OK) {
        err_set(e, ERR_CONFIG, "'%s' and '%s' are no certificate and key", k->cert_file, k->key_file);
        return NULL;
    }
    return s;
}

static amqp_socket_t *socket_of(struct amqp_client *a, struct err *e)
{
    err_set(e, ERR_SYS, "no memory for AMQP");
    a->conn = amqp_new_connection();
    return !a->conn ? NULL : a->keys->ca_file ? tls_socket(a, e) : amqp_tcp_socket_new(a->conn);
}

static int open_socket(struct amqp_client *a, const struct timeval *wait, struct err *e)
{
    amqp_socket_t *s = socket_of(a, e);
    if (!s) {
        hang_up(a);
        return -1;
    }
    const int rc = amqp_socket_open_noblock(s, a->keys->host, a->keys->port, wait);
    if (rc != AMQP_STATUS_OK)
        return gone_status(a, e, "connect", rc);
    /* A server that does not answer, or does not read any more, is not waited for without end. */
    const int user_timeout_ms = SILENCE_MS;
    (void)setsockopt(amqp_socket_get_sockfd(s), IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout_ms,
                     sizeof(user_timeout_ms));
    amqp_set_handshake_timeout(a->conn, wait);
    amqp_set_rpc_timeout(a->conn, wait);
    return 0;
}

static int declare(struct amqp_client *a, struct err *e)
{
    static const char *const types[] = { "direct", "fanout", "topic" }; /* as words of the key */
    amqp_exchange_declare(a->conn, CHANNEL, amqp_cstring_bytes(a->keys->exchange),
                          amqp_cstring_bytes(types[a->keys->exchange_type]), false, a->keys->persistent,
                          false, false, amqp_empty_table);
    if (check(a, amqp_get_rpc_reply(a->conn), "declaring the exchange", e) == -1)
        return -1;
    amqp_confirm_select(a->conn, CHANNEL);
    return check(a, amqp_get_rpc_reply(a->conn), "asking for confirms", e);
}

int amqp_client_connect(struct amqp_client *a, int ms, struct err *e)
{
    const struct amqp_keys *k = a->keys;
    const struct timeval wait = in_ms(ms);
    const int frame_max = k->frame_max < FRAME_MIN ? FRAME_MIN : k->frame_max; /* the protocol's least */
    a->tag = 0;
    if (open_socket(a, &wait, e) == -1)
        return -1;
    const amqp_rpc_reply_t r = amqp_login(a->conn, k->vhost, AMQP_DEFAULT_MAX_CHANNELS, frame_max,
                                          k->heartbeat_s, AMQP_SASL_METHOD_PLAIN, k->user, k->passwd);
    if (check(a, r, "login", e) == -1)
        return -1;
    amqp_channel_open(a->conn, CHANNEL);
    if (check(a, amqp_get_rpc_reply(a->conn), "opening a channel", e) == -1)
        return -1;
    return declare(a, e);
}

bool amqp_client_connected(const struct amqp_client *a) { return a->conn != NULL; }

int amqp_client_publish(struct amqp_client *a, const char *routing_key, const char *type, const char *text,
                        size_t len, uint64_t *tag, struct err *e)
{
    const amqp_basic_properties_t props = { ._flags =
                                                AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG,
                                            .content_type = amqp_cstring_bytes(type),
                                            .delivery_mode = a->keys->persistent ? 2 : 1 };
    const amqp_bytes_t body = { .len = len, .bytes = (void *)(uintptr_t)text };
    const int rc = amqp_basic_publish(a->conn, CHANNEL, amqp_cstring_bytes(a->keys->exchange),
                                      amqp_cstring_bytes(routing_key), a->mandatory, false, &props, body);
    if (rc != AMQP_STATUS_OK)
        return gone_status(a, e, "publish", rc);
    *tag = ++a->tag;
    return 0;
}

/* What RabbitMQ closes a channel for on which messages are published, and nothing else is done. */
static int too_large(struct amqp_client *a, struct err *e, const amqp_method_t *m)
{
    gone_closed(a, e, "closed by the server", m);
    e->code = ERR_LIMIT;
    return -1;
}

static int take_frame(struct amqp_client *a, const amqp_frame_t *frame, amqp_client_confirm *f, void *arg,
                      struct err *e)
{
    if (frame->frame_type != AMQP_FRAME_METHOD)
        return 0;
    const amqp_method_t *m = &frame->payload.method;
    switch (m->id) {
    case AMQP_BASIC_ACK_METHOD: {
        const amqp_basic_ack_t *ack = m->decoded;
        f(arg, ack->delivery_tag, ack->multiple, true);
        return 0;
    }
    case AMQP_BASIC_NACK_METHOD: {
        const amqp_basic_nack_t *nack = m->decoded;
        f(arg, nack->delivery_tag, nack->multiple, false);
        return 0;
    }
    case AMQP_BASIC_RETURN_METHOD: /* header and body follow, and are passed over */
        a->unrouted++;
        return 0;
    case AMQP_CHANNEL_CLOSE_METHOD:
        if (((const amqp_channel_close_t *)m->decoded)->reply_code == AMQP_PRECONDITION_FAILED)
            return too_large(a, e, m);
        return gone_closed(a, e, "closed by the server", m);
    case AMQP_CONNECTION_CLOSE_METHOD:
        return gone_closed(a, e, "closed by the server", m);
    default:
        return 0;
    }
}

int amqp_client_confirms(struct amqp_client *a, int ms, amqp_client_confirm *f, void *arg, struct err *e)
{
    for (;;) {
        amqp_frame_t frame;
        const struct timeval wait = in_ms(ms);
        const int rc = amqp_simple_wait_frame_noblock(a->conn, &frame, &wait);
        if (rc == AMQP_STATUS_TIMEOUT)
            break;
        if (rc != AMQP_STATUS_OK)
            return gone_status(a, e, "connection", rc);
        if (take_frame(a, &frame, f, arg, e) == -1)
            return -1;
        ms = 0;
    }
    amqp_maybe_release_buffers(a->conn);
    return 0;
}

struct amqp_client *amqp_client_new(const struct amqp_keys *keys, bool count_unrouted)
{
    struct amqp_client *a = calloc(1, sizeof(*a));
    if (a) {
        a->keys = keys;
        a->mandatory = count_unrouted;
    }
    return a;
}

uint64_t amqp_client_unrouted(const struct amqp_client *a) { return a->unrouted; }

void amqp_client_disconnect(struct amqp_client *a)
{
    const struct timeval wait = in_ms(CLOSE_MS);
    if (!a->conn)
        return;
    amqp_set_rpc_timeout(a->conn, &wait);
    amqp_connection_close(a->conn, AMQP_REPLY_SUCCESS);
    hang_up(a);
}

void amqp_client_free(struct amqp_client *a)
{
    if (a)
        amqp_client_disconnect(a);
    free(a);
}
