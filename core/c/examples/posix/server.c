/*
 * server PORT CERTIFICATE KEY: an echo server with the handshake of OpenSSL and the records of tls-record. It serves
 * one client after another on 127.0.0.1, and prints how each connection ended.
 */
#define _POSIX_C_SOURCE 200809L
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "takeover.h"

static int listen_on(const char *port) {
    struct sockaddr_in address;
    socklen_t len = sizeof address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons((uint16_t)strtoul(port, NULL, 10));
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        bind(fd, (struct sockaddr *)&address, len) != 0 || listen(fd, 8) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0) {
        return -1;
    }
    printf("listening on 127.0.0.1:%u\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

/* How long a client may be silent, because the others wait for it to end. */
#define IDLE_MILLISECONDS 60000

static void serve(SSL_CTX *context, int fd) {
    static stream s;
    SSL *ssl = SSL_new(context);
    SSL_set_accept_state(ssl);
    if (takeover(ssl, fd, &s) != 0) {
        return;
    }
    static char data[16384];
    ptrdiff_t received = 0;
    for (bool is_open = true; is_open;) {
        received = stream_read(&s, data, sizeof data);
        is_open = received > 0 || (received == STREAM_AGAIN && stream_wait(&s, true, IDLE_MILLISECONDS));
        for (ptrdiff_t sent = 0; is_open && sent < received;) {
            ptrdiff_t taken = stream_write(&s, data + sent, (size_t)(received - sent));
            is_open = taken >= 0 || (taken == STREAM_AGAIN && stream_wait(&s, false, IDLE_MILLISECONDS));
            sent += taken > 0 ? taken : 0;
        }
    }
    stream_print_end(&s, "server");
    stream_close(&s, 2000);
}

int main(int argc, char **argv) {
    if (argc != 4 || strcmp(argv[1], "--help") == 0) {
        fprintf(stderr, "usage: server PORT CERTIFICATE KEY\n  port 0: any, which is printed\n");
        return 2;
    }
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    if (context == NULL || SSL_CTX_use_certificate_chain_file(context, argv[2]) != 1 ||
        SSL_CTX_use_PrivateKey_file(context, argv[3], SSL_FILETYPE_PEM) != 1) {
        fprintf(stderr, "server: cannot read %s and %s\n", argv[2], argv[3]);
        return 1;
    }
    takeover_prepare(context);
    int listener = listen_on(argv[1]);
    if (listener < 0) {
        perror("server");
        return 1;
    }
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd >= 0) {
            serve(context, fd);
        }
    }
}
