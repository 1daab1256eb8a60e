/* BearSSL's engine without a handshake: its keys are installed as br_ssl_engine_switch_gcm_in and _out do. */
#include "tls.h"

#include <bearssl.h>
#include <string.h>

static struct end {
    br_ssl_client_context context; /* the engine is its first member */
    uint8_t input[INPUT], output[OUTPUT];
} client, server;

#ifdef CIPHER
#define BLOCKS (&br_aes_ct_ctr_vtable)
#define GHASH br_ghash_ctmul32
#else
/* A cipher that protects nothing. */
static void init_null(const br_block_ctr_class **context, const void *key, size_t len);
static uint32_t run_null(const br_block_ctr_class *const *context, const void *iv, uint32_t counter, void *data,
                         size_t len) {
    (void)context, (void)iv, (void)data, (void)len;
    return counter;
}
static const br_block_ctr_class null = {sizeof(br_block_ctr_class *), 16, 4, init_null, run_null};
static void init_null(const br_block_ctr_class **context, const void *key, size_t len) {
    (void)key, (void)len;
    *context = &null;
}
static void ghash_null(void *y, const void *h, const void *data, size_t len) {
    (void)y, (void)h, (void)data, (void)len;
}
#define BLOCKS (&null)
#define GHASH ghash_null
#endif

/* The bytecode of the handshake has alerts and closing, too. It is linked, and not run: it would begin a handshake. */
#ifdef CLOSING
void br_ssl_hs_client_init_main(void *context);
void br_ssl_hs_client_run(void *context);
static void (*volatile linked[])(void *) = {br_ssl_hs_client_init_main, br_ssl_hs_client_run};
#endif
static void no_handshake(void *context) { (void)context; }

static void init(struct end *end, int number) {
    static const uint8_t key[2][16] = {{1}, {2}};
    br_ssl_engine_context *engine = &end->context.eng;
    size_t len;
    memset(&end->context, 0, sizeof end->context);
    br_ssl_engine_set_buffers_bidi(engine, end->input, INPUT, end->output, OUTPUT);
#ifdef CLOSING
    (void)linked[0];
#endif
    engine->hsrun = no_handshake;
    engine->version_in = engine->version_out = BR_TLS12;
    engine->record_type_out = 23; /* application data */
    engine->application_data = 1;
    /* A record in plaintext. When it is sent, the buffer is made ready for the new keys. */
    uint8_t *place = br_ssl_engine_sendapp_buf(engine, &len);
    *place = 0;
    br_ssl_engine_sendapp_ack(engine, 1);
    br_ssl_engine_flush(engine, 0);
    br_ssl_engine_sendrec_buf(engine, &len);
    br_sslrec_out_gcm_vtable.init((const br_sslrec_out_gcm_class **)&engine->out.gcm.vtable.out, BLOCKS, key[number], 16,
                                  GHASH, key[number]);
    br_ssl_engine_sendrec_ack(engine, len);
    br_sslrec_in_gcm_vtable.init((const br_sslrec_in_gcm_class **)&engine->in.gcm.vtable.in, BLOCKS, key[1 - number], 16,
                                 GHASH, key[1 - number]);
    engine->incrypt = 1;
}

void tls_init(void) {
    init(&client, 0);
    init(&server, 1);
}

size_t tls_write(const uint8_t *data, size_t len, uint8_t *wire) {
    br_ssl_engine_context *engine = &client.context.eng;
    size_t room;
    memcpy(br_ssl_engine_sendapp_buf(engine, &room), data, len);
    br_ssl_engine_sendapp_ack(engine, len);
    br_ssl_engine_flush(engine, 0);
    uint8_t *record = br_ssl_engine_sendrec_buf(engine, &room);
    memcpy(wire, record, room);
    br_ssl_engine_sendrec_ack(engine, room);
    return room;
}

size_t tls_read(const uint8_t *wire, size_t len, uint8_t *data) {
    br_ssl_engine_context *engine = &server.context.eng;
    size_t room;
    /* First the header, and then the rest. */
    while (len != 0) {
        uint8_t *place = br_ssl_engine_recvrec_buf(engine, &room);
        if (place == NULL)
            return 0;
        if (room > len)
            room = len;
        memcpy(place, wire, room);
        br_ssl_engine_recvrec_ack(engine, room);
        wire += room;
        len -= room;
    }
    uint8_t *content = br_ssl_engine_recvapp_buf(engine, &room);
    if (content == NULL)
        return 0;
    memcpy(data, content, room);
    br_ssl_engine_recvapp_ack(engine, room);
    return room;
}

void tls_close(void) { br_ssl_engine_close(&client.context.eng); }
