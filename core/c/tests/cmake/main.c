/* A program of somebody else: seals a record and opens it. */
#include <stdio.h>
#include <string.h>

#include <tls_record.h>

static int make(tlsr_layer *layer, uint8_t role) {
    static const uint8_t bytes[2][32] = {{1}, {2}};
    tlsr_secret secrets[2] = {{0}, {0}};
    for (int i = 0; i < 2; i++) {
        secrets[i].suite = 0x1301;
        secrets[i].secret = bytes[i];
        secrets[i].secret_len = sizeof bytes[i];
    }
    tlsr_config config;
    return tlsr_config_init(&config, role) == TLSR_OK &&
           tlsr_layer_init(layer, sizeof *layer, &config) == TLSR_OK &&
           tlsr_layer_install(layer, TLSR_EPOCH_APPLICATION, &secrets[0], &secrets[1]) == TLSR_OK;
}

int main(void) {
    tlsr_layer client, server;
    uint8_t record[64];
    tlsr_sealed sealed;
    tlsr_opened opened;
    if (tlsr_version() != TLSR_VERSION || !make(&client, TLSR_CLIENT) || !make(&server, TLSR_SERVER) ||
        tlsr_layer_seal(&client, (const uint8_t *)"hello", 5, record, sizeof record, &sealed) != TLSR_OK ||
        tlsr_layer_open(&server, record, sealed.written, &opened) != TLSR_OK ||
        opened.len != 5 || memcmp(record + opened.offset, "hello", 5) != 0) {
        puts("failed");
        return 1;
    }
    tlsr_layer_wipe(&client);
    tlsr_layer_wipe(&server);
    puts("passed");
    return 0;
}
