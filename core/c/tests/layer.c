/* tlsr_layer */
#include "check.h"

static void data_arrives_and_both_sides_close(void) {
    tlsr_layer client, server;
    make_layers(&client, &server);
    uint8_t wire[256];
    tlsr_sealed sealed;
    tlsr_opened opened;
    CHECK_STATUS(TLSR_OK, tlsr_layer_seal(&client, (const uint8_t *)"hello", 5, wire, sizeof wire, &sealed));
    CHECK(sealed.taken == 5 && sealed.written == 27);
    CHECK_STATUS(TLSR_OK, tlsr_layer_open(&server, wire, sealed.written - 1, &opened));
    CHECK(opened.event == TLSR_EVENT_NEED_MORE && opened.consumed == 0 && opened.needed == 27);
    CHECK_STATUS(TLSR_OK, tlsr_layer_open(&server, wire, sealed.written, &opened));
    CHECK(opened.event == TLSR_EVENT_APPLICATION_DATA && opened.consumed == 27);
    CHECK(opened.len == 5 && memcmp(wire + opened.offset, "hello", 5) == 0);

    tlsr_layer *ends[2] = {&client, &server};
    for (int i = 0; i < 2; i++) {
        CHECK_STATUS(TLSR_OK, tlsr_layer_close(ends[i]));
        CHECK_STATUS(TLSR_OK, tlsr_layer_poll_control(ends[i], wire, sizeof wire, &sealed));
        CHECK(sealed.written == 24);
        CHECK_STATUS(TLSR_ERR_CONNECTION_CLOSED,
                     tlsr_layer_seal(ends[i], wire, 1, wire + 100, 100, &sealed));
        CHECK_STATUS(TLSR_ERR_CONNECTION_CLOSED, tlsr_layer_close(ends[i]));
        CHECK_STATUS(TLSR_OK, tlsr_layer_open(ends[1 - i], wire, 24, &opened));
        CHECK(opened.event == TLSR_EVENT_CLOSED);
    }
    for (int i = 0; i < 2; i++) {
        tlsr_end end;
        CHECK_STATUS(TLSR_OK, tlsr_layer_end(ends[i], &end));
        CHECK(end.is_clean == 1 && end.read == TLSR_READ_CLOSED && end.write == TLSR_WRITE_CLOSED);
        CHECK_STATUS(TLSR_OK, tlsr_layer_wipe(ends[i]));
    }
}

static void memory_that_was_wiped_is_no_layer_and_has_no_keys(void) {
    tlsr_layer client, server;
    make_layers(&client, &server);
    CHECK_STATUS(TLSR_OK, tlsr_layer_wipe(&client));
    CHECK_STATUS(TLSR_ERR_INVALID_HANDLE, tlsr_layer_close(&client));
    CHECK_STATUS(TLSR_ERR_INVALID_HANDLE, tlsr_layer_wipe(&client));
    for (size_t i = 0; i < sizeof client; i++) {
        CHECK(client.opaque[i] == 0);
    }
}

static void parts_go_into_one_record(void) {
    tlsr_layer client, server;
    make_layers(&client, &server);
    uint8_t wire[64] = {0};
    const tlsr_slice parts[3] = {{(const uint8_t *)"one ", 4}, {NULL, 0}, {(const uint8_t *)"record", 6}};
    tlsr_sealed sealed;
    tlsr_opened opened;
    CHECK_STATUS(TLSR_ERR_NO_SPACE, tlsr_layer_seal_parts(&client, parts, 3, wire, 31, &sealed));
    CHECK(sealed.needed == 32 && sealed.taken == 0 && sealed.written == 0);
    CHECK_STATUS(TLSR_OK, tlsr_layer_seal_parts(&client, parts, 3, wire, sizeof wire, &sealed));
    CHECK(sealed.taken == 10 && sealed.written == 32);
    CHECK_STATUS(TLSR_OK, tlsr_layer_open(&server, wire, 32, &opened));
    CHECK(opened.event == TLSR_EVENT_APPLICATION_DATA);
    CHECK(opened.len == 10 && memcmp(wire + opened.offset, "one record", 10) == 0);

    CHECK_STATUS(TLSR_OK, tlsr_layer_seal_parts(&client, NULL, 0, wire, sizeof wire, &sealed));
    CHECK(sealed.taken == 0 && sealed.written == 0);
    const tlsr_slice inside = {wire + 63, 1}, behind = {wire + 63, 2};
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_seal_parts(&client, &inside, 1, wire, sizeof wire, &sealed));
    CHECK_STATUS(TLSR_OK, tlsr_layer_seal_parts(&client, &inside, 1, wire, 63, &sealed));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_seal_parts(&client, &behind, 1, wire + 64, SIZE_MAX, &sealed));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_seal_parts(&client, NULL, 1, wire, sizeof wire, &sealed));
    const tlsr_slice null = {NULL, 1}, huge = {wire, SIZE_MAX};
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_seal_parts(&client, &null, 1, NULL, 0, &sealed));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_seal_parts(&client, &huge, 1, NULL, 0, &sealed));
    tlsr_slice many[TLSR_MAX_PARTS + 1];
    for (size_t i = 0; i <= TLSR_MAX_PARTS; i++) {
        many[i] = parts[0];
    }
    CHECK_STATUS(TLSR_ERR_ARGUMENT,
                 tlsr_layer_seal_parts(&client, many, TLSR_MAX_PARTS + 1, wire, sizeof wire, &sealed));
    CHECK_STATUS(TLSR_OK, tlsr_layer_seal_parts(&client, many, TLSR_MAX_PARTS, wire, sizeof wire, &sealed));
    CHECK(sealed.taken == 4 * TLSR_MAX_PARTS);
}

/* A message of 4 bytes and its header. */
static const uint8_t *message(uint8_t type) {
    static uint8_t bytes[8] = {0, 0, 0, 4, 1, 2, 3, 4};
    bytes[0] = type;
    return bytes;
}
#define MESSAGE_LEN 8

static size_t seal_message(tlsr_layer *layer, uint8_t type, uint8_t *out, size_t out_len) {
    tlsr_sealed sealed;
    CHECK_STATUS(TLSR_OK, tlsr_layer_seal_handshake(layer, message(type), MESSAGE_LEN, out, out_len, &sealed));
    CHECK(sealed.taken == MESSAGE_LEN);
    return sealed.written;
}

