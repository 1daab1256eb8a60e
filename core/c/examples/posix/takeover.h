/* The handshake of OpenSSL, and the record layer that takes its connection over. */
#ifndef TAKEOVER_H
#define TAKEOVER_H

#include <openssl/ssl.h>

#include "stream.h"

/* To be set before the first handshake of this context. OpenSSL reports its secrets then. */
void takeover_prepare(SSL_CTX *context);

/* How long the handshake waits for bytes of the peer, and for room to send, each time. */
#ifndef TAKEOVER_SECONDS
#define TAKEOVER_SECONDS 5
#endif

/* Runs the handshake of `ssl`, a client's or a server's as SSL_set_connect_state or SSL_set_accept_state have said,
 * over a connected socket that blocks. Makes a stream of it, and frees `ssl`. Returns 0, or -1 after it has printed
 * why, and closed the socket. */
int takeover(SSL *ssl, int socket, stream *s);

#endif
