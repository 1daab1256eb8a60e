/* A TLS stream over a POSIX socket: a tlsr_connection, a tlsr_buffer, and poll(). */
#ifndef STREAM_H
#define STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "tls_record.h"

/* A socket that the peer has reset is an error of send(), not a signal. Systems without this flag have the socket
 * option SO_NOSIGPIPE, or a program ignores SIGPIPE. */
#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

typedef struct stream {
    int socket; /* does not block */
    tlsr_connection connection;
    tlsr_buffer buffer;
    tlsr_opened opened;   /* the record that stream_read returns data of */
    bool is_ended;        /* nothing more can be received: close_notify, or the end of the transport */
    bool has_send_failed; /* nothing more can be sent; what the peer has sent can still be read */
    uint8_t received[TLSR_MAX_RECORD];
    uint8_t records[TLSR_MAX_RECORD];
} stream;

/* Makes a stream of a layer and the received bytes that the handshake has left. The socket is set to not block.
 * Returns 0, or -1. The layer is wiped in either case. */
int stream_init(stream *s, tlsr_layer *layer, int socket, const uint8_t *rest, size_t rest_len);

/* Nothing has arrived, or there is no room: stream_wait, then call again. */
#define STREAM_AGAIN (-2)

/* Copies data that has arrived, and returns how many bytes; 0 if the peer has closed with a close_notify; -1 if the
 * stream was truncated or has failed, which stream_print_end tells; or STREAM_AGAIN. */
ptrdiff_t stream_read(stream *s, void *data, size_t len);

/* Seals and sends data, and returns how many bytes it has taken; -1 if the connection has ended; or STREAM_AGAIN. */
ptrdiff_t stream_write(stream *s, const void *data, size_t len);

/* What poll() is to wait for, besides POLLIN if there is to be something to read. */
short stream_events(stream *s);

/* Moves bytes from and to the socket, as far as it is ready. */
void stream_move(stream *s, short revents);

/* Waits until the socket takes unsent records, or, if `wants_input`, has bytes; then moves them. Returns at once if
 * there is nothing to wait for. Returns false after so many milliseconds; -1 are for ever. */
bool stream_wait(stream *s, bool wants_input, int milliseconds);

/* Sends a close_notify: shutdown in one step. Reading goes on. Returns 0, -1, or STREAM_AGAIN. */
int stream_shutdown(stream *s);

/* Shutdown in two steps: discards up to 1 MiB that still arrives, for at most `milliseconds`. Then closes the socket
 * and wipes the connection. Returns 0 if both sides have closed, or -1. */
int stream_close(stream *s, int milliseconds);

/* Prints how each direction ended. */
void stream_print_end(stream *s, const char *name);

#endif