static void the_directions_change_their_keys_one_by_one(void) {
    tlsr_layer client, server;
    make_empty(&client, TLSR_CLIENT, 0);
    make_empty(&server, TLSR_SERVER, 0);
    uint8_t wire[256];
    tlsr_position position;

    receive(&server, wire, seal_message(&client, 1, wire, sizeof wire), TLSR_EVENT_HANDSHAKE, 1);
    CHECK_STATUS(TLSR_OK, tlsr_layer_position(&server, &position));
    CHECK(position.read_epoch == TLSR_EPOCH_PLAINTEXT && position.write_epoch == TLSR_EPOCH_PLAINTEXT);
    CHECK(position.has_read_keys == 0 && position.has_write_keys == 0);
    receive(&client, wire, seal_message(&server, 2, wire, sizeof wire), TLSR_EVENT_HANDSHAKE, 2);

    tlsr_layer *ends[2] = {&client, &server};
    for (int i = 0; i < 2; i++) {
        CHECK_STATUS(TLSR_OK,
                     tlsr_layer_install_one(ends[i], TLSR_SERVER, TLSR_EPOCH_HANDSHAKE, &server_secret));
    }
    CHECK_STATUS(TLSR_OK, tlsr_layer_position(&client, &position));
    CHECK(position.read_epoch == TLSR_EPOCH_HANDSHAKE && position.has_read_keys == 1);
    CHECK(position.write_epoch == TLSR_EPOCH_PLAINTEXT && position.has_write_keys == 0);
    receive(&client, wire, seal_message(&server, 20, wire, sizeof wire), TLSR_EVENT_HANDSHAKE, 20);
    CHECK_STATUS(TLSR_OK, tlsr_layer_position(&client, &position));
    CHECK(position.read_sequence == 1 && position.write_sequence == 0);
    CHECK_STATUS(TLSR_OK, tlsr_layer_position(&server, &position));
    CHECK(position.write_sequence == 1 && position.write_epoch == TLSR_EPOCH_HANDSHAKE);

    /* Keys that may not be installed: nothing changes. */
    tlsr_secret used = client_secret;
    used.sequence = 1;
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_install_one(&client, TLSR_CLIENT, TLSR_EPOCH_HANDSHAKE, &used));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_install_one(&client, 0, TLSR_EPOCH_HANDSHAKE, &client_secret));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_install_one(&client, 3, TLSR_EPOCH_HANDSHAKE, &client_secret));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_install_one(&client, TLSR_CLIENT, 0, &client_secret));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_install_one(&client, TLSR_CLIENT, 5, &client_secret));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_install_one(&client, TLSR_CLIENT, TLSR_EPOCH_HANDSHAKE, NULL));
    CHECK_STATUS(TLSR_ERR_SAME_SECRET,
                 tlsr_layer_install_one(&client, TLSR_CLIENT, TLSR_EPOCH_HANDSHAKE, &server_secret));
    CHECK_STATUS(TLSR_ERR_EPOCH,
                 tlsr_layer_install_one(&client, TLSR_SERVER, TLSR_EPOCH_HANDSHAKE, &client_secret));
    tlsr_secret short_one = client_secret, unknown = client_secret;
    short_one.secret_len = 31;
    unknown.suite = 0x002f;
    CHECK_STATUS(TLSR_ERR_LENGTH,
                 tlsr_layer_install_one(&client, TLSR_CLIENT, TLSR_EPOCH_HANDSHAKE, &short_one));
    CHECK_STATUS(TLSR_ERR_UNSUPPORTED,
                 tlsr_layer_install_one(&client, TLSR_CLIENT, TLSR_EPOCH_HANDSHAKE, &unknown));
    CHECK_STATUS(TLSR_ERR_MISMATCH,
                 tlsr_layer_install_one(&client, TLSR_CLIENT, TLSR_EPOCH_HANDSHAKE, &client_key));
    CHECK_STATUS(TLSR_OK, tlsr_layer_position(&client, &position));
    CHECK(position.write_epoch == TLSR_EPOCH_PLAINTEXT && position.has_write_keys == 0);

    for (int i = 0; i < 2; i++) {
        CHECK_STATUS(TLSR_OK,
                     tlsr_layer_install_one(ends[i], TLSR_CLIENT, TLSR_EPOCH_APPLICATION, &client_secret));
    }
    tlsr_sealed sealed;
    CHECK_STATUS(TLSR_OK, tlsr_layer_seal(&client, (const uint8_t *)"x", 1, wire, sizeof wire, &sealed));
    receive(&server, wire, sealed.written, TLSR_EVENT_APPLICATION_DATA, 0);
    CHECK_STATUS(TLSR_OK, tlsr_layer_close(&client));
    static const uint8_t next_bytes[32] = {9};
    tlsr_secret next = client_secret;
    next.secret = next_bytes;
    CHECK_STATUS(TLSR_ERR_CONNECTION_CLOSED,
                 tlsr_layer_install_one(&client, TLSR_CLIENT, TLSR_EPOCH_APPLICATION, &next));
}

/* RFC 9846 section 5.1. */
static void a_message_that_spans_a_key_change_ends_the_connection(void) {
    tlsr_layer client;
    make_empty(&client, TLSR_CLIENT, 0);
    uint8_t wire[] = {22, 3, 3, 0, 5, 2, 0, 0, 4, 1};
    tlsr_opened opened;
    CHECK_STATUS(TLSR_OK, tlsr_layer_open(&client, wire, sizeof wire, &opened));
    CHECK_STATUS(TLSR_ERR_FAULT,
                 tlsr_layer_install_one(&client, TLSR_SERVER, TLSR_EPOCH_HANDSHAKE, &server_secret));
    tlsr_end end;
    CHECK_STATUS(TLSR_OK, tlsr_layer_end(&client, &end));
    CHECK(end.fault == TLSR_FAULT_SPANS_KEY_CHANGE && end.write == TLSR_WRITE_ALERT_QUEUED);
}

