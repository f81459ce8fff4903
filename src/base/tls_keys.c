/* SPDX-License-Identifier: BSD-2-Clause */
/* Certificates, keys and authorities out of a folder; what is said of those who are refused. tls.c and dtls.c
 * call it. */
#include "base/tls_impl.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Nothing older than TLS 1.2; no tickets: each session shows its certificate. */
#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:%SERVER_PRECEDENCE"
#define DTLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-DTLS1.2:%SERVER_PRECEDENCE"

/* ---- keys */

enum { FILE_KEY, FILE_CERT, FILE_CA, FILE_CRL, FILES };
static const char *const file_names[FILES] = { "key.pem", "cert.pem", "ca-certificates.crt", "crl.pem" };

static int load_pair(gnutls_certificate_credentials_t cred, char file[FILES][PATH_MAX], struct err *e)
{
    for (unsigned i = FILE_KEY; i <= FILE_CA; i++)
        if (access(file[i], R_OK) == -1)
            return err_sys(e, "cannot read %s", file[i]);
    const int code =
        gnutls_certificate_set_x509_key_file(cred, file[FILE_CERT], file[FILE_KEY], GNUTLS_X509_FMT_PEM);
    if (code < 0)
        return err_set(e, ERR_CONFIG, "%s and %s are no certificate and its key: %s", file[FILE_CERT],
                       file[FILE_KEY], gnutls_strerror(code));
    return 0;
}

static int load_authorities(gnutls_certificate_credentials_t cred, char file[FILES][PATH_MAX], struct err *e)
{
    int n = gnutls_certificate_set_x509_trust_file(cred, file[FILE_CA], GNUTLS_X509_FMT_PEM);
    if (n <= 0)
        return err_set(e, ERR_CONFIG, "%s has no certificate of an authority: %s", file[FILE_CA],
                       n < 0 ? gnutls_strerror(n) : "it is empty");
    if (access(file[FILE_CRL], F_OK) == -1)
        return 0;
    n = gnutls_certificate_set_x509_crl_file(cred, file[FILE_CRL], GNUTLS_X509_FMT_PEM);
    if (n <= 0)
        return err_set(e, ERR_CONFIG, "%s is no list of certificates that were taken back: %s",
                       file[FILE_CRL], n < 0 ? gnutls_strerror(n) : "it is empty");
    return 0;
}

struct tls_keys *tls_keys_load(const char *path, struct err *e)
{
    char file[FILES][PATH_MAX];
    struct tls_keys *k = calloc(1, sizeof(*k));
    if (!k || gnutls_certificate_allocate_credentials(&k->cred) < 0) {
        free(k);
        err_set(e, ERR_SYS, "no memory for certificates");
        return NULL;
    }
    k->users = 1;
    for (unsigned i = 0; i < FILES; i++)
        snprintf(file[i], sizeof(file[i]), "%s/%s", path, file_names[i]);
    if (load_pair(k->cred, file, e) == 0 && load_authorities(k->cred, file, e) == 0)
        return k;
    tls_keys_put(k);
    return NULL;
}

struct tls_keys *tls_keys_get(struct tls_keys *k)
{
    k->users++;
    return k;
}

void tls_keys_put(struct tls_keys *k)
{
    if (!k || --k->users)
        return;
    gnutls_certificate_free_credentials(k->cred);
    free(k);
}

void tls_keys_reload(struct tls_keys **k, const struct tls_conf *c, const char *protocol)
{
    struct err e;
    struct tls_keys *now = tls_keys_load(c->path, &e);
    if (!now) {
        log_warn(c->log, "%s over %s: %s; the certificate that was there stays", c->what, protocol, e.text);
        return;
    }
    tls_keys_put(*k);
    *k = now;
    log_info(c->log, "%s over %s: certificates of %s loaded", c->what, protocol, c->path);
}

gnutls_session_t tls_session_new(const struct tls_keys *k, bool datagrams)
{
    gnutls_session_t s;
    const unsigned flags = GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_TICKETS | GNUTLS_NO_SIGNAL;
    if (gnutls_init(&s, flags | (datagrams ? GNUTLS_DATAGRAM : 0)) < 0)
        return NULL;
    if (gnutls_priority_set_direct(s, datagrams ? DTLS_PRIORITIES : TLS_PRIORITIES, NULL) < 0 ||
        gnutls_credentials_set(s, GNUTLS_CRD_CERTIFICATE, k->cred) < 0) {
        gnutls_deinit(s);
        return NULL;
    }
    gnutls_certificate_server_set_request(s, GNUTLS_CERT_REQUIRE);
    gnutls_session_set_verify_cert(s, NULL, 0);
    return s;
}

