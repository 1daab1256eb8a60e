/* An echo server over tls_pcb. */
#ifndef ECHO_H
#define ECHO_H

#include "tls_pcb.h"

#define ECHO_SESSIONS 2

/* Most bytes of a record in either direction. A client that sends longer ones has to be told so by a
 * record_size_limit (RFC 8449). */
#ifndef ECHO_RECORD
#define ECHO_RECORD 4096
#endif

/* Serves a connection whose handshake has ended: see tls_init. ERR_MEM if there are too many; ERR_ABRT: see tls_resume. */
err_t echo_serve(struct tcp_pcb *tcp, tlsr_layer *layer, struct pbuf *rest);

/* Returns how many connections are being served. */
unsigned echo_sessions(void);

#endif