/* Both sides of a TLS 1.2 handshake, from the change_cipher_spec on. */
static void tls12_keys_are_announced_and_established(void) {
    tlsr_layer client, server;
    make_empty(&client, TLSR_CLIENT, 0);
    make_empty(&server, TLSR_SERVER, 0);
    tlsr_layer *ends[2] = {&client, &server};
    const tlsr_secret *keys[2] = {&client_key, &server_key};
    uint8_t wire[256] = {0};
    tlsr_sealed sealed;
    tlsr_position position;

    receive(&server, wire, seal_message(&client, 1, wire, sizeof wire), TLSR_EVENT_HANDSHAKE, 1);
    CHECK_STATUS(TLSR_ERR_NOT_HANDSHAKE,
                 tlsr_layer_change_cipher_spec(&client, wire, sizeof wire, &sealed));
    receive(&client, wire, seal_message(&server, 2, wire, sizeof wire), TLSR_EVENT_HANDSHAKE, 2);
    for (int i = 0; i < 2; i++) {
        CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_set_version(ends[i], 0x0302));
        CHECK_STATUS(TLSR_OK, tlsr_layer_set_version(ends[i], TLSR_TLS_1_2));
        CHECK_STATUS(TLSR_ERR_EPOCH, tlsr_layer_establish(ends[i], TLSR_CLIENT));
    }
    for (uint8_t i = 0; i < 2; i++) {
        uint8_t writer = (uint8_t)(TLSR_CLIENT + i);
        tlsr_layer *end = ends[i], *peer = ends[1 - i];
        CHECK_STATUS(TLSR_ERR_NO_SPACE, tlsr_layer_change_cipher_spec(end, wire, 5, &sealed));
        CHECK(sealed.needed == 6);
        CHECK_STATUS(TLSR_OK, tlsr_layer_change_cipher_spec(end, wire, sizeof wire, &sealed));
        CHECK(sealed.written == 6 && memcmp(wire, "\x14\x03\x03\0\x01\x01", 6) == 0);
        receive(peer, wire, 6, TLSR_EVENT_CHANGE_CIPHER_SPEC, 0);
        CHECK_STATUS(TLSR_ERR_NOT_HANDSHAKE, tlsr_layer_change_cipher_spec(end, wire, sizeof wire, &sealed));
        CHECK_STATUS(TLSR_ERR_NO_KEYS,
                     tlsr_layer_seal_handshake(end, message(20), MESSAGE_LEN, wire, sizeof wire, &sealed));
        CHECK_STATUS(TLSR_ERR_NONCE_REUSE,
                     tlsr_layer_install_one(end, writer, TLSR_EPOCH_APPLICATION, keys[i]));
        CHECK_STATUS(TLSR_OK, tlsr_layer_install_one(end, writer, TLSR_EPOCH_HANDSHAKE, keys[i]));
        CHECK_STATUS(TLSR_OK, tlsr_layer_install_one(peer, writer, TLSR_EPOCH_HANDSHAKE, keys[i]));
        CHECK_STATUS(TLSR_ERR_NONCE_REUSE, tlsr_layer_establish(end, writer));
        CHECK_STATUS(TLSR_ERR_NONCE_REUSE, tlsr_layer_establish(peer, writer));
        receive(peer, wire, seal_message(end, 20, wire, sizeof wire), TLSR_EVENT_HANDSHAKE, 20);
        CHECK_STATUS(TLSR_ERR_NO_KEYS, tlsr_layer_seal(end, wire, 1, wire + 1, 100, &sealed));
        CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_establish(end, 0));
        CHECK_STATUS(TLSR_OK, tlsr_layer_establish(end, writer));
        CHECK_STATUS(TLSR_OK, tlsr_layer_establish(peer, writer));
        CHECK_STATUS(TLSR_ERR_EPOCH, tlsr_layer_establish(end, writer));
        CHECK_STATUS(TLSR_OK, tlsr_layer_position(end, &position));
        CHECK(position.write_epoch == TLSR_EPOCH_APPLICATION && position.write_sequence == 1);
        CHECK_STATUS(TLSR_OK, tlsr_layer_position(peer, &position));
        CHECK(position.read_epoch == TLSR_EPOCH_APPLICATION && position.read_sequence == 1);
    }
    for (int i = 0; i < 2; i++) {
        CHECK(tlsr_layer_headroom(ends[i]) == 13);
        CHECK_STATUS(TLSR_OK, tlsr_layer_seal(ends[i], (const uint8_t *)"x", 1, wire, sizeof wire, &sealed));
        receive(ends[1 - i], wire, sealed.written, TLSR_EVENT_APPLICATION_DATA, 0);
        CHECK_STATUS(TLSR_ERR_NO_UPDATE, tlsr_layer_update_keys(ends[i], 0));
    }

    /* The server asks the client to renegotiate. */
    static const uint8_t hello_request[4] = {0};
    tlsr_control control;
    CHECK_STATUS(TLSR_OK,
                 tlsr_layer_seal_handshake(&server, hello_request, 4, wire, sizeof wire, &sealed));
    receive(&client, wire, sealed.written, TLSR_EVENT_HANDSHAKE, 0);
    CHECK_STATUS(TLSR_OK, tlsr_layer_refuse_renegotiation(&client));
    CHECK_STATUS(TLSR_OK, tlsr_layer_next_control(&client, &control));
    CHECK(control.kind == TLSR_CONTROL_ALERT && control.alert == TLSR_ALERT_NO_RENEGOTIATION);
    CHECK_STATUS(TLSR_OK, tlsr_layer_poll_control(&client, wire, sizeof wire, &sealed));
    receive(&server, wire, sealed.written, TLSR_EVENT_WARNING, TLSR_ALERT_NO_RENEGOTIATION);
    CHECK_STATUS(TLSR_OK, tlsr_layer_close(&client));
    CHECK_STATUS(TLSR_ERR_CONNECTION_CLOSED, tlsr_layer_refuse_renegotiation(&client));
    CHECK_STATUS(TLSR_ERR_CONNECTION_CLOSED,
                 tlsr_layer_change_cipher_spec(&client, wire, sizeof wire, &sealed));
}

static void a_finished_must_be_the_end_of_its_record(void) {
    tlsr_layer client, server;
    make_empty(&client, TLSR_CLIENT, TLSR_TLS_1_2);
    make_empty(&server, TLSR_SERVER, TLSR_TLS_1_2);
    CHECK_STATUS(TLSR_OK, tlsr_layer_install_one(&client, TLSR_CLIENT, TLSR_EPOCH_HANDSHAKE, &client_key));
    CHECK_STATUS(TLSR_OK, tlsr_layer_install_one(&server, TLSR_CLIENT, TLSR_EPOCH_HANDSHAKE, &client_key));
    uint8_t wire[256], messages[2 * MESSAGE_LEN];
    memcpy(messages, message(20), MESSAGE_LEN);
    memcpy(messages + MESSAGE_LEN, message(20), MESSAGE_LEN);
    tlsr_sealed sealed;
    tlsr_opened opened;
    CHECK_STATUS(TLSR_OK, tlsr_layer_seal_handshake(&client, messages, sizeof messages, wire, 256, &sealed));
    CHECK_STATUS(TLSR_OK, tlsr_layer_open(&server, wire, sealed.written, &opened));
    CHECK_STATUS(TLSR_ERR_FAULT, tlsr_layer_establish(&server, TLSR_CLIENT));
    CHECK_STATUS(TLSR_ERR_CONNECTION_CLOSED, tlsr_layer_establish(&server, TLSR_CLIENT));
}

