#include "tls_pcb.h"

#include <string.h>

/* Sending */

/* Gives TCP what it has room for. */
static void send_unsent(tls_pcb *tls) {
    if (tls->tcp == NULL) {
        return;
    }
    while (tls->in_flight == 0) {
        tlsr_slice unsent;
        if (tlsr_connection_begin_send(&tls->connection, &unsent) != TLSR_OK) {
            break;
        }
        size_t room = tcp_sndbuf(tls->tcp);
        u16_t len = (u16_t)(unsent.len < room ? unsent.len : room); /* tcp_sndbuf has 16 bits */
        while (len != 0 && tcp_write(tls->tcp, unsent.data, len, tls->memory.write_flags) != ERR_OK) {
            len /= 2; /* not enough segments; if none, tried again after tcp_sent or tcp_poll */
        }
        if (len != 0 && !(tls->memory.write_flags & TCP_WRITE_FLAG_COPY)) {
            tls->in_flight = len; /* stays where it is until it is acknowledged */
            break;
        }
        tlsr_connection_sent(&tls->connection, len);
        if (len == 0) {
            break;
        }
    }
    tcp_output(tls->tcp);
}

static bool is_all_sent(tls_pcb *tls) {
    tlsr_slice unsent;
    bool has_unsent = tlsr_connection_unsent(&tls->connection, &unsent) == TLSR_OK && unsent.len != 0;
    return tls->in_flight == 0 && !has_unsent;
}

/* Receiving */

/* Tells lwIP of received bytes whose data was taken: the peer may send as many. */
static void give_window(tls_pcb *tls) {
    while (tls->unrecved != 0 && tls->tcp != NULL) {
        u16_t len = (u16_t)(tls->unrecved < 0xffff ? tls->unrecved : 0xffff);
        tcp_recved(tls->tcp, len);
        tls->unrecved -= len;
    }
}

/* Makes slices of the pbufs at the front. */
static size_t pieces_of(const tls_pcb *tls, tlsr_slice pieces[TLSR_MAX_PARTS]) {
    size_t count = 0;
    for (const struct pbuf *p = tls->received; p != NULL && count < TLSR_MAX_PARTS; p = p->next) {
        pieces[count].data = p->payload;
        pieces[count].len = p->len;
        count++;
    }
    return count;
}

/* Opens the next record into memory.opened. Its pbufs stay until it is whole. */
static tlsr_status open_record(tls_pcb *tls, tlsr_opened *opened) {
    tlsr_slice pieces[TLSR_MAX_PARTS];
    tlsr_status status;
    if (tls->gathered_len == 0) {
        size_t count = pieces_of(tls, pieces);
        status = tlsr_connection_received_into(&tls->connection, pieces, count, tls->memory.opened,
                                               tls->memory.opened_len, opened);
        if (status != TLSR_OK || opened->event != TLSR_EVENT_NEED_MORE) {
            return status;
        }
        if (opened->needed > tls->memory.opened_len) {
            return TLSR_ERR_RECORD_TOO_LONG;
        }
        if (tls->received == NULL || tls->received->tot_len < opened->needed) {
            return TLSR_OK;
        }
        /* It is there, in more pbufs than one call takes. */
        tls->gathered_at = 0;
        tls->gathered_len = opened->needed;
        pbuf_copy_partial(tls->received, tls->memory.opened, (u16_t)opened->needed, 0);
    }
    status = tlsr_connection_received(&tls->connection, tls->memory.opened + tls->gathered_at, tls->gathered_len,
                                      opened);
    if (status == TLSR_OK) {
        /* The offset is not used then: only handshake messages share a record, data is all of its own. */
        tls->gathered_at += opened->consumed;
        tls->gathered_len -= opened->consumed;
    }
    return status;
}

/* Offers the rest of the last record. Returns whether all of it was taken. */
static bool offer(tls_pcb *tls) {
    if (tls->data_len != 0 && tls->recv != NULL) {
        size_t taken = tls->recv(tls->arg, tls, tls->data, tls->data_len);
        taken = taken < tls->data_len ? taken : tls->data_len;
        tls->data += taken;
        tls->data_len -= taken;
    } else {
        tls->data_len = 0;
    }
    return tls->data_len == 0;
}

/* Drops what was not opened. */
static void discard(tls_pcb *tls) {
    if (tls->received != NULL) {
        tls->unrecved += tls->received->tot_len;
        pbuf_free(tls->received);
        tls->received = NULL;
    }
    give_window(tls);
}

