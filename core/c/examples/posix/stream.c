#define _POSIX_C_SOURCE 200809L
#include "stream.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int stream_init(stream *s, tlsr_layer *layer, int socket, const uint8_t *rest, size_t rest_len) {
    tlsr_slice_mut room;
    memset(s, 0, sizeof *s);
    s->socket = socket;
    if (fcntl(socket, F_SETFL, fcntl(socket, F_GETFL) | O_NONBLOCK) != 0 ||
        tlsr_connection_from_layer(&s->connection, sizeof s->connection, layer, s->records, sizeof s->records) !=
            TLSR_OK ||
        tlsr_buffer_init(&s->buffer, sizeof s->buffer, s->received, sizeof s->received) != TLSR_OK ||
        tlsr_buffer_room(&s->buffer, &room) != TLSR_OK || room.len < rest_len) {
        tlsr_connection_wipe(&s->connection);
        tlsr_layer_wipe(layer);
        return -1;
    }
    if (rest_len != 0) { /* then `rest` may be null */
        memcpy(room.data, rest, rest_len);
    }
    tlsr_buffer_received(&s->buffer, rest_len);
    return 0;
}

static bool would_block(void) { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

/* Gives the transport what it takes of the sealed records. */
static void send_unsent(stream *s) {
    tlsr_slice unsent;
    while (!s->has_send_failed && tlsr_connection_unsent(&s->connection, &unsent) == TLSR_OK && unsent.len != 0) {
        ssize_t sent = send(s->socket, unsent.data, unsent.len, MSG_NOSIGNAL);
        if (sent >= 0) {
            tlsr_connection_sent(&s->connection, (size_t)sent);
        } else if (would_block()) {
            return;
        } else {
            /* The connection is not told: what has arrived before a reset is received and opened. */
            s->has_send_failed = true;
        }
    }
}

/* Receives what there is room for. */
static void receive(stream *s) {
    tlsr_slice_mut room;
    if (tlsr_buffer_room(&s->buffer, &room) != TLSR_OK) {
        return;
    }
    ssize_t received = recv(s->socket, room.data, room.len, 0);
    if (received > 0) {
        tlsr_buffer_received(&s->buffer, (size_t)received);
    } else if (received == 0) {
        tlsr_connection_eof(&s->connection);
        s->is_ended = true;
    } else if (!would_block()) {
        tlsr_connection_transport_failed(&s->connection);
        s->is_ended = true;
    }
}

/* Whether there are records that the transport will take. */
static bool has_unsent(stream *s) {
    tlsr_slice unsent;
    return !s->has_send_failed && tlsr_connection_unsent(&s->connection, &unsent) == TLSR_OK && unsent.len != 0;
}

short stream_events(stream *s) { return has_unsent(s) ? POLLOUT : 0; }

void stream_move(stream *s, short revents) {
    if (revents & (POLLIN | POLLHUP | POLLERR)) {
        receive(s);
    }
    send_unsent(s);
}

bool stream_wait(stream *s, bool wants_input, int milliseconds) {
    struct pollfd ready = {.fd = s->socket, .events = stream_events(s)};
    ready.events = (short)(ready.events | (wants_input ? POLLIN : 0));
    if (ready.events == 0) {
        return true;
    }
    if (poll(&ready, 1, milliseconds) == 0) {
        return false;
    }
    stream_move(s, wants_input ? ready.revents : (short)(ready.revents & POLLOUT));
    return true;
}

/* Opens the next record. Returns false if it has not arrived, or the connection has ended. */
static bool open_next(stream *s) {
    tlsr_slice_mut filled;
    tlsr_buffer_consume(&s->buffer, &s->opened);
    tlsr_buffer_filled(&s->buffer, &filled);
    tlsr_status status = tlsr_connection_received(&s->connection, filled.data, filled.len, &s->opened);
    /* An alert or the answer to a KeyUpdate may be due, whatever the status is. */
    send_unsent(s);
    if (status != TLSR_OK) {
        memset(&s->opened, 0, sizeof s->opened);
        s->is_ended = true;
        return false;
    }
    if (s->opened.event == TLSR_EVENT_CLOSED) {
        s->is_ended = true;
    }
    if (s->opened.event == TLSR_EVENT_NEED_MORE) {
        tlsr_buffer_consume(&s->buffer, &s->opened);
        memset(&s->opened, 0, sizeof s->opened);
        return false;
    }
    return !s->is_ended;
}

ptrdiff_t stream_read(stream *s, void *data, size_t len) {
    while (s->opened.event != TLSR_EVENT_APPLICATION_DATA || s->opened.len == 0) {
        if (open_next(s)) {
            continue;
        }
        if (!s->is_ended) {
            return STREAM_AGAIN;
        }
        tlsr_end end;
        tlsr_connection_end(&s->connection, &end);
        return end.read == TLSR_READ_CLOSED ? 0 : -1;
    }
    tlsr_slice_mut filled;
    tlsr_buffer_filled(&s->buffer, &filled);
    size_t now = s->opened.len < len ? s->opened.len : len;
    memcpy(data, filled.data + s->opened.offset, now);
    s->opened.offset += now;
    s->opened.len -= now;
    return (ptrdiff_t)now;
}

ptrdiff_t stream_write(stream *s, const void *data, size_t len) {
    if (s->has_send_failed) {
        return -1;
    }
    size_t taken;
    tlsr_status status = tlsr_connection_write(&s->connection, data, len, &taken);
    send_unsent(s);
    if (status == TLSR_ERR_NO_SPACE) {
        if (has_unsent(s)) {
            return STREAM_AGAIN;
        }
        /* All was sent: there is room, and nothing to wait for. */
        status = tlsr_connection_write(&s->connection, data, len, &taken);
        send_unsent(s);
    }
    return status == TLSR_OK ? (ptrdiff_t)taken : -1;
}

int stream_shutdown(stream *s) {
    if (tlsr_connection_shutdown(&s->connection) == TLSR_ERR_WOULD_BLOCK_WRITE) {
        send_unsent(s);
    }
    switch (tlsr_connection_shutdown(&s->connection)) {
    case TLSR_OK:
    case TLSR_ERR_CONNECTION_CLOSED:
        return 0;
    case TLSR_ERR_WOULD_BLOCK_WRITE:
        return s->has_send_failed ? -1 : STREAM_AGAIN;
    default:
        return -1;
    }
}

static long long now_in_milliseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int stream_close(stream *s, int milliseconds) {
    long long deadline = now_in_milliseconds() + milliseconds;
    tlsr_status status;
    for (;;) {
        status = tlsr_connection_shutdown_both(&s->connection, 1 << 20, NULL);
        send_unsent(s);
        if (status == TLSR_ERR_WOULD_BLOCK_WRITE && !has_unsent(s)) {
            /* All was sent: that may have been the last thing to wait for. */
            status = tlsr_connection_shutdown_both(&s->connection, 1 << 20, NULL);
        }
        if ((status != TLSR_ERR_WOULD_BLOCK_WRITE && status != TLSR_ERR_AWAITING_PEER) || s->has_send_failed) {
            break;
        }
        while (!s->is_ended && open_next(s)) {
        }
        long long left = deadline - now_in_milliseconds();
        if (left <= 0 || !stream_wait(s, !s->is_ended, (int)left)) {
            break;
        }
    }
    /* A socket that is closed with input unread is reset, which may destroy our alert on its way. */
    shutdown(s->socket, SHUT_WR);
    uint8_t rest[512];
    struct pollfd ready = {.fd = s->socket, .events = POLLIN};
    long long left;
    while ((left = deadline - now_in_milliseconds()) > 0 && poll(&ready, 1, (int)left) > 0 &&
           recv(s->socket, rest, sizeof rest, 0) > 0) {
    }
    close(s->socket);
    tlsr_connection_wipe(&s->connection);
    return status == TLSR_OK ? 0 : -1;
}

void stream_print_end(stream *s, const char *name) {
    static const char *const read[] = {"open", "closed", "truncated", "fatal alert", "fault", "handed over"};
    static const char *const write[] = {"open",       "closing", "closed",     "alert queued",
                                        "alert sent", "failed",  "handed over"};
    tlsr_end end;
    if (tlsr_connection_end(&s->connection, &end) != TLSR_OK) {
        return;
    }
    fprintf(stderr, "%s: received: %s", name, read[end.read]);
    if (end.read == TLSR_READ_FAULT) {
        fprintf(stderr, " (%s)", tlsr_fault_text(end.fault));
    } else if (end.read == TLSR_READ_PEER_ALERT) {
        fprintf(stderr, " (%s)", tlsr_alert_text(end.read_alert));
    }
    fprintf(stderr, "; sent: %s\n", s->has_send_failed ? "failed" : write[end.write]);
}
