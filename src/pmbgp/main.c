/* SPDX-License-Identifier: BSD-2-Clause */
/* pmbgp: asks the looking glass of pmbgpd, or of a collector, for routes and peers. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>
#include "output/json.h"

enum { WAIT_MS = 10000, QUERY_MAX = 1024 };

struct options {
    const char *server, *prefix, *peer, *port, *rd, *user, *passwd;
    bool peers;
};

static void usage(FILE *f)
{
    fputs(
        "usage: pmbgp [-z host:port] [-u user -p password] -g\n"
        "       pmbgp [-z host:port] [-u user -p password] -r peer -a prefix [-d rd] [-R port]\n"
        "Asks the looking glass (bgp_daemon_lg) of pmbgpd or of a collector; prints one JSON object a line.\n"
        "  -a  address or prefix: the longest prefix that covers it\n"
        "  -r  address of the peer whose table is looked into\n"
        "  -R  its TCP port, where several sessions come from one address\n"
        "  -d  route distinguisher, type:admin:value: the table of that VPN\n"
        "  -g  the peers\n"
        "  -z  where the looking glass is, 127.0.0.1:17900 if not given\n"
        "  -u, -p  login, if it asks for one\n",
        f);
}

static int read_options(int argc, char **argv, struct options *o)
{
    int c;
    *o = (struct options){ .server = "127.0.0.1:17900" };
    while ((c = getopt(argc, argv, "a:d:ghp:r:R:u:z:")) != -1) {
        switch (c) {
        case 'a':
            o->prefix = optarg;
            break;
        case 'd':
            o->rd = optarg;
            break;
        case 'g':
            o->peers = true;
            break;
        case 'p':
            o->passwd = optarg;
            break;
        case 'r':
            o->peer = optarg;
            break;
        case 'R':
            o->port = optarg;
            break;
        case 'u':
            o->user = optarg;
            break;
        case 'z':
            o->server = optarg;
            break;
        case 'h':
            usage(stdout);
            exit(0);
        default:
            return -1;
        }
    }
    return optind == argc && (o->peers || (o->prefix && o->peer)) ? 0 : -1;
}

/* The query behind the head; none for peers. */
static void make_query(const struct options *o, struct strbuf *s)
{
    strbuf_lit(s, "{\"ip_prefix\": ");
    json_string(s, o->prefix, strlen(o->prefix));
    json_text(s, "peer_ip_src", o->peer, strlen(o->peer));
    if (o->rd)
        json_text(s, "rd", o->rd, strlen(o->rd));
    if (o->port)
        json_text(s, "peer_tcp_port", o->port, strlen(o->port));
    strbuf_char(s, '}');
}

static int ask(void *socket, const struct options *o)
{
    static const char peers[] = "{\"query_type\": 2, \"queries\": 1}",
                      routes[] = "{\"query_type\": 1, \"queries\": 1}";
    struct strbuf query;
    if (o->peers)
        return zmq_send(socket, peers, sizeof(peers) - 1, 0);
    strbuf_init(&query, QUERY_MAX);
    make_query(o, &query);
    int rc = query.failed ? -1 : zmq_send(socket, routes, sizeof(routes) - 1, ZMQ_SNDMORE);
    if (rc != -1)
        rc = zmq_send(socket, query.p, query.len, 0);
    strbuf_free(&query);
    return rc;
}

/* The first frame tells how many follow; one that tells of a fault goes to stderr. */
static int print_answer(void *socket)
{
    int more = 1, status = 0;
    size_t len = sizeof(more);
    for (unsigned i = 0; more; i++) {
        zmq_msg_t m;
        zmq_msg_init(&m);
        const int n = zmq_msg_recv(&m, socket, 0);
        if (n == -1) {
            fprintf(stderr, "pmbgp: no answer: %s\n",
                    zmq_errno() == EAGAIN ? "is the looking glass there, and the login right?"
                                          : zmq_strerror(zmq_errno()));
            return 1;
        }
        const char *text = zmq_msg_data(&m);
        if (i > 0)
            printf("%.*s\n", n, text);
        else if (memmem(text, (size_t)n, "\"text\"", 6)) {
            fprintf(stderr, "pmbgp: %.*s\n", n, text);
            status = 1;
        }
        zmq_msg_close(&m);
        zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &len);
    }
    return status;
}

static int set(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof(value));
}

static int run(void *socket, const struct options *o)
{
    char where[320];
    snprintf(where, sizeof(where), "tcp://%s", o->server);
    if (o->user)
        (void)zmq_setsockopt(socket, ZMQ_PLAIN_USERNAME, o->user, strlen(o->user));
    if (o->passwd)
        (void)zmq_setsockopt(socket, ZMQ_PLAIN_PASSWORD, o->passwd, strlen(o->passwd));
    if (set(socket, ZMQ_LINGER, 0) == -1 || set(socket, ZMQ_RCVTIMEO, WAIT_MS) == -1 ||
        set(socket, ZMQ_IPV6, 1) == -1 || zmq_connect(socket, where) == -1 || ask(socket, o) == -1) {
        fprintf(stderr, "pmbgp: cannot ask %s: %s\n", where, zmq_strerror(zmq_errno()));
        return 1;
    }
    return print_answer(socket);
}

int main(int argc, char **argv)
{
    struct options o;
    if (read_options(argc, argv, &o) == -1) {
        usage(stderr);
        return 1;
    }
    void *context = zmq_ctx_new(), *socket = context ? zmq_socket(context, ZMQ_REQ) : NULL;
    const int status = socket ? run(socket, &o) : 1;
    if (socket)
        zmq_close(socket);
    if (context)
        zmq_ctx_term(context);
    return status;
}