/* Opens what has arrived, as long as the application takes the data. */
static tlsr_status receive(tls_pcb *tls) {
    while (offer(tls)) {
        tlsr_opened opened;
        if (tls->is_peer_closed) {
            if (tls->recv != NULL && !tls->has_told_close) {
                tls->has_told_close = true;
                tls->recv(tls->arg, tls, NULL, 0);
            }
            discard(tls);
            return TLSR_OK;
        }
        give_window(tls);
        tlsr_status status = open_record(tls, &opened);
        if (status != TLSR_OK) {
            return status;
        }
        if (opened.consumed != 0) {
            tls->received = pbuf_free_header(tls->received, (u16_t)opened.consumed);
            tls->unrecved += opened.consumed;
        }
        switch (opened.event) {
        case TLSR_EVENT_APPLICATION_DATA:
            tls->data = tls->memory.opened + opened.offset;
            tls->data_len = opened.len;
            break;
        case TLSR_EVENT_HANDSHAKE:
            /* TLS 1.2: a request to renegotiate, which is refused once, at its last piece. TLS 1.3: a ticket, and the
             * call does nothing. */
            if (opened.message_offset + opened.len == opened.message_len) {
                tlsr_connection_refuse_renegotiation(&tls->connection);
            }
            break;
        case TLSR_EVENT_CLOSED:
            tls->is_peer_closed = true;
            break;
        case TLSR_EVENT_NEED_MORE:
            if (tls->has_fin) {
                tlsr_connection_eof(&tls->connection);
                return TLSR_ERR_SOCKET_CLOSED;
            }
            return TLSR_OK;
        default: /* the engine has done what there is to do */
            break;
        }
    }
    return TLSR_OK;
}

/* Ending */

/* Ends the tls_pcb, and the tcp_pcb if there is one. Returns what a callback of lwIP has to. */
static err_t finish(tls_pcb *tls, tlsr_status why) {
    struct tcp_pcb *tcp = tls->tcp;
    err_t result = ERR_OK;
    discard(tls); /* Else tcp_close would reset the connection, and our alert might be lost. */
    if (tcp != NULL) {
        tcp_arg(tcp, NULL);
        tcp_recv(tcp, NULL);
        tcp_sent(tcp, NULL);
        tcp_err(tcp, NULL);
        tcp_poll(tcp, NULL, 0);
        /* lwIP must not send from memory that is not ours any more. */
        if (tls->in_flight != 0 || tcp_close(tcp) != ERR_OK) {
            tcp_abort(tcp);
            result = ERR_ABRT;
        }
        tls->tcp = NULL;
    }
    tlsr_end end;
    tlsr_connection_end(&tls->connection, &end);
    tlsr_connection_wipe(&tls->connection);
    if (tls->end != NULL) {
        tls->end(tls->arg, tls, why, &end);
    }
    return result;
}

/* Does what can be done after something has happened. Every way into the driver ends here. */
static err_t advance(tls_pcb *tls) {
    if (tls->failure == TLSR_OK) {
        tls->failure = receive(tls);
        if (tls->failure == TLSR_ERR_RECORD_TOO_LONG) {
            tlsr_connection_abort(&tls->connection, TLSR_ALERT_INTERNAL_ERROR);
        } else if (tls->failure == TLSR_ERR_SOCKET_CLOSED) {
            tlsr_connection_shutdown(&tls->connection); /* The peer may still read. */
        }
        if (tls->failure != TLSR_OK) {
            tls->polls = TLS_ALERT_POLLS;
        }
    }
    send_unsent(tls);
    if (tls->failure != TLSR_OK) {
        return is_all_sent(tls) || tls->polls == 0 ? finish(tls, tls->failure) : ERR_OK;
    }
    if (tls->is_closing) {
        tlsr_status status = tlsr_connection_shutdown_both(&tls->connection, tls->budget, NULL);
        bool is_waiting = status == TLSR_ERR_WOULD_BLOCK_WRITE || status == TLSR_ERR_AWAITING_PEER;
        return is_waiting && tls->polls != 0 ? ERR_OK : finish(tls, status);
    }
    return ERR_OK;
}

/* Callbacks of lwIP */

