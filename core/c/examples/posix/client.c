/*
 * client HOST PORT CA_FILE: connects with the handshake of OpenSSL and the records of tls-record, sends its standard
 * input, and prints what the server sends. At the end of the input it sends a close_notify and goes on reading.
 * Succeeds if everything was sent and printed, and both sides have closed with a close_notify. An input that cannot be
 * read, or an output that cannot be written, ends the connection with a fatal alert: a close_notify would say that the
 * input was complete.
 */
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "takeover.h"

static int connect_to(const char *host, const char *port) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *first;
    if (getaddrinfo(host, port, &hints, &first) != 0) {
        return -1;
    }
    int fd = -1;
    for (struct addrinfo *at = first; at != NULL && fd < 0; at = at->ai_next) {
        fd = socket(at->ai_family, at->ai_socktype, at->ai_protocol);
        if (fd >= 0 && connect(fd, at->ai_addr, at->ai_addrlen) != 0) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(first);
    return fd;
}

/* Ends the connection after a failure on this side. */
static int give_up(stream *s, const char *what) {
    perror(what);
    tlsr_connection_abort(&s->connection, TLSR_ALERT_INTERNAL_ERROR);
    return 1;
}

/* Copies the standard input to the stream and the stream to the standard output, until the server closes. What it has
 * sent is read although sending fails. Returns 0, or 1. */
static int copy(stream *s) {
    static char input[16384], output[16384];
    size_t from = 0, to = 0;
    bool has_input = true, has_failed = false;
    for (;;) {
        ptrdiff_t received;
        while ((received = stream_read(s, output, sizeof output)) > 0) {
            if (fwrite(output, 1, (size_t)received, stdout) != (size_t)received) {
                return give_up(s, "client: output");
            }
        }
        if (fflush(stdout) != 0) {
            return give_up(s, "client: output");
        }
        if (received != STREAM_AGAIN) {
            return received != 0 || has_failed || from != to;
        }
        while (!has_failed && from < to) {
            ptrdiff_t taken = stream_write(s, input + from, to - from);
            if (taken == STREAM_AGAIN) {
                break;
            }
            has_failed = taken < 0;
            from += taken < 0 ? 0 : (size_t)taken;
        }
        if (!has_failed && !has_input && from == to) {
            has_failed = stream_shutdown(s) == -1;
        }
        struct pollfd ready[2] = {{s->socket, (short)(stream_events(s) | POLLIN), 0}, {STDIN_FILENO, POLLIN, 0}};
        bool wants_input = has_input && from == to && !has_failed;
        if (poll(ready, wants_input ? 2 : 1, -1) < 0) {
            if (errno == EINTR) {
                continue;
            }
            return give_up(s, "client: poll");
        }
        stream_move(s, ready[0].revents);
        if (wants_input && ready[1].revents != 0) {
            ssize_t len = read(STDIN_FILENO, input, sizeof input);
            if (len < 0 && errno != EINTR && errno != EAGAIN) {
                return give_up(s, "client: input");
            }
            has_input = len != 0;
            from = 0;
            to = len > 0 ? (size_t)len : 0;
        }
    }
}

int main(int argc, char **argv) {
    if (argc != 4 || strcmp(argv[1], "--help") == 0) {
        fprintf(stderr, "usage: client HOST PORT CA_FILE < input > output\n");
        return 2;
    }
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (context == NULL || SSL_CTX_load_verify_locations(context, argv[3], NULL) != 1) {
        fprintf(stderr, "client: %s: no certificates\n", argv[3]);
        return 1;
    }
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    takeover_prepare(context);
    int fd = connect_to(argv[1], argv[2]);
    if (fd < 0) {
        fprintf(stderr, "client: cannot connect to %s port %s\n", argv[1], argv[2]);
        return 1;
    }
    SSL *ssl = SSL_new(context);
    SSL_set_connect_state(ssl);
    SSL_set_tlsext_host_name(ssl, argv[1]);
    SSL_set1_host(ssl, argv[1]);
    static stream s;
    if (takeover(ssl, fd, &s) != 0) {
        return 1;
    }
    SSL_CTX_free(context);

    int failed = copy(&s);
    stream_print_end(&s, "client");
    return stream_close(&s, 2000) != 0 || failed;
}
