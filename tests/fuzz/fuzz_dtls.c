/* SPDX-License-Identifier: BSD-2-Clause */
/* The DTLS server between its socket and its records: an input is a row of what three clients do, an octet
 * each for who and what: datagrams of any octets, records of any content, a step of a real handshake whose
 * datagram may be changed, cut short, lost or sent twice on its way, data. What is handed on is what some
 * client has sent, octet for octet; when nobody may send any more, nothing is left of them. */
#include <arpa/inet.h>
#include <gnutls/dtls.h>
#include <gnutls/x509.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "base/cursor.h"
#include "base/hash.h"
#include "base/tls.h"
#include "fake_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { BARE = 0x80, CLIENTS = 3, PORT = 4740, DATAGRAM = 2048, SENT_MAX = 64, RECORD_HEADER = 13 };

/* What happens to the next datagram of a handshake. */
enum change { AS_IT_IS, FLIPPED, CUT, LOST, TWICE, CHANGES };

struct client {
    int fd;
    gnutls_session_t s; /* NULL: has not begun */
    bool done;
    enum change change;
    uint16_t at;
};

static struct {
    uv_loop_t loop;
    struct dtls *dtls; /* NULL: not yet */
    char ip[16], dir[64];
    struct log log;
    gnutls_certificate_credentials_t cred, bare; /* with a certificate, without */
    bool nobody;                                 /* may send */
    uint64_t sent[SENT_MAX];
    unsigned n_sent;
} server;

/* ---- certificates: one of its own authority, for both sides */

static void write_file(const char *name, const gnutls_datum_t *pem)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/%s", server.dir, name);
    FILE *f = fopen(path, "we");
    if (!f || fwrite(pem->data, 1, pem->size, f) != pem->size || fclose(f) != 0)
        abort();
}

static void remove_files(void)
{
    static const char *const names[] = { "key.pem", "cert.pem", "ca-certificates.crt" };
    char path[128];
    for (unsigned i = 0; i < 3; i++) {
        snprintf(path, sizeof(path), "%s/%s", server.dir, names[i]);
        unlink(path);
    }
    rmdir(server.dir);
}

static void make_certificate(gnutls_x509_privkey_t key, gnutls_x509_crt_t crt)
{
    const uint8_t serial = 1;
    gnutls_x509_privkey_generate(key, GNUTLS_PK_EC, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
    gnutls_x509_crt_set_version(crt, 3);
    gnutls_x509_crt_set_serial(crt, &serial, sizeof(serial));
    gnutls_x509_crt_set_activation_time(crt, time(NULL) - 3600);
    gnutls_x509_crt_set_expiration_time(crt, time(NULL) + 365 * 86400);
    gnutls_x509_crt_set_dn(crt, "CN=fuzz", NULL);
    gnutls_x509_crt_set_basic_constraints(crt, 1, -1);
    gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_DIGITAL_SIGNATURE | GNUTLS_KEY_KEY_CERT_SIGN);
    gnutls_x509_crt_set_key(crt, key);
    if (gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0) < 0)
        abort();
}

static void make_files(void)
{
    gnutls_x509_privkey_t key;
    gnutls_x509_crt_t crt;
    gnutls_datum_t key_pem, crt_pem;
    snprintf(server.dir, sizeof(server.dir), "%s/fuzz-dtls.XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(server.dir))
        abort();
    atexit(remove_files);
    gnutls_x509_privkey_init(&key);
    gnutls_x509_crt_init(&crt);
    make_certificate(key, crt);
    if (gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &key_pem) < 0 ||
        gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &crt_pem) < 0)
        abort();
    write_file("key.pem", &key_pem);
    write_file("cert.pem", &crt_pem);
    write_file("ca-certificates.crt", &crt_pem);
    gnutls_certificate_allocate_credentials(&server.cred);
    gnutls_certificate_allocate_credentials(&server.bare);
    gnutls_certificate_set_x509_key_mem(server.cred, &crt_pem, &key_pem, GNUTLS_X509_FMT_PEM);
    gnutls_free(key_pem.data);
    gnutls_free(crt_pem.data);
    gnutls_x509_crt_deinit(crt);
    gnutls_x509_privkey_deinit(key);
}

/* ---- the server */

static bool may(void *arg, const struct addr *from)
{
    (void)arg, (void)from;
    return !server.nobody;
}

static void on_record(void *arg, const struct addr *from, uint16_t port, const uint8_t *p, size_t n)
{
    const uint64_t hash = hash_bytes(p, n);
    unsigned i = 0;
    (void)arg, (void)from, (void)port;
    while (i < server.n_sent && server.sent[i] != hash)
        i++;
    if (i == server.n_sent)
        abort(); /* nobody has sent this */
}

static void open_server(void)
{
    const unsigned pid = (unsigned)getpid();
    struct err e;
    if (server.dtls)
        return;
    snprintf(server.ip, sizeof(server.ip), "127.%u.%u.%u", 1 + (pid >> 16) % 250, pid >> 8 & 255, pid & 255);
    fake_log_silent(true);
    make_files();
    uv_loop_init(&server.loop);
    const struct tls_conf c = { .what = "fuzz",
                                .where = server.ip,
                                .path = server.dir,
                                .handshake_s = 60,
                                .log = &server.log,
                                .may = may,
                                .datagram = on_record,
                                .sessions = 2,
                                .sock = { .ip = server.ip, .port = PORT } };
    server.dtls = dtls_open(&c, &e);
    if (!server.dtls || dtls_start(server.dtls, &server.loop, &e) == -1)
        abort();
}