static void early_data_is_skipped(void) {
    tlsr_layer client, server;
    uint8_t wire[256], second[64];
    tlsr_opened opened;
    /* After a HelloRetryRequest, up to the second ClientHello. */
    make_empty(&client, TLSR_CLIENT, TLSR_TLS_1_3);
    make_empty(&server, TLSR_SERVER, TLSR_TLS_1_3);
    CHECK_STATUS(TLSR_ERR_EPOCH, tlsr_layer_skip_early_data(&client, 1));
    receive(&server, wire, seal_message(&client, 1, wire, sizeof wire), TLSR_EVENT_HANDSHAKE, 1);
    size_t len = seal_message(&client, 1, second, sizeof second);
    CHECK_STATUS(TLSR_OK, tlsr_layer_skip_early_data(&server, 1));
    uint8_t early[30] = {23, 3, 3, 0, 25};
    receive(&server, early, sizeof early, TLSR_EVENT_NOTHING, 0);
    receive(&server, second, len, TLSR_EVENT_HANDSHAKE, 1);
    CHECK_STATUS(TLSR_ERR_FAULT, tlsr_layer_open(&server, early, sizeof early, &opened));

    /* Without one, up to the first record that opens. */
    make_empty(&client, TLSR_CLIENT, TLSR_TLS_1_3);
    make_empty(&server, TLSR_SERVER, TLSR_TLS_1_3);
    receive(&server, wire, seal_message(&client, 1, wire, sizeof wire), TLSR_EVENT_HANDSHAKE, 1);
    CHECK_STATUS(TLSR_OK, tlsr_layer_install_one(&server, TLSR_CLIENT, TLSR_EPOCH_HANDSHAKE, &client_secret));
    CHECK_STATUS(TLSR_OK, tlsr_layer_skip_early_data(&server, 0));
    receive(&server, early, sizeof early, TLSR_EVENT_NOTHING, 0);
    CHECK_STATUS(TLSR_OK, tlsr_layer_install_one(&client, TLSR_CLIENT, TLSR_EPOCH_HANDSHAKE, &client_secret));
    receive(&server, wire, seal_message(&client, 20, wire, sizeof wire), TLSR_EVENT_HANDSHAKE, 20);
    CHECK_STATUS(TLSR_ERR_EPOCH, tlsr_layer_skip_early_data(&server, 0));

#ifndef TLSR_LONG_RECORDS /* which leave AES-CCM out */
    /* Tags of 8 bytes. */
    tlsr_secret short_tags = client_secret;
    short_tags.suite = 0x1305;
    make_empty(&server, TLSR_SERVER, TLSR_TLS_1_3);
    CHECK_STATUS(TLSR_OK, tlsr_layer_skip_early_data(&server, 0));
    CHECK_STATUS(TLSR_ERR_SHORT_TAG,
                 tlsr_layer_install_one(&server, TLSR_CLIENT, TLSR_EPOCH_HANDSHAKE, &short_tags));
    make_empty(&server, TLSR_SERVER, TLSR_TLS_1_3);
    CHECK_STATUS(TLSR_OK, tlsr_layer_install_one(&server, TLSR_CLIENT, TLSR_EPOCH_HANDSHAKE, &short_tags));
    CHECK_STATUS(TLSR_ERR_SHORT_TAG, tlsr_layer_skip_early_data(&server, 0));
#endif
}

static void settings_change_the_next_record(void) {
    tlsr_layer client, server;
    make_layers(&client, &server);
    static uint8_t data[1000], wire[2000];
    tlsr_sealed sealed;
    tlsr_opened opened;
    CHECK(tlsr_layer_headroom(&client) == 5 && tlsr_layer_record_len(&client, 10) == 32);
    CHECK(tlsr_layer_content_len(&client, 32) == 10 && tlsr_layer_content_len(&client, 21) == 0);
    CHECK(tlsr_layer_control_len(&client) == 27 && tlsr_layer_fragment_limit(&client) == 16384);

    CHECK_STATUS(TLSR_OK, tlsr_layer_set_fragment_limit(&client, 100));
    CHECK(tlsr_layer_fragment_limit(&client) == 100);
    CHECK_STATUS(TLSR_OK, tlsr_layer_seal(&client, data, 150, wire, sizeof wire, &sealed));
    CHECK(sealed.taken == 150 && sealed.written == 122 + 72);
    receive(&server, wire, sealed.written, TLSR_EVENT_APPLICATION_DATA, 0);
    /* The second record does not fit. */
    CHECK_STATUS(TLSR_OK, tlsr_layer_seal(&client, data, 150, wire, 122 + 71, &sealed));
    CHECK(sealed.taken == 100 && sealed.written == 122);
    receive(&server, wire, sealed.written, TLSR_EVENT_APPLICATION_DATA, 0);
    CHECK_STATUS(TLSR_ERR_TOO_LONG, tlsr_layer_seal_in_place(&client, wire, sizeof wire, 101, &sealed));

    CHECK_STATUS(TLSR_OK, tlsr_layer_set_fragment_limit(&client, 16384));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_set_peer_record_size_limit(&client, 63));
    CHECK_STATUS(TLSR_OK, tlsr_layer_set_peer_record_size_limit(&client, 65));
    CHECK(tlsr_layer_fragment_limit(&client) == 64);
    CHECK_STATUS(TLSR_OK, tlsr_layer_set_peer_record_size_limit(&client, 16385));

    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_set_padding(&client, 4, 32));
    CHECK_STATUS(TLSR_OK, tlsr_layer_set_padding(&client, TLSR_PADDING_BLOCK, 32));
    CHECK(tlsr_layer_record_len(&client, 1) == 5 + 32 + 16 && tlsr_layer_content_len(&client, 85) == 63);
    CHECK_STATUS(TLSR_OK, tlsr_layer_seal(&client, data, 1, wire, sizeof wire, &sealed));
    CHECK(sealed.written == 53);
    receive(&server, wire, sealed.written, TLSR_EVENT_APPLICATION_DATA, 0);
    CHECK_STATUS(TLSR_OK, tlsr_layer_set_padding(&client, TLSR_PADDING_NONE, 0));

    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_set_own_record_size_limit(&server, 63));
    CHECK_STATUS(TLSR_OK, tlsr_layer_set_own_record_size_limit(&server, 64));
    CHECK_STATUS(TLSR_OK, tlsr_layer_seal(&client, data, 63, wire, sizeof wire, &sealed));
    receive(&server, wire, sealed.written, TLSR_EVENT_APPLICATION_DATA, 0);
    CHECK_STATUS(TLSR_OK, tlsr_layer_seal(&client, data, 64, wire, sizeof wire, &sealed));
    CHECK_STATUS(TLSR_ERR_FAULT, tlsr_layer_open(&server, wire, sealed.written, &opened));
    tlsr_end end;
    CHECK_STATUS(TLSR_OK, tlsr_layer_end(&server, &end));
    CHECK(end.fault == TLSR_FAULT_RECORD_OVERFLOW && end.read_alert == TLSR_ALERT_RECORD_OVERFLOW);
}

/* An error that changes something: the header says so. */
static void an_abort_behind_our_close_notify_ends_receiving(void) {
    tlsr_layer client, server;
    uint8_t wire[64];
    tlsr_sealed sealed;
    tlsr_opened opened;
    tlsr_end end;
    make_layers(&client, &server);
    CHECK_STATUS(TLSR_OK, tlsr_layer_close(&client));
    CHECK_STATUS(TLSR_OK, tlsr_layer_poll_control(&client, wire, sizeof wire, &sealed));
    CHECK_STATUS(TLSR_ERR_CONNECTION_CLOSED, tlsr_layer_abort(&client, TLSR_ALERT_INTERNAL_ERROR));
    CHECK_STATUS(TLSR_OK, tlsr_layer_poll_control(&client, wire, sizeof wire, &sealed));
    CHECK(sealed.written == 0);
    CHECK_STATUS(TLSR_OK, tlsr_layer_end(&client, &end));
    CHECK(end.read == TLSR_READ_FAULT && end.fault == TLSR_FAULT_ABORTED && end.write == TLSR_WRITE_CLOSED);
    CHECK_STATUS(TLSR_ERR_FAULT, tlsr_layer_open(&client, NULL, 0, &opened));
}

