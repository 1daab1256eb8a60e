/*
 * TLS over the raw API of lwIP: a tls_pcb is to the application what a tcp_pcb is, with data in place of bytes.
 *
 * It takes a connected tcp_pcb, and the record layer of a handshake that has ended. All memory is the caller's; lwIP's
 * own pools hold the pbufs. Functions are called where those of the raw API may be: in the thread of TCP/IP, or with
 * its lock.
 *
 * A record is opened when all of its pbufs are there, and is copied once, from them into the buffer in which it is
 * decrypted. lwIP is told of received bytes (tcp_recved) only when the application has taken the data that was in them,
 * so that a slow application makes the peer slow. Therefore TCP_WND must be at least as long as a record.
 */
#ifndef TLS_PCB_H
#define TLS_PCB_H

#include <lwip/tcp.h>
#include <stdbool.h>

#include "tls_record.h"

/* How many polls of 500 ms TCP has to take the alert that ends a connection. */
#define TLS_ALERT_POLLS 10

typedef struct tls_pcb tls_pcb;

/* Data has arrived: `len` bytes. Returns how many of them the application has taken. The others are offered again: at
 * every poll, and by tls_resume. `len` is 0 if the peer has closed its direction with a close_notify: no data follows,
 * and none is missing. */
typedef size_t (*tls_recv_fn)(void *arg, tls_pcb *tls, const uint8_t *data, size_t len);

/* There is room again: see tls_write. */
typedef void (*tls_sent_fn)(void *arg, tls_pcb *tls);

/* The connection has ended, and was wiped. The tcp_pcb does not exist any more. The memory is the application's again.
 * As long as the tls_pcb is in it, tls_write returns ERR_CONN, and tls_resume, tls_shutdown and tls_close do nothing.
 *
 * TLSR_OK: both sides have closed. Other answers of tlsr_connection_shutdown_both: tls_close has waited too long
 * (TLSR_ERR_AWAITING_PEER, TLSR_ERR_WOULD_BLOCK_WRITE) or received too much (TLSR_ERR_BUDGET_SPENT).
 * TLSR_ERR_SOCKET_CLOSED: the stream was truncated. TLSR_ERR_IO: it was reset. TLSR_ERR_RECORD_TOO_LONG: longer than
 * the buffer. Else the error of tlsr_connection_received, and `end` says more. */
typedef void (*tls_end_fn)(void *arg, tls_pcb *tls, tlsr_status why, const tlsr_end *end);

/* Where records lie. */
typedef struct tls_memory {
    uint8_t *sealed; /* until TCP has taken them: the longest record that is sent, and 70 bytes more */
    size_t sealed_len;
    uint8_t *opened; /* the longest record that the peer sends: TLSR_MAX_RECORD, or less by a record_size_limit */
    size_t opened_len;
    /* TCP_WRITE_FLAG_COPY: lwIP copies what it sends, and `sealed` has room for the next record at once. 0: it sends
     * from `sealed`, where records stay until the peer has acknowledged them. This takes less memory, and makes one
     * write wait for the acknowledgement of the one before it. */
    u8_t write_flags;
} tls_memory;

/* All fields are the driver's. */
struct tls_pcb {
    tlsr_connection connection;
    struct tcp_pcb *tcp;
    void *arg;
    tls_recv_fn recv;
    tls_sent_fn sent;
    tls_end_fn end;
    tls_memory memory;
    struct pbuf *received; /* bytes that were not opened yet */
    size_t gathered_at;    /* a record in too many pbufs for one call: the rest of it, in `opened` */
    size_t gathered_len;
    const uint8_t *data; /* what the application has not taken of the last record */
    size_t data_len;
    size_t unrecved; /* received bytes that lwIP was not told of, because their data is not taken */
    u16_t in_flight; /* bytes that lwIP sends from `sealed` */
    u32_t budget;
    u16_t polls; /* until the connection is given up */
    bool is_closing;
    bool is_peer_closed;
    bool has_told_close; /* to the application */
    bool has_fin;
    tlsr_status failure; /* for which the connection ends when its alert was sent */
};

/* Makes a tls_pcb of a connected tcp_pcb, of the layer that its handshake has made, which is wiped, and of the bytes
 * that were received behind the handshake, or NULL. Calls no callback: set them, then call tls_resume. Errors are those
 * of tlsr_connection_from_layer; nothing has changed then. */
tlsr_status tls_init(tls_pcb *tls, struct tcp_pcb *tcp, tlsr_layer *layer, const tls_memory *memory,
                     struct pbuf *rest);

void tls_arg(tls_pcb *tls, void *arg);
void tls_recv(tls_pcb *tls, tls_recv_fn recv); /* NULL: data is discarded; the close is told to a later one */
void tls_sent(tls_pcb *tls, tls_sent_fn sent);
void tls_end(tls_pcb *tls, tls_end_fn end);

/* Offers the data again that the application has not taken. Not to be called from a callback of the tls_pcb. ERR_ABRT
 * if the tcp_pcb was aborted: a callback of lwIP, that of the handshake for instance, has to return it. */
err_t tls_resume(tls_pcb *tls);

/* Seals and sends data, and writes how many bytes it has taken. ERR_MEM: none, because there is no room; wait for
 * tls_sent_fn. ERR_CLSD after tls_shutdown or tls_close; ERR_CONN if the connection has failed or has ended. */
err_t tls_write(tls_pcb *tls, const void *data, size_t len, size_t *taken);

/* Closes the sending direction: shutdown in one step. Receiving goes on. */
void tls_shutdown(tls_pcb *tls);

/* Closes both directions: shutdown in two steps. Data that still arrives is offered, or discarded, as before. Gives up
 * after `polls` polls of 500 ms, or when more than `budget` bytes have arrived. tls_end_fn is called in any case, later. */
void tls_close(tls_pcb *tls, u32_t budget, u16_t polls);

#endif