static err_t on_recv(void *arg, struct tcp_pcb *tcp, struct pbuf *p, err_t err) {
    tls_pcb *tls = arg;
    (void)tcp, (void)err;
    if (p == NULL) {
        tls->has_fin = true;
    } else if (tls->received == NULL) {
        tls->received = p;
    } else if (p->tot_len > 0xffff - tls->received->tot_len) {
        return ERR_MEM; /* TCP_WND is longer than a chain can be: lwIP offers it again. */
    } else {
        pbuf_cat(tls->received, p);
    }
    return advance(tls);
}

static err_t on_sent(void *arg, struct tcp_pcb *tcp, u16_t len) {
    tls_pcb *tls = arg;
    (void)len;
    if (tls->in_flight != 0) {
        if (tcp_sndqueuelen(tcp) != 0) {
            return ERR_OK;
        }
        tlsr_connection_sent(&tls->connection, tls->in_flight);
        tls->in_flight = 0;
    }
    send_unsent(tls);
    if (tls->sent != NULL && tlsr_connection_can_write(&tls->connection)) {
        tls->sent(tls->arg, tls);
    }
    return advance(tls);
}

static err_t on_poll(void *arg, struct tcp_pcb *tcp) {
    tls_pcb *tls = arg;
    (void)tcp;
    if (tls->polls != 0) {
        tls->polls--;
    }
    return advance(tls);
}

/* lwIP has freed the tcp_pcb: it was reset, or its retransmissions have failed. */
static void on_err(void *arg, err_t err) {
    tls_pcb *tls = arg;
    (void)err;
    tls->tcp = NULL;
    tlsr_connection_transport_failed(&tls->connection);
    finish(tls, tls->failure != TLSR_OK ? tls->failure : TLSR_ERR_IO);
}

/* For the application */

tlsr_status tls_init(tls_pcb *tls, struct tcp_pcb *tcp, tlsr_layer *layer, const tls_memory *memory,
                     struct pbuf *rest) {
    memset(tls, 0, sizeof *tls);
    tlsr_status status = tlsr_connection_from_layer(&tls->connection, sizeof tls->connection, layer, memory->sealed,
                                                    memory->sealed_len);
    if (status != TLSR_OK) {
        return status;
    }
    tls->tcp = tcp;
    tls->memory = *memory;
    tls->received = rest;
    /* The end of the stream was told to the callback of the handshake, unless data before it was refused. */
    tls->has_fin = tcp->state == CLOSE_WAIT && tcp->refused_data == NULL;
    tcp_arg(tcp, tls);
    tcp_recv(tcp, on_recv);
    tcp_sent(tcp, on_sent);
    tcp_err(tcp, on_err);
    tcp_poll(tcp, on_poll, 1);
    tcp_nagle_disable(tcp); /* A record is not worth more for waiting. */
    return TLSR_OK;
}

void tls_arg(tls_pcb *tls, void *arg) { tls->arg = arg; }

void tls_recv(tls_pcb *tls, tls_recv_fn recv) { tls->recv = recv; }

void tls_sent(tls_pcb *tls, tls_sent_fn sent) { tls->sent = sent; }

void tls_end(tls_pcb *tls, tls_end_fn end) { tls->end = end; }

err_t tls_resume(tls_pcb *tls) {
    return tls->tcp != NULL ? advance(tls) : ERR_OK;
}

err_t tls_write(tls_pcb *tls, const void *data, size_t len, size_t *taken) {
    if (tls->tcp == NULL) {
        *taken = 0;
        return ERR_CONN;
    }
    tlsr_status status = tlsr_connection_write(&tls->connection, data, len, taken);
    send_unsent(tls);
    switch (status) {
    case TLSR_OK:
        return ERR_OK;
    case TLSR_ERR_NO_SPACE:
        *taken = 0;
        return ERR_MEM;
    case TLSR_ERR_CONNECTION_CLOSED:
        *taken = 0;
        return ERR_CLSD;
    default:
        *taken = 0;
        return ERR_CONN;
    }
}

void tls_shutdown(tls_pcb *tls) {
    tlsr_connection_shutdown(&tls->connection);
    send_unsent(tls);
}

void tls_close(tls_pcb *tls, u32_t budget, u16_t polls) {
    tls->is_closing = true;
    tls->budget = budget;
    tls->polls = polls;
    tlsr_connection_shutdown_both(&tls->connection, budget, NULL);
    send_unsent(tls);
}