static void needed_counts_the_bytes_of_the_next_record(void) {
    tlsr_layer client, server;
    make_layers(&client, &server);
    const uint8_t header[6] = {23, 3, 3, 0, 30, 1};
    CHECK(tlsr_layer_needed(&client, NULL, 0) == 5);
    CHECK(tlsr_layer_needed(&client, header, 4) == 5);
    CHECK(tlsr_layer_needed(&client, header, 6) == 35);
    CHECK(tlsr_layer_needed(&client, (const uint8_t *)"HTTP/1.1", 8) == 0);
    CHECK(tlsr_layer_needed(&client, NULL, 5) == 0);
    CHECK(tlsr_layer_needed(&client, header, SIZE_MAX) == 0);
    CHECK_STATUS(TLSR_OK, tlsr_layer_eof(&client));
    CHECK(tlsr_layer_needed(&client, header, 6) == 0);
}

static void keys_are_updated_on_request(void) {
    tlsr_layer client, server;
    make_layers(&client, &server);
    uint8_t wire[256] = {0};
    tlsr_sealed sealed;
    tlsr_control control;
    CHECK_STATUS(TLSR_OK, tlsr_layer_update_keys(&client, 1));
    CHECK_STATUS(TLSR_ERR_REQUEST_OUTSTANDING, tlsr_layer_update_keys(&client, 1));
    CHECK_STATUS(TLSR_ERR_CONTROL_FIRST, tlsr_layer_seal(&client, wire, 1, wire + 1, 100, &sealed));
    CHECK_STATUS(TLSR_OK, tlsr_layer_next_control(&client, &control));
    CHECK(control.kind == TLSR_CONTROL_KEY_UPDATE && control.request == 1);
    CHECK(control.content_type == 22 && control.len == 5 && memcmp(control.message, "\x18\0\0\1\1", 5) == 0);
    CHECK_STATUS(TLSR_OK, tlsr_layer_poll_control(&client, wire, sizeof wire, &sealed));
    receive(&server, wire, sealed.written, TLSR_EVENT_KEY_UPDATE, 1);
    CHECK_STATUS(TLSR_ERR_REQUEST_OUTSTANDING, tlsr_layer_update_keys(&client, 1));
    CHECK_STATUS(TLSR_OK, tlsr_layer_next_control(&server, &control));
    CHECK(control.kind == TLSR_CONTROL_KEY_UPDATE && control.request == 0);
    CHECK_STATUS(TLSR_OK, tlsr_layer_poll_control(&server, wire, sizeof wire, &sealed));
    receive(&client, wire, sealed.written, TLSR_EVENT_KEY_UPDATE, 0);
    CHECK_STATUS(TLSR_OK, tlsr_layer_update_keys(&client, 1));
    CHECK_STATUS(TLSR_ERR_EPOCH, tlsr_layer_refuse_renegotiation(&client));
    CHECK_STATUS(TLSR_OK, tlsr_layer_close(&client));
    CHECK_STATUS(TLSR_ERR_CONNECTION_CLOSED, tlsr_layer_update_keys(&client, 0));
    make_empty(&client, TLSR_CLIENT, 0);
    CHECK_STATUS(TLSR_ERR_NO_UPDATE, tlsr_layer_update_keys(&client, 0));
}

static void a_handshake_is_canceled_by_two_alerts(void) {
    tlsr_layer client;
    make_empty(&client, TLSR_CLIENT, 0);
    uint8_t wire[64];
    tlsr_sealed sealed;
    CHECK_STATUS(TLSR_OK, tlsr_layer_cancel(&client));
    CHECK_STATUS(TLSR_OK, tlsr_layer_poll_control(&client, wire, sizeof wire, &sealed));
    CHECK(sealed.written == 7 && memcmp(wire, "\x15\3\3\0\2\1\x5a", 7) == 0);
    CHECK_STATUS(TLSR_OK, tlsr_layer_poll_control(&client, wire, sizeof wire, &sealed));
    CHECK(sealed.written == 7 && memcmp(wire, "\x15\3\3\0\2\1\0", 7) == 0);
    CHECK_STATUS(TLSR_ERR_CONNECTION_CLOSED, tlsr_layer_cancel(&client));
    make_empty(&client, TLSR_CLIENT, 0);
    CHECK_STATUS(TLSR_OK, tlsr_layer_eof(&client));
    CHECK_STATUS(TLSR_ERR_SOCKET_CLOSED, tlsr_layer_cancel(&client));
    make_empty(&client, TLSR_CLIENT, 0);
    CHECK_STATUS(TLSR_OK, tlsr_layer_abort(&client, TLSR_ALERT_HANDSHAKE_FAILURE));
    CHECK_STATUS(TLSR_ERR_FAILED, tlsr_layer_cancel(&client));
}

static void the_second_step_of_a_shutdown_waits_for_the_peer(void) {
    tlsr_layer client, server;
    make_layers(&client, &server);
    uint8_t wire[256] = {0};
    tlsr_sealed sealed;
    tlsr_opened opened;
    uint32_t drained = 1;
    CHECK_STATUS(TLSR_OK, tlsr_layer_close(&client));
    CHECK_STATUS(TLSR_ERR_AWAITING_PEER, tlsr_layer_check_closed(&client, 30, &drained));
    CHECK(drained == 0);
    for (uint32_t i = 1; i <= 2; i++) {
        CHECK_STATUS(TLSR_OK, tlsr_layer_seal(&server, wire, 8, wire + 100, 100, &sealed));
        receive(&client, wire + 100, sealed.written, TLSR_EVENT_APPLICATION_DATA, 0);
        CHECK_STATUS(i == 1 ? TLSR_ERR_AWAITING_PEER : TLSR_ERR_BUDGET_SPENT,
                     tlsr_layer_check_closed(&client, 30, &drained));
        CHECK(drained == 30 * i);
    }
    CHECK_STATUS(TLSR_OK, tlsr_layer_close(&server));
    CHECK_STATUS(TLSR_OK, tlsr_layer_poll_control(&server, wire, sizeof wire, &sealed));
    receive(&client, wire, sealed.written, TLSR_EVENT_CLOSED, 0);
    CHECK_STATUS(TLSR_OK, tlsr_layer_check_closed(&client, 30, &drained));
    CHECK(drained == 0);
    CHECK_STATUS(TLSR_OK, tlsr_layer_eof(&server));
    CHECK_STATUS(TLSR_ERR_SOCKET_CLOSED, tlsr_layer_check_closed(&server, 30, &drained));

    make_layers(&client, &server);
    CHECK_STATUS(TLSR_OK, tlsr_layer_abort(&client, TLSR_ALERT_INTERNAL_ERROR));
    CHECK_STATUS(TLSR_ERR_FAILED, tlsr_layer_check_closed(&client, 30, &drained));

    uint8_t close_notify[] = {21, 3, 3, 0, 2, 1, 0}, http[] = "HTTP/1.1 400";
    make_empty(&client, TLSR_CLIENT, 0);
    receive(&client, close_notify, 7, TLSR_EVENT_CLOSED, 0);
    CHECK_STATUS(TLSR_ERR_CLOSED_IN_HANDSHAKE, tlsr_layer_check_closed(&client, 30, &drained));
    make_empty(&client, TLSR_CLIENT, 0);
    CHECK_STATUS(TLSR_ERR_FAULT, tlsr_layer_open(&client, http, sizeof http, &opened));
    CHECK_STATUS(TLSR_ERR_NOT_TLS, tlsr_layer_check_closed(&client, 30, &drained));
}