static void run_server(void)
{
    uv_run(&server.loop, UV_RUN_NOWAIT);
    uv_run(&server.loop, UV_RUN_NOWAIT);
}

/* ---- clients */

static ssize_t push(gnutls_transport_ptr_t arg, const void *octets, size_t n)
{
    struct client *c = arg;
    uint8_t copy[DATAGRAM];
    size_t len = n < sizeof(copy) ? n : sizeof(copy);
    memcpy(copy, octets, len);
    if (c->change == FLIPPED)
        copy[c->at % len] ^= (uint8_t)(1 + (c->at >> 8) % 255);
    else if (c->change == CUT)
        len = c->at % len;
    for (unsigned times = c->change == LOST ? 0 : c->change == TWICE ? 2 : 1; times; times--)
        (void)!send(c->fd, copy, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    c->change = AS_IT_IS;
    return (ssize_t)n;
}

static ssize_t pull(gnutls_transport_ptr_t arg, void *to, size_t room)
{
    const struct client *c = arg;
    return recv(c->fd, to, room, MSG_DONTWAIT);
}

static int pull_timeout(gnutls_transport_ptr_t arg, unsigned ms)
{
    const struct client *c = arg;
    struct pollfd p = { .fd = c->fd, .events = POLLIN };
    (void)ms;
    return poll(&p, 1, 0);
}

static void begin(struct client *c, bool bare)
{
    if (gnutls_init(&c->s, GNUTLS_CLIENT | GNUTLS_DATAGRAM | GNUTLS_NONBLOCK) < 0)
        abort();
    gnutls_set_default_priority(c->s);
    gnutls_credentials_set(c->s, GNUTLS_CRD_CERTIFICATE, bare ? server.bare : server.cred);
    gnutls_transport_set_ptr(c->s, c);
    gnutls_transport_set_push_function(c->s, push);
    gnutls_transport_set_pull_function(c->s, pull);
    gnutls_transport_set_pull_timeout_function(c->s, pull_timeout);
    gnutls_dtls_set_mtu(c->s, 1200);
}

static void step(struct client *c, struct cursor *in)
{
    const uint8_t how = cursor_u8(in);
    c->change = (enum change)(how % 16 % CHANGES);
    c->at = c->change == FLIPPED || c->change == CUT ? cursor_u16(in) : how >> 4;
    if (!c->s)
        begin(c, how & BARE);
    if (!c->done && gnutls_handshake(c->s) == GNUTLS_E_SUCCESS)
        c->done = true;
}

/* Takes its leave, or does so without a word; then it may begin anew. */
static void part(struct client *c)
{
    if (c->done && c->at % 2 == 0)
        gnutls_bye(c->s, GNUTLS_SHUT_WR);
    gnutls_deinit(c->s);
    c->s = NULL;
    c->done = false;
}

static void send_data(struct client *c, struct cursor *in)
{
    const size_t asked = cursor_u8(in), n = asked < cursor_left(in) ? asked : cursor_left(in);
    const uint8_t *p = cursor_take(in, n);
    if (c->s && !asked)
        part(c);
    if (!c->done || !n || server.n_sent == SENT_MAX)
        return;
    server.sent[server.n_sent++] = hash_bytes(p, n);
    (void)!gnutls_record_send(c->s, p, n);
}

/* Octets as they are, or as one record. */
static void send_octets(const struct client *c, struct cursor *in, bool record)
{
    uint8_t out[RECORD_HEADER + 256];
    const uint8_t type = record ? cursor_u8(in) : 0;
    const size_t asked = cursor_u8(in), n = asked < cursor_left(in) ? asked : cursor_left(in);
    const size_t head = record ? RECORD_HEADER : 0;
    memset(out, 0, sizeof(out));
    out[0] = (uint8_t)(20 + type % 4);
    out[1] = 0xfe;
    out[2] = 0xfd;
    out[4] = type >> 7; /* epoch */
    out[RECORD_HEADER - 1] = (uint8_t)n;
    if (n)
        memcpy(out + head, cursor_take(in, n), n);
    (void)!send(c->fd, out, head + n, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void act(struct client *clients, struct cursor *in)
{
    const unsigned what = cursor_u8(in);
    struct client *c = &clients[(what & 0x3f) % CLIENTS];
    if (what >> 6 == 0)
        send_octets(c, in, false);
    else if (what >> 6 == 1)
        step(c, in);
    else if (what >> 6 == 2)
        send_data(c, in);
    else
        send_octets(c, in, true);
    run_server();
}

static int connected(void)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(PORT) };
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    inet_pton(AF_INET, server.ip, &to.sin_addr);
    if (fd == -1 || connect(fd, (const struct sockaddr *)&to, sizeof(to)) == -1)
        abort();
    return fd;
}

static void leave(struct client *c)
{
    if (c->s)
        gnutls_deinit(c->s);
    close(c->fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct client clients[CLIENTS] = { 0 };
    struct cursor in = cursor_of(data, len);
    open_server();
    server.n_sent = 0;
    for (unsigned i = 0; i < CLIENTS; i++)
        clients[i].fd = connected();
    while (cursor_left(&in) && !in.bad)
        act(clients, &in);
    server.nobody = true;
    dtls_recheck(server.dtls);
    run_server();
    const struct tls_counts n = dtls_counts(server.dtls);
    if (n.sessions || n.half_open)
        abort();
    server.nobody = false;
    for (unsigned i = 0; i < CLIENTS; i++)
        leave(&clients[i]);
    return 0;
}
