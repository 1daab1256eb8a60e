#define _POSIX_C_SOURCE 200809L
#include "takeover.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

/* A handshake in progress. `in` holds what was received; the first `given` bytes of it are a record that OpenSSL has
 * been given and the follower has not followed. */
typedef struct handshake {
    SSL *ssl;
    int socket;
    uint8_t role, peer;
    tlsr_follower follower;
    uint8_t in[TLSR_MAX_RECORD];
    size_t len, given;
} handshake;

static void key_log(const SSL *ssl, const char *line) {
    handshake *h = SSL_get_app_data(ssl);
    tlsr_follower_key_log(&h->follower, (const uint8_t *)line, strlen(line), NULL);
}

void takeover_prepare(SSL_CTX *context) { SSL_CTX_set_keylog_callback(context, key_log); }

/* Follows one whole record, in a copy. */
static tlsr_status follow(handshake *h, uint8_t sender, const uint8_t *record, size_t len) {
    static uint8_t copy[TLSR_MAX_RECORD]; /* one thread */
    memcpy(copy, record, len);
    for (size_t done = 0; done < len;) {
        tlsr_opened opened;
        tlsr_status status = tlsr_follower_follow(&h->follower, sender, copy + done, len - done, &opened);
        if (status != TLSR_OK) {
            return status;
        }
        if (opened.event == TLSR_EVENT_NEED_MORE) {
            return TLSR_ERR_MALFORMED; /* not a whole record */
        }
        done += opened.consumed;
    }
    return TLSR_OK;
}

/* The length of a record, or 0 if it is not there as a whole, or is longer than any record. */
static size_t whole_record(const uint8_t *bytes, size_t len) {
    if (len < 5) {
        return 0;
    }
    size_t record = 5 + ((size_t)bytes[3] << 8 | bytes[4]);
    return record <= len && record <= TLSR_MAX_RECORD ? record : 0;
}

/* Follows and sends the records that OpenSSL has written. */
static tlsr_status send_output(handshake *h) {
    char *output;
    long left = BIO_get_mem_data(SSL_get_wbio(h->ssl), &output);
    const uint8_t *record = (const uint8_t *)output;
    while (left > 0) {
        size_t len = whole_record(record, (size_t)left);
        if (len == 0) {
            return TLSR_ERR_MALFORMED;
        }
        tlsr_status status = follow(h, h->role, record, len);
        /* What the follower refuses, OpenSSL's own alert for instance, is sent all the same. */
        for (size_t done = 0; done < len;) {
            ssize_t sent = send(h->socket, record + done, len - done, MSG_NOSIGNAL);
            if (sent > 0) {
                done += (size_t)sent;
            } else if (sent == 0 || errno != EINTR) {
                return TLSR_ERR_IO;
            }
        }
        if (status != TLSR_OK) {
            return status;
        }
        record += len;
        left -= (long)len;
    }
    BIO_reset(SSL_get_wbio(h->ssl));
    return TLSR_OK;
}

/* Removes a record that was followed and that OpenSSL was given. */
static void remove_record(handshake *h, size_t len) {
    h->len -= len;
    h->given = 0;
    memmove(h->in, h->in + len, h->len);
}

/* Receives one record of the peer, follows it, and gives it to OpenSSL. */
static tlsr_status receive_record(handshake *h) {
    size_t len;
    while ((len = whole_record(h->in, h->len)) == 0) {
        if (h->len == sizeof h->in) {
            return TLSR_ERR_RECORD_TOO_LONG;
        }
        ssize_t received = recv(h->socket, h->in + h->len, sizeof h->in - h->len, 0);
        if (received > 0) {
            h->len += (size_t)received;
        } else if (received == 0) {
            return TLSR_ERR_SOCKET_CLOSED;
        } else if (errno != EINTR) {
            return TLSR_ERR_IO;
        }
    }
    tlsr_status status = follow(h, h->peer, h->in, len);
    /* OpenSSL sees also what the follower refuses, and has the right alert for it. */
    BIO_write(SSL_get_rbio(h->ssl), h->in, (int)len);
    if (status == TLSR_ERR_MISSING_SECRET) {
        /* A server of TLS 1.2 reports its secret only when it has read the client's Finished. */
        h->given = len;
        return TLSR_OK;
    }
    remove_record(h, len);
    return status;
}

/* Lets OpenSSL go on with what it was given, and sends its output. */
static tlsr_status advance(handshake *h, bool *is_done) {
    int done = SSL_do_handshake(h->ssl);
    int error = SSL_get_error(h->ssl, done);
    tlsr_status status = TLSR_OK;
    if (h->given != 0) {
        status = follow(h, h->peer, h->in, h->given);
        remove_record(h, h->given);
    }
    tlsr_status sent = send_output(h);
    if (done != 1 && error != SSL_ERROR_WANT_READ) {
        ERR_print_errors_fp(stderr);
        return TLSR_ERR_FAILED;
    }
    *is_done = done == 1;
    return status != TLSR_OK ? status : sent;
}

static tlsr_status run(handshake *h) {
    bool is_done = false;
    tlsr_status status = advance(h, &is_done);
    while (status == TLSR_OK && !is_done) {
        status = receive_record(h);
        tlsr_status advanced = advance(h, &is_done);
        status = status != TLSR_OK ? status : advanced;
    }
    return status;
}

/* Limits each call that receives or sends: a silent peer ends the handshake, with TLSR_ERR_IO. The socket of a stream
 * does not block, so that this does not apply to it. */
static void limit_waiting(int socket) {
    const struct timeval limit = {.tv_sec = TAKEOVER_SECONDS};
    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

int takeover(SSL *ssl, int socket, stream *s) {
    handshake h;
    memset(&h, 0, sizeof h);
    h.ssl = ssl;
    h.socket = socket;
    h.role = SSL_is_server(ssl) ? TLSR_SERVER : TLSR_CLIENT;
    h.peer = SSL_is_server(ssl) ? TLSR_CLIENT : TLSR_SERVER;
    SSL_set_app_data(ssl, &h);
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));

    limit_waiting(socket);

    tlsr_config config;
    tlsr_layer layer;
    tlsr_follower_init(&h.follower, sizeof h.follower);
    tlsr_config_init(&config, h.role);
    tlsr_status status = run(&h);
    if (status == TLSR_OK) {
        status = tlsr_follower_finish(&h.follower, &config, &layer, sizeof layer);
    }
    /* What OpenSSL would still write must not be sent: its sequence numbers are the engine's now. */
    SSL_free(ssl);
    tlsr_follower_wipe(&h.follower);
    if (status == TLSR_OK) {
        if (stream_init(s, &layer, socket, h.in, h.len) == 0) {
            return 0;
        }
        status = TLSR_ERR_FAILED;
    }
    fprintf(stderr, "handshake: %s\n", tlsr_status_text(status));
    close(socket);
    return -1;
}