static void keys_that_may_not_be_installed_are_refused(void) {
    tlsr_layer client, server;
    tlsr_secret short_one = server_secret, unknown = server_secret;
    short_one.secret_len = 31;
    unknown.suite = 0x002f;
    make_layers(&client, &server);
    make_empty(&client, TLSR_CLIENT, TLSR_TLS_1_3);
    const struct {
        tlsr_status status;
        uint8_t epoch;
        const tlsr_secret *client, *server;
    } refused[] = {
        {TLSR_ERR_ARGUMENT, 0, &client_secret, &server_secret},
        {TLSR_ERR_ARGUMENT, 5, &client_secret, &server_secret},
        {TLSR_ERR_ARGUMENT, TLSR_EPOCH_APPLICATION, NULL, &server_secret},
        {TLSR_ERR_ARGUMENT, TLSR_EPOCH_APPLICATION, &client_secret, NULL},
        {TLSR_ERR_LENGTH, TLSR_EPOCH_APPLICATION, &client_secret, &short_one},
        {TLSR_ERR_UNSUPPORTED, TLSR_EPOCH_APPLICATION, &client_secret, &unknown},
        {TLSR_ERR_EPOCH, TLSR_EPOCH_PLAINTEXT, &client_secret, &server_secret},
        {TLSR_ERR_SAME_SECRET, TLSR_EPOCH_APPLICATION, &client_secret, &client_secret},
        {TLSR_ERR_MISMATCH, TLSR_EPOCH_APPLICATION, &client_secret, &server_key},
        {TLSR_ERR_MISMATCH, TLSR_EPOCH_APPLICATION, &client_key, &server_key},
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        CHECK_STATUS(refused[i].status,
                     tlsr_layer_install(&client, refused[i].epoch, refused[i].client, refused[i].server));
    }
    CHECK_STATUS(TLSR_OK,
                 tlsr_layer_install(&client, TLSR_EPOCH_APPLICATION, &client_secret, &server_secret));
    make_empty(&client, TLSR_CLIENT, 0);
    CHECK_STATUS(TLSR_ERR_NONCE_REUSE,
                 tlsr_layer_install(&client, TLSR_EPOCH_APPLICATION, &client_key, &server_key));
    CHECK_STATUS(TLSR_OK, tlsr_layer_close(&client));
    CHECK_STATUS(TLSR_ERR_CONNECTION_CLOSED,
                 tlsr_layer_install(&client, TLSR_EPOCH_APPLICATION, &client_secret, &server_secret));
    make_empty(&client, TLSR_CLIENT, 0);
    uint8_t partial[] = {22, 3, 3, 0, 5, 2, 0, 0, 4, 1};
    receive(&client, partial, sizeof partial, TLSR_EVENT_HANDSHAKE, 2);
    CHECK_STATUS(TLSR_ERR_FAULT,
                 tlsr_layer_install(&client, TLSR_EPOCH_APPLICATION, &client_secret, &server_secret));
}

static void a_record_that_was_opened_in_part_stays_with_its_function(void) {
    tlsr_layer client, server;
    make_empty(&client, TLSR_CLIENT, 0);
    make_empty(&server, TLSR_SERVER, 0);
    uint8_t wire[64], out[64], messages[2 * MESSAGE_LEN];
    tlsr_sealed sealed;
    tlsr_opened opened;
    memcpy(messages, message(2), MESSAGE_LEN);
    memcpy(messages + MESSAGE_LEN, message(2), MESSAGE_LEN);
    CHECK_STATUS(TLSR_OK, tlsr_layer_seal_handshake(&server, messages, sizeof messages, wire, 64, &sealed));
    size_t len = sealed.written;
    tlsr_slice piece = {wire, len};
    CHECK_STATUS(TLSR_OK, tlsr_layer_open_into(&client, &piece, 1, out, 20, &opened));
    CHECK(opened.event == TLSR_EVENT_NEED_MORE && opened.needed == len);
    CHECK_STATUS(TLSR_OK, tlsr_layer_open_into(&client, &piece, 1, out, 64, &opened));
    CHECK(opened.event == TLSR_EVENT_HANDSHAKE && opened.len == 4 && opened.message_len == 4);
    size_t first = opened.consumed;
    CHECK_STATUS(TLSR_ERR_OTHER_BUFFER, tlsr_layer_open(&client, wire + first, len - first, &opened));
    piece.data += first;
    piece.len -= first;
    CHECK_STATUS(TLSR_OK, tlsr_layer_open_into(&client, &piece, 1, out, 64, &opened));
    CHECK(opened.event == TLSR_EVENT_HANDSHAKE && memcmp(out + opened.offset, "\1\2\3\4", 4) == 0);

    CHECK_STATUS(TLSR_OK, tlsr_layer_seal_handshake(&server, messages, sizeof messages, wire, 64, &sealed));
    CHECK_STATUS(TLSR_OK, tlsr_layer_open(&client, wire, len, &opened));
    piece.data = wire + opened.consumed;
    piece.len = len - opened.consumed;
    CHECK_STATUS(TLSR_ERR_OTHER_BUFFER, tlsr_layer_open_into(&client, &piece, 1, out, 64, &opened));
    receive(&client, wire + first, len - first, TLSR_EVENT_HANDSHAKE, 2);
}

static void handshake_messages_are_sealed_whole(void) {
    tlsr_layer client;
    make_empty(&client, TLSR_CLIENT, 0);
    uint8_t wire[64];
    tlsr_sealed sealed;
    CHECK_STATUS(TLSR_ERR_NOT_HANDSHAKE, tlsr_layer_seal_handshake(&client, message(1), 7, wire, 64, &sealed));
    CHECK_STATUS(TLSR_ERR_NOT_HANDSHAKE,
                 tlsr_layer_seal_handshake(&client, message(24), MESSAGE_LEN, wire, 64, &sealed));
    CHECK_STATUS(TLSR_ERR_NO_SPACE,
                 tlsr_layer_seal_handshake(&client, message(1), MESSAGE_LEN, wire, 12, &sealed));
    CHECK(sealed.needed == 13 && sealed.taken == 0 && sealed.written == 0);
    CHECK(seal_message(&client, 1, wire, 13) == 13);
    CHECK_STATUS(TLSR_ERR_NO_KEYS, tlsr_layer_seal(&client, message(1), 1, wire, 64, &sealed));
}