/* ---- who is refused */

enum tls_why tls_why_of(int code)
{
    switch (code) {
    case GNUTLS_E_NO_CERTIFICATE_FOUND:
    case GNUTLS_E_CERTIFICATE_REQUIRED:
        return TLS_NO_CERTIFICATE;
    case GNUTLS_E_CERTIFICATE_ERROR:
    case GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR:
        return TLS_BAD_CERTIFICATE;
    default:
        return TLS_FAULT;
    }
}

static uint64_t *counter_of(struct tls_counts *n, enum tls_why why)
{
    uint64_t *const of[TLS_WHYS] = { [TLS_NO_CERTIFICATE] = &n->no_certificate,
                                     [TLS_BAD_CERTIFICATE] = &n->bad_certificate,
                                     [TLS_FAULT] = &n->faults,
                                     [TLS_LATE] = &n->late,
                                     [TLS_PUSHED] = &n->pushed };
    return of[why];
}

/* What is wrong with a certificate, in GnuTLS' words. */
static void say_verdict(gnutls_session_t s, char *to, size_t size)
{
    gnutls_datum_t text;
    *to = '\0';
    if (!s || gnutls_certificate_verification_status_print(gnutls_session_get_verify_cert_status(s),
                                                           GNUTLS_CRT_X509, &text, 0) < 0)
        return;
    snprintf(to, size, "%s", (const char *)text.data);
    gnutls_free(text.data);
    for (size_t n = strlen(to); n && to[n - 1] == ' '; n--)
        to[n - 1] = '\0';
}

void tls_refuse(struct tls_report *r, enum tls_why why, int code, gnutls_session_t s, const struct addr *from,
                uint16_t port)
{
    char who[ADDR_TEXT], text[256];
    static const char *const words[TLS_WHYS] = {
        [TLS_NO_CERTIFICATE] = "it shows no certificate",
        [TLS_LATE] = "the handshake took too long",
        [TLS_PUSHED] = "too many handshakes at a time: the oldest had to go",
    };
    (*counter_of(&r->counts, why))++;
    if (why == TLS_BAD_CERTIFICATE)
        say_verdict(s, text, sizeof(text));
    else if (why == TLS_FAULT && code == GNUTLS_E_FATAL_ALERT_RECEIVED && s)
        snprintf(text, sizeof(text), "it says: %s", gnutls_alert_get_name(gnutls_alert_get(s)));
    else
        snprintf(text, sizeof(text), "%s", why == TLS_FAULT ? gnutls_strerror(code) : words[why]);
    log_limited(r->c->log, &r->say[why], LOG_LV_WARN, "[%s]:%u %s over %s refused: %s", addr_str(from, who),
                port, r->c->what, r->protocol, text);
}

void tls_welcome(struct tls_report *r, gnutls_session_t s, const struct addr *from, uint16_t port)
{
    char who[ADDR_TEXT], name[256] = "";
    size_t len = sizeof(name);
    unsigned n = 0;
    gnutls_x509_crt_t crt;
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(s, &n);
    r->counts.done++;
    if (chain && n && gnutls_x509_crt_init(&crt) == 0) {
        if (gnutls_x509_crt_import(crt, &chain[0], GNUTLS_X509_FMT_DER) < 0 ||
            gnutls_x509_crt_get_dn(crt, name, &len) < 0)
            *name = '\0';
        gnutls_x509_crt_deinit(crt);
    }
    log_info(r->c->log, "[%s]:%u %s over %s: certificate of %s", addr_str(from, who), port, r->c->what,
             gnutls_protocol_get_name(gnutls_protocol_get_version(s)), name);
}

void tls_report_stats(const struct tls_report *r, unsigned sessions, unsigned half_open)
{
    const struct tls_counts *n = &r->counts;
    log_notice(r->c->log,
               "stats [%s] %s sessions=%u half_open=%u handshakes=%" PRIu64 " done=%" PRIu64
               " no_certificate=%" PRIu64 " bad_certificate=%" PRIu64 " faults=%" PRIu64 " late=%" PRIu64
               " pushed_out=%" PRIu64,
               r->c->where, r->protocol, sessions, half_open, n->begun, n->done, n->no_certificate,
               n->bad_certificate, n->faults, n->late, n->pushed);
}
