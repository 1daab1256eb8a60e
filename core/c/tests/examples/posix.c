/* The example over POSIX sockets, between two ends of a socket pair. openssl.sh runs its programs. */
#define _POSIX_C_SOURCE 200809L
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../check.h"
#include "takeover.h"

static stream client, server;

static void make_layer(tlsr_layer *layer, uint8_t role) {
    static const uint8_t client_bytes[32] = {1}, server_bytes[32] = {2};
    const tlsr_secret from_client = {client_bytes, 32, NULL, 0, NULL, 0, 0, 0x1301};
    const tlsr_secret from_server = {server_bytes, 32, NULL, 0, NULL, 0, 0, 0x1301};
    tlsr_config config;
    CHECK_STATUS(TLSR_OK, tlsr_config_init(&config, role));
    CHECK_STATUS(TLSR_OK, tlsr_layer_init(layer, sizeof *layer, &config));
    CHECK_STATUS(TLSR_OK, tlsr_layer_install(layer, TLSR_EPOCH_APPLICATION, &from_client, &from_server));
}

static void connect_ends(void) {
    int fds[2];
    tlsr_layer layer;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
    make_layer(&layer, TLSR_CLIENT);
    CHECK(stream_init(&client, &layer, fds[0], NULL, 0) == 0);
    make_layer(&layer, TLSR_SERVER);
    CHECK(stream_init(&server, &layer, fds[1], NULL, 0) == 0);
}

static long long milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Discards what has arrived at `s`. Returns whether it was data. */
static bool read_some(stream *s) {
    static char data[16384];
    ptrdiff_t received = stream_read(s, data, sizeof data);
    CHECK(received > 0 || received == STREAM_AGAIN);
    if (received == STREAM_AGAIN) {
        stream_wait(s, true, 0);
    }
    return received > 0;
}

/* STREAM_AGAIN means that there is something to wait for: nothing arrives that would end the wait otherwise. */
static void a_write_that_has_no_room_leaves_something_to_wait_for(void) {
    static const char data[16000];
    int again = 0;
    connect_ends();
    for (size_t written = 0; written < 3000000;) {
        ptrdiff_t taken = stream_write(&client, data, 1 + written % sizeof data);
        if (taken >= 0) {
            written += (size_t)taken;
            continue;
        }
        CHECK(taken == STREAM_AGAIN && stream_events(&client) == POLLOUT);
        again++;
        while (!stream_wait(&client, false, 0)) {
            read_some(&server);
        }
        /* The socket may take all that is unsent before the next write. */
        while (stream_events(&client) != 0) {
            read_some(&server);
            stream_move(&client, POLLOUT);
        }
        CHECK(stream_wait(&client, false, -1));
    }
    CHECK(again > 0);
    close(client.socket);
    close(server.socket);
}

/* Sending makes room within the call: the write is tried again. */
static void a_write_that_finds_room_while_it_sends_takes_data(void) {
    static const char data[16000];
    size_t taken;
    connect_ends();
    /* The connection is full, and the transport is not. */
    while (tlsr_connection_write(&client.connection, (const uint8_t *)data, sizeof data, &taken) == TLSR_OK) {
    }
    CHECK(stream_events(&client) == POLLOUT);
    CHECK(stream_write(&client, data, sizeof data) > 0);
    close(client.socket);
    close(server.socket);
}

static void closing_after_the_peer_does_not_wait(void) {
    char data[8];
    long long start = milliseconds();
    connect_ends();
    CHECK(stream_shutdown(&client) == 0);
    CHECK(stream_wait(&server, true, -1));
    CHECK(stream_read(&server, data, sizeof data) == 0);
    CHECK(shutdown(client.socket, SHUT_WR) == 0);
    CHECK(stream_close(&server, 10000) == 0);
    CHECK(stream_close(&client, 10000) == 0);
    CHECK(milliseconds() - start < 5000);
}

static void a_peer_that_does_not_close_is_given_up(void) {
    connect_ends();
    long long start = milliseconds();
    CHECK(stream_close(&client, 50) == -1);
    CHECK(milliseconds() - start >= 50);
    close(server.socket);
}

static void what_has_arrived_is_read_although_sending_fails(void) {
    char data[8];
    connect_ends();
    CHECK(stream_write(&server, "hello", 5) == 5);
    CHECK(stream_shutdown(&server) == 0);
    close(server.socket);
    /* Taken by the connection; no signal. */
    CHECK(stream_write(&client, "late", 4) == 4);
    CHECK(stream_write(&client, "late", 4) == -1);
    CHECK(stream_events(&client) == 0 && stream_wait(&client, false, -1));
    CHECK(stream_shutdown(&client) == -1);
    CHECK(stream_read(&client, data, sizeof data) == STREAM_AGAIN);
    CHECK(stream_wait(&client, true, -1));
    CHECK(stream_read(&client, data, sizeof data) == 5 && memcmp(data, "hello", 5) == 0);
    CHECK(stream_read(&client, data, sizeof data) == 0);
    CHECK(stream_close(&client, 10000) == -1);
}

static void a_stream_that_cannot_be_made_leaves_no_keys(void) {
    static uint8_t rest[TLSR_MAX_RECORD + 1];
    tlsr_layer layer;
    tlsr_end end;
    make_layer(&layer, TLSR_CLIENT);
    CHECK(stream_init(&client, &layer, -1, NULL, 0) == -1);
    CHECK_STATUS(TLSR_ERR_INVALID_HANDLE, tlsr_layer_end(&layer, &end));
    make_layer(&layer, TLSR_CLIENT);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(stream_init(&client, &layer, fd, rest, sizeof rest) == -1);
    CHECK_STATUS(TLSR_ERR_INVALID_HANDLE, tlsr_layer_end(&layer, &end));
    CHECK_STATUS(TLSR_ERR_INVALID_HANDLE, tlsr_connection_end(&client.connection, &end));
    close(fd);
}

/* Runs the handshake of a server, which has no certificate, with a client that sends its ClientHello, or nothing. */
static void serve(bool is_silent) {
    int fds[2];
    char hello[2048];
    SSL_CTX *context = SSL_CTX_new(TLS_method());
    CHECK(context != NULL && socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
    SSL *ssl = SSL_new(context);
    SSL_set_connect_state(ssl);
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    CHECK(SSL_do_handshake(ssl) != 1);
    int len = BIO_read(SSL_get_wbio(ssl), hello, sizeof hello);
    CHECK(len > 0);
    SSL_free(ssl);
    if (!is_silent) {
        CHECK(write(fds[0], hello, (size_t)len) == len);
        close(fds[0]);
    }
    takeover_prepare(context);
    ssl = SSL_new(context);
    SSL_set_accept_state(ssl);
    CHECK(takeover(ssl, fds[1], &server) == -1);
    if (is_silent) {
        close(fds[0]);
    }
    SSL_CTX_free(context);
}

static void a_client_that_is_gone_in_the_handshake_is_no_signal(void) { serve(false); }

static void a_client_that_is_silent_in_the_handshake_is_given_up(void) { serve(true); }

int main(void) {
    a_write_that_has_no_room_leaves_something_to_wait_for();
    a_write_that_finds_room_while_it_sends_takes_data();
    closing_after_the_peer_does_not_wait();
    a_peer_that_does_not_close_is_given_up();
    what_has_arrived_is_read_although_sending_fails();
    a_stream_that_cannot_be_made_leaves_no_keys();
    a_client_that_is_gone_in_the_handshake_is_no_signal();
    a_client_that_is_silent_in_the_handshake_is_given_up();
    puts("POSIX: passed");
    return 0;
}