/* TLS 1.2 has no KeyUpdate. */
static void keys_that_are_used_up_seal_only_the_end(void) {
    tlsr_layer client;
    tlsr_config config;
    tlsr_secret keys[2] = {client_key, server_key};
    keys[0].sequence = keys[1].sequence = 1;
    CHECK_STATUS(TLSR_OK, tlsr_config_init(&config, TLSR_CLIENT));
    config.key_limit = 6; /* of which 4 are for alerts */
    CHECK_STATUS(TLSR_OK, tlsr_layer_init(&client, sizeof client, &config));
    CHECK_STATUS(TLSR_OK, tlsr_layer_install(&client, TLSR_EPOCH_APPLICATION, &keys[0], &keys[1]));
    uint8_t wire[64];
    tlsr_sealed sealed;
    CHECK_STATUS(TLSR_OK, tlsr_layer_seal(&client, message(1), 1, wire, 64, &sealed));
    CHECK_STATUS(TLSR_ERR_KEY_EXHAUSTED, tlsr_layer_seal(&client, message(1), 1, wire, 64, &sealed));
    CHECK_STATUS(TLSR_ERR_CONNECTION_CLOSED, tlsr_layer_refuse_renegotiation(&client));
    CHECK_STATUS(TLSR_OK, tlsr_layer_close(&client));
    CHECK_STATUS(TLSR_ERR_NO_SPACE, tlsr_layer_poll_control(&client, wire, 30, &sealed));
    CHECK(sealed.needed == 31 && tlsr_layer_control_len(&client) == 31);
    CHECK_STATUS(TLSR_OK, tlsr_layer_poll_control(&client, wire, 31, &sealed));
    CHECK(sealed.written == 31);
}

static void only_one_alert_ends_a_connection(void) {
    tlsr_layer client, server;
    make_layers(&client, &server);
    uint8_t wire[64];
    tlsr_sealed sealed;
    tlsr_opened opened;
    tlsr_end end;
    const uint8_t none[3] = {TLSR_ALERT_CLOSE_NOTIFY, TLSR_ALERT_USER_CANCELED, TLSR_ALERT_NO_RENEGOTIATION};
    for (int i = 0; i < 3; i++) {
        CHECK_STATUS(TLSR_ERR_NOT_AN_ERROR_ALERT, tlsr_layer_abort(&client, none[i]));
    }
    CHECK_STATUS(TLSR_OK, tlsr_layer_abort(&client, TLSR_ALERT_INTERNAL_ERROR));
    CHECK_STATUS(TLSR_ERR_FAILED, tlsr_layer_abort(&client, TLSR_ALERT_INTERNAL_ERROR));
    CHECK_STATUS(TLSR_ERR_FAILED, tlsr_layer_close(&client));
    CHECK_STATUS(TLSR_ERR_FAILED, tlsr_layer_seal(&client, message(1), 1, wire, 64, &sealed));
    CHECK_STATUS(TLSR_ERR_FAULT, tlsr_layer_open(&client, wire, 0, &opened));
    CHECK_STATUS(TLSR_OK, tlsr_layer_poll_control(&client, wire, 64, &sealed));
    CHECK_STATUS(TLSR_ERR_PEER_ALERT, tlsr_layer_open(&server, wire, sealed.written, &opened));
    CHECK_STATUS(TLSR_OK, tlsr_layer_end(&server, &end));
    CHECK(end.read == TLSR_READ_PEER_ALERT && end.read_alert == TLSR_ALERT_INTERNAL_ERROR);
    CHECK(end.write == TLSR_WRITE_FAILED && end.is_clean == 0);

    make_layers(&client, &server);
    CHECK_STATUS(TLSR_OK, tlsr_layer_close(&client));
    CHECK_STATUS(TLSR_OK, tlsr_layer_poll_control(&client, wire, 64, &sealed));
    CHECK_STATUS(TLSR_ERR_CONNECTION_CLOSED, tlsr_layer_abort(&client, TLSR_ALERT_INTERNAL_ERROR));
    CHECK_STATUS(TLSR_OK, tlsr_layer_eof(&server));
    CHECK_STATUS(TLSR_ERR_SOCKET_CLOSED, tlsr_layer_open(&server, wire, 0, &opened));
    CHECK_STATUS(TLSR_OK, tlsr_layer_end(&server, &end));
    CHECK(end.read == TLSR_READ_TRUNCATED && end.read_epoch == TLSR_EPOCH_APPLICATION && !end.inside_record);
    CHECK_STATUS(TLSR_ERR_SOCKET_CLOSED, tlsr_layer_close(&server));
    CHECK_STATUS(TLSR_OK, tlsr_layer_poll_control(&server, wire, 64, &sealed));
    CHECK(sealed.written == 24);
}

/* Each function, with everything right but the layer. */
static tlsr_config any_config;
static uint8_t any_bytes[64];
static tlsr_sealed any_sealed;
static tlsr_opened any_opened;
static tlsr_control any_control;
static tlsr_end any_end;
static tlsr_position any_position;
static uint32_t any_drained;

#define CALLS(CALL) \
    CALL(wipe(layer)) \
    CALL(install(layer, TLSR_EPOCH_APPLICATION, &client_secret, &server_secret)) \
    CALL(install_one(layer, TLSR_CLIENT, TLSR_EPOCH_APPLICATION, &client_secret)) \
    CALL(establish(layer, TLSR_CLIENT)) \
    CALL(set_version(layer, TLSR_TLS_1_3)) \
    CALL(set_fragment_limit(layer, 100)) \
    CALL(set_padding(layer, TLSR_PADDING_NONE, 0)) \
    CALL(set_own_record_size_limit(layer, 64)) \
    CALL(set_peer_record_size_limit(layer, 64)) \
    CALL(open(layer, any_bytes, 0, &any_opened)) \
    CALL(open_into(layer, NULL, 0, any_bytes, 64, &any_opened)) \
    CALL(skip_early_data(layer, 0)) \
    CALL(eof(layer)) \
    CALL(seal(layer, NULL, 0, any_bytes, 64, &any_sealed)) \
    CALL(seal_parts(layer, NULL, 0, any_bytes, 64, &any_sealed)) \
    CALL(seal_in_place(layer, any_bytes, 64, 1, &any_sealed)) \
    CALL(seal_handshake(layer, NULL, 0, any_bytes, 64, &any_sealed)) \
    CALL(change_cipher_spec(layer, any_bytes, 64, &any_sealed)) \
    CALL(poll_control(layer, any_bytes, 64, &any_sealed)) \
    CALL(next_control(layer, &any_control)) \
    CALL(update_keys(layer, 0)) \
    CALL(refuse_renegotiation(layer)) \
    CALL(close(layer)) \
    CALL(cancel(layer)) \
    CALL(abort(layer, TLSR_ALERT_INTERNAL_ERROR)) \
    CALL(check_closed(layer, 0, &any_drained)) \
    CALL(end(layer, &any_end)) \
    CALL(position(layer, &any_position))

static void refuses(tlsr_status status, tlsr_layer *layer) {
#define REFUSED(call) CHECK_STATUS(status, tlsr_layer_##call);
    CALLS(REFUSED)
#undef REFUSED
    CHECK(tlsr_layer_needed(layer, any_bytes, 0) == 0);
    CHECK(tlsr_layer_headroom(layer) == 0);
    CHECK(tlsr_layer_record_len(layer, 1) == 0);
    CHECK(tlsr_layer_content_len(layer, 100) == 0);
    CHECK(tlsr_layer_control_len(layer) == 0);
    CHECK(tlsr_layer_fragment_limit(layer) == 0);
}

