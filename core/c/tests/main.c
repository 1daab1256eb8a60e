/* Runs the tests of the C API: every function, and every status that the header promises. */
#include "check.h"

static const uint8_t client_bytes[32] = {1}, server_bytes[32] = {2};
const tlsr_secret client_secret = {client_bytes, sizeof client_bytes, NULL, 0, NULL, 0, 0, 0x1301};
const tlsr_secret server_secret = {server_bytes, sizeof server_bytes, NULL, 0, NULL, 0, 0, 0x1301};

static const uint8_t client_iv[4] = {3}, server_iv[4] = {4};
const tlsr_secret client_key = {client_bytes, 16, client_iv, 4, NULL, 0, 0, 0xc02f};
const tlsr_secret server_key = {server_bytes, 16, server_iv, 4, NULL, 0, 0, 0xc02f};

void make_empty(tlsr_layer *layer, uint8_t role, uint16_t version) {
    tlsr_config config;
    CHECK_STATUS(TLSR_OK, tlsr_config_init(&config, role));
    config.version = version;
    CHECK_STATUS(TLSR_OK, tlsr_layer_init(layer, sizeof *layer, &config));
}

void make_layers(tlsr_layer *client, tlsr_layer *server) {
    make_empty(client, TLSR_CLIENT, 0);
    CHECK_STATUS(TLSR_OK,
                 tlsr_layer_install(client, TLSR_EPOCH_APPLICATION, &client_secret, &server_secret));
    make_empty(server, TLSR_SERVER, 0);
    CHECK_STATUS(TLSR_OK,
                 tlsr_layer_install(server, TLSR_EPOCH_APPLICATION, &client_secret, &server_secret));
}

void receive(tlsr_layer *layer, uint8_t *records, size_t len, uint8_t event, uint8_t detail) {
    tlsr_opened opened = {0, 0, 0, 0, 0, 0, 0, 0};
    for (size_t done = 0; done < len; done += opened.consumed) {
        CHECK_STATUS(TLSR_OK, tlsr_layer_open(layer, records + done, len - done, &opened));
        CHECK(opened.consumed != 0);
    }
    CHECK(opened.event == event && opened.detail == detail);
}

int main(void) {
    static const struct {
        const char *name;
        void (*run)(void);
    } tests[] = {
        {"text", test_text},
        {"layer", test_layer},
        {"halves", test_halves},
        {"connection", test_connection},
        {"writer", test_writer},
        {"buffer", test_buffer},
        {"long_records", test_long_records},
        {"key_store", test_key_store},
        {"handover", test_handover},
        {"gsk", test_gsk},
    };
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        tests[i].run();
        printf("%s: passed\n", tests[i].name);
    }
    return 0;
}
