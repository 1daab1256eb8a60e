#include "echo.h"

/* A record of ECHO_RECORD bytes of content, and what is around it. */
#define RECORD_LEN (ECHO_RECORD + 70)

typedef struct session {
    tls_pcb tls;
    bool is_used;
    uint8_t sealed[RECORD_LEN];
    uint8_t opened[RECORD_LEN];
} session;

static session sessions[ECHO_SESSIONS];

/* What cannot be sent now is not taken: it is offered again when there is room. Until then the client is slowed down. */
static size_t on_data(void *arg, tls_pcb *tls, const uint8_t *data, size_t len) {
    size_t taken;
    (void)arg;
    if (len == 0) {
        tls_close(tls, 0, 20);
        return 0;
    }
    switch (tls_write(tls, data, len, &taken)) {
    case ERR_OK:
    case ERR_MEM:
        return taken;
    default: /* closed or failed: on_end follows */
        return len;
    }
}

static void on_end(void *arg, tls_pcb *tls, tlsr_status why, const tlsr_end *end) {
    session *s = arg;
    (void)tls, (void)why, (void)end;
    s->is_used = false;
}

err_t echo_serve(struct tcp_pcb *tcp, tlsr_layer *layer, struct pbuf *rest) {
    for (session *s = sessions; s != sessions + ECHO_SESSIONS; s++) {
        tls_memory memory = {s->sealed, sizeof s->sealed, s->opened, sizeof s->opened, TCP_WRITE_FLAG_COPY};
        if (!s->is_used && tls_init(&s->tls, tcp, layer, &memory, rest) == TLSR_OK) {
            s->is_used = true;
            tls_arg(&s->tls, s);
            tls_recv(&s->tls, on_data);
            tls_end(&s->tls, on_end);
            return tls_resume(&s->tls);
        }
    }
    return ERR_MEM;
}

unsigned echo_sessions(void) {
    unsigned count = 0;
    for (const session *s = sessions; s != sessions + ECHO_SESSIONS; s++) {
        count += s->is_used;
    }
    return count;
}