static void what_is_no_layer_is_refused_by_every_function(void) {
    static tlsr_layer layers[2], other, zeros, ones;
    make_layers(&layers[0], &other);
    refuses(TLSR_ERR_ARGUMENT, NULL);
    refuses(TLSR_ERR_ARGUMENT, (tlsr_layer *)(void *)((unsigned char *)&layers[0] + 1));
    refuses(TLSR_ERR_INVALID_HANDLE, &zeros);
    memset(&ones, 0xff, sizeof ones);
    refuses(TLSR_ERR_INVALID_HANDLE, &ones);
    layers[1] = layers[0]; /* Two layers with the same keys would seal with the same nonces. */
    refuses(TLSR_ERR_INVALID_HANDLE, &layers[1]);
    CHECK_STATUS(TLSR_OK, tlsr_layer_wipe(&layers[0]));
    refuses(TLSR_ERR_INVALID_HANDLE, &layers[0]);

    CHECK_STATUS(TLSR_OK, tlsr_config_init(&any_config, TLSR_CLIENT));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_init(NULL, sizeof zeros, &any_config));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_init(&zeros, sizeof zeros, NULL));
    CHECK_STATUS(TLSR_ERR_SIZE, tlsr_layer_init(&zeros, sizeof zeros - 1, &any_config));
    any_config.padding = 9;
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_init(&zeros, sizeof zeros, &any_config));
    CHECK_STATUS(TLSR_ERR_INVALID_HANDLE, tlsr_layer_wipe(&zeros));
}

/* But for the three functions that open and seal every record. */
static void outputs_are_zeros_after_an_error(void) {
    tlsr_layer copy, client, server;
    make_layers(&client, &server);
    copy = client;
    uint8_t *bytes = any_bytes;
    CHECK_CLEARS(TLSR_ERR_ARGUMENT, any_opened, tlsr_layer_open_into(&client, NULL, 1, bytes, 64, &any_opened));
    CHECK_CLEARS(TLSR_ERR_ARGUMENT, any_sealed, tlsr_layer_seal_parts(&client, NULL, 1, bytes, 64, &any_sealed));
    CHECK_CLEARS(TLSR_ERR_ARGUMENT, any_sealed, tlsr_layer_seal_handshake(&client, NULL, 1, bytes, 64, &any_sealed));
    CHECK_CLEARS(TLSR_ERR_ARGUMENT, any_sealed, tlsr_layer_change_cipher_spec(&client, NULL, 1, &any_sealed));
    CHECK_CLEARS(TLSR_ERR_ARGUMENT, any_sealed, tlsr_layer_poll_control(&client, NULL, 1, &any_sealed));
    CHECK_CLEARS(TLSR_ERR_INVALID_HANDLE, any_control, tlsr_layer_next_control(&copy, &any_control));
    CHECK_CLEARS(TLSR_ERR_INVALID_HANDLE, any_drained, tlsr_layer_check_closed(&copy, 0, &any_drained));
    CHECK_CLEARS(TLSR_ERR_INVALID_HANDLE, any_end, tlsr_layer_end(&copy, &any_end));
    CHECK_CLEARS(TLSR_ERR_INVALID_HANDLE, any_position, tlsr_layer_position(&copy, &any_position));
    CHECK_STATUS(TLSR_OK, tlsr_layer_close(&client));
    CHECK_STATUS(TLSR_OK, tlsr_layer_poll_control(&client, bytes, 64, &any_sealed));
    CHECK_CLEARS(TLSR_ERR_CONNECTION_CLOSED, any_sealed, tlsr_layer_seal(&client, bytes, 1, bytes + 1, 63, &any_sealed));
}

/* A wrong pointer beside a right layer: nothing changes. */
static void wrong_pointers_are_refused_before_anything_changes(void) {
    tlsr_layer client, server;
    make_layers(&client, &server);
    uint8_t *bytes = any_bytes;
    const tlsr_slice piece = {bytes + 63, 1};
    CHECK_STATUS(TLSR_OK, tlsr_layer_update_keys(&client, 0));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_poll_control(&client, bytes, 64, NULL));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_poll_control(&client, NULL, 64, &any_sealed));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_next_control(&client, NULL));
    CHECK_STATUS(TLSR_OK, tlsr_layer_poll_control(&client, bytes, 64, &any_sealed));
    receive(&server, bytes, any_sealed.written, TLSR_EVENT_KEY_UPDATE, 0);

    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_seal(&client, bytes, 1, bytes + 1, 63, NULL));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_seal(&client, NULL, 1, bytes + 1, 63, &any_sealed));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_seal(&client, bytes, 1, bytes, 64, &any_sealed));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_seal_parts(&client, &piece, 1, bytes, 63, NULL));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_seal_in_place(&client, bytes, 64, 1, NULL));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_seal_in_place(&client, NULL, 64, 1, &any_sealed));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_seal_handshake(&client, message(4), 8, bytes, 64, NULL));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_seal_handshake(&client, bytes, 8, bytes, 64, &any_sealed));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_change_cipher_spec(&client, bytes, 64, NULL));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_end(&client, NULL));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_position(&client, NULL));
    CHECK_STATUS(TLSR_OK, tlsr_layer_position(&client, &any_position));
    CHECK(any_position.write_sequence == 0);

    CHECK_STATUS(TLSR_OK, tlsr_layer_seal_in_place(&client, bytes, 64, 1, &any_sealed));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_open(&server, bytes, any_sealed.written, NULL));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_open(&server, NULL, any_sealed.written, &any_opened));
    const tlsr_slice record = {bytes, any_sealed.written};
    uint8_t out[64];
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_open_into(&server, &record, 1, out, 64, NULL));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_open_into(&server, &record, 1, bytes, 64, &any_opened));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_open_into(&server, NULL, 1, out, 64, &any_opened));
    CHECK_STATUS(TLSR_OK, tlsr_layer_open_into(&server, &record, 1, out, 64, &any_opened));
    CHECK(any_opened.event == TLSR_EVENT_APPLICATION_DATA);
}

void test_layer(void) {
    data_arrives_and_both_sides_close();
    memory_that_was_wiped_is_no_layer_and_has_no_keys();
    parts_go_into_one_record();
    the_directions_change_their_keys_one_by_one();
    a_message_that_spans_a_key_change_ends_the_connection();
    tls12_keys_are_announced_and_established();
    a_finished_must_be_the_end_of_its_record();
    early_data_is_skipped();
    settings_change_the_next_record();
    an_abort_behind_our_close_notify_ends_receiving();
    needed_counts_the_bytes_of_the_next_record();
    keys_are_updated_on_request();
    a_handshake_is_canceled_by_two_alerts();
    the_second_step_of_a_shutdown_waits_for_the_peer();
    keys_that_may_not_be_installed_are_refused();
    a_record_that_was_opened_in_part_stays_with_its_function();
    handshake_messages_are_sealed_whole();
    keys_that_are_used_up_seal_only_the_end();
    only_one_alert_ends_a_connection();
    what_is_no_layer_is_refused_by_every_function();
    wrong_pointers_are_refused_before_anything_changes();
    outputs_are_zeros_after_an_error();
}
