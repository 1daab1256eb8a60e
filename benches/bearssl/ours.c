#include "tls.h"

#include <string.h>
#include <tls_record.h>

static struct end {
    tlsr_connection connection;
    tlsr_buffer buffer;
    uint8_t input[INPUT], output[OUTPUT];
} client, server;

#ifndef CIPHER
/* A key store that protects nothing. */
static int32_t keys(void *context, uintptr_t secret, uint16_t suite, uintptr_t *key, uint8_t iv[12]) {
    (void)context, (void)suite;
    *key = secret;
    memset(iv, 0, 12);
    return 0;
}
static int32_t update(void *context, uintptr_t *secret, uint16_t suite) {
    (void)context, (void)secret, (void)suite;
    return 0;
}
static int32_t seal(void *context, uintptr_t key, const uint8_t nonce[12], const uint8_t *additional_data,
                    size_t additional_data_len, uint8_t *in_out, size_t len, uint8_t *tag,
                    size_t tag_len) {
    (void)context, (void)key, (void)nonce, (void)additional_data, (void)additional_data_len, (void)in_out, (void)len;
    memset(tag, 0, tag_len);
    return 0;
}
static int32_t open(void *context, uintptr_t key, const uint8_t nonce[12], const uint8_t *additional_data,
                    size_t additional_data_len, uint8_t *in_out, size_t len, const uint8_t *tag,
                    size_t tag_len) {
    (void)context, (void)key, (void)nonce, (void)additional_data, (void)additional_data_len, (void)in_out, (void)len;
    (void)tag, (void)tag_len;
    return 0;
}
static void destroy(void *context, uintptr_t number) { (void)context, (void)number; }

static const tlsr_key_store store = {NULL, keys, update, seal, open, destroy, destroy};
#endif

static tlsr_secret secret(uintptr_t number) {
    tlsr_secret secret = {0};
    secret.suite = 0xc02f;
    secret.sequence = 1; /* the Finished had number 0 */
#ifdef CIPHER
    static const uint8_t key[2][16] = {{1}, {2}};
    secret.secret = key[number];
    secret.secret_len = 16;
    secret.iv = key[number];
    secret.iv_len = 4;
#else
    secret.store = &store;
    secret.handle = number;
#endif
    return secret;
}

static void init(struct end *end, uint8_t role) {
    tlsr_config config;
    tlsr_secret of_client = secret(0), of_server = secret(1);
    tlsr_config_init(&config, role);
    tlsr_connection_init(&end->connection, sizeof end->connection, &config, end->output, sizeof end->output);
    tlsr_buffer_init(&end->buffer, sizeof end->buffer, end->input, sizeof end->input);
    tlsr_connection_install(&end->connection, TLSR_EPOCH_APPLICATION, &of_client, &of_server);
}

void tls_init(void) {
    init(&client, TLSR_CLIENT);
    init(&server, TLSR_SERVER);
}

static size_t send_unsent(uint8_t *wire) {
    tlsr_slice unsent;
    tlsr_connection_unsent(&client.connection, &unsent);
    memcpy(wire, unsent.data, unsent.len);
    tlsr_connection_sent(&client.connection, unsent.len);
    return unsent.len;
}

size_t tls_write(const uint8_t *data, size_t len, uint8_t *wire) {
    size_t taken;
    tlsr_connection_write(&client.connection, data, len, &taken);
    return send_unsent(wire);
}

size_t tls_read(const uint8_t *wire, size_t len, uint8_t *data) {
    tlsr_slice_mut bytes;
    tlsr_opened opened;
    tlsr_buffer_room(&server.buffer, &bytes);
    memcpy(bytes.data, wire, len);
    tlsr_buffer_received(&server.buffer, len);
    tlsr_buffer_filled(&server.buffer, &bytes);
    if (tlsr_connection_received(&server.connection, bytes.data, bytes.len, &opened) != TLSR_OK)
        return 0;
    memcpy(data, bytes.data + opened.offset, opened.len);
    tlsr_buffer_consume(&server.buffer, &opened);
    return opened.len;
}

void tls_close(void) {
    uint8_t wire[64];
    while (tlsr_connection_shutdown(&client.connection) == TLSR_ERR_WOULD_BLOCK_WRITE)
        send_unsent(wire);
}
