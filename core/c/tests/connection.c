/* tlsr_connection */
#include "check.h"

typedef struct end_of_wire {
    tlsr_connection connection;
    uint8_t buffer[512];
} end_of_wire;

static end_of_wire client, server;

static void make(end_of_wire *end, uint8_t role) {
    tlsr_config config;
    CHECK_STATUS(TLSR_OK, tlsr_config_init(&config, role));
    CHECK_STATUS(TLSR_OK, tlsr_connection_init(&end->connection, sizeof end->connection, &config, end->buffer,
                                               sizeof end->buffer));
}

static void make_both(void) {
    end_of_wire *ends[2] = {&client, &server};
    for (uint8_t i = 0; i < 2; i++) {
        make(ends[i], (uint8_t)(TLSR_CLIENT + i));
        CHECK_STATUS(TLSR_OK, tlsr_connection_install(&ends[i]->connection, TLSR_EPOCH_APPLICATION, &client_secret,
                                                      &server_secret));
    }
}

/* Takes all that one end has to send, `piece` bytes at a time. */
static size_t take(end_of_wire *end, uint8_t *wire, size_t len, size_t piece) {
    size_t taken = 0;
    for (;;) {
        tlsr_slice unsent;
        CHECK_STATUS(TLSR_OK, tlsr_connection_unsent(&end->connection, &unsent));
        if (unsent.len == 0) {
            return taken;
        }
        size_t now = unsent.len < piece ? unsent.len : piece;
        CHECK(taken + now <= len);
        memcpy(wire + taken, unsent.data, now);
        CHECK_STATUS(TLSR_OK, tlsr_connection_sent(&end->connection, now));
        taken += now;
    }
}

static void write_text(end_of_wire *end, const char *text) {
    size_t taken;
    CHECK_STATUS(TLSR_OK,
                 tlsr_connection_write(&end->connection, (const uint8_t *)text, strlen(text), &taken));
    CHECK(taken == strlen(text));
}

/* Opens one record, of which `event` is expected. Returns how many bytes it had. */
static tlsr_opened open_one(end_of_wire *end, uint8_t *wire, size_t len, uint8_t event) {
    tlsr_opened opened;
    CHECK_STATUS(TLSR_OK, tlsr_connection_received(&end->connection, wire, len, &opened));
    CHECK(opened.event == event);
    return opened;
}

static void data_goes_both_ways_in_pieces_of_any_length(void) {
    for (size_t piece = 1; piece < 64; piece++) {
        make_both();
        uint8_t wire[256];
        write_text(&client, "a request");
        size_t len = take(&client, wire, sizeof wire, piece);
        tlsr_opened opened = open_one(&server, wire, len, TLSR_EVENT_APPLICATION_DATA);
        CHECK(opened.consumed == len && opened.len == 9 && memcmp(wire + opened.offset, "a request", 9) == 0);
        const tlsr_slice parts[2] = {{(const uint8_t *)"an ", 3}, {(const uint8_t *)"answer", 6}};
        size_t taken;
        CHECK_STATUS(TLSR_OK, tlsr_connection_write_parts(&server.connection, parts, 2, &taken));
        CHECK(taken == 9);
        len = take(&server, wire, sizeof wire, piece);
        opened = open_one(&client, wire, len, TLSR_EVENT_APPLICATION_DATA);
        CHECK(opened.len == 9 && memcmp(wire + opened.offset, "an answer", 9) == 0);
    }
}

static void a_record_in_pieces_is_opened_elsewhere(void) {
    make_both();
    uint8_t wire[64], out[64];
    write_text(&client, "scattered");
    size_t len = take(&client, wire, sizeof wire, sizeof wire);
    for (size_t cut = 0; cut <= len; cut++) {
        make(&server, TLSR_SERVER);
        CHECK_STATUS(TLSR_OK, tlsr_connection_install(&server.connection, TLSR_EPOCH_APPLICATION, &client_secret,
                                                      &server_secret));
        const tlsr_slice pieces[2] = {{wire, cut}, {wire + cut, len - cut}};
        tlsr_opened opened;
        CHECK_STATUS(TLSR_OK, tlsr_connection_received_into(&server.connection, pieces, 2, out, sizeof out, &opened));
        CHECK(opened.event == TLSR_EVENT_APPLICATION_DATA && opened.consumed == len);
        CHECK(opened.len == 9 && memcmp(out + opened.offset, "scattered", 9) == 0);
        /* The output must lie elsewhere. */
        CHECK_STATUS(TLSR_ERR_ARGUMENT,
                     tlsr_connection_received_into(&server.connection, pieces, 2, wire, sizeof wire, &opened));
    }
}

static void one_step_is_done_when_the_transport_has_the_close_notify(void) {
    make_both();
    uint8_t wire[64];
    CHECK_STATUS(TLSR_ERR_WOULD_BLOCK_WRITE, tlsr_connection_shutdown(&client.connection));
    CHECK_STATUS(TLSR_ERR_WOULD_BLOCK_WRITE, tlsr_connection_shutdown(&client.connection));
    CHECK(tlsr_connection_take_sealed_alert(&client.connection) == TLSR_ALERT_CLOSE_NOTIFY);
    CHECK(tlsr_connection_take_sealed_alert(&client.connection) == -1);
    size_t len = take(&client, wire, sizeof wire, 7);
    CHECK(len == 24);
    CHECK_STATUS(TLSR_OK, tlsr_connection_shutdown(&client.connection));
    CHECK_STATUS(TLSR_ERR_CONNECTION_CLOSED, tlsr_connection_shutdown(&client.connection));
    size_t taken;
    CHECK_STATUS(TLSR_ERR_CONNECTION_CLOSED, tlsr_connection_write(&client.connection, wire, 1, &taken));
    CHECK(!tlsr_connection_may_write(&client.connection));
    open_one(&server, wire, len, TLSR_EVENT_CLOSED);
    /* The other direction is open. */
    write_text(&server, "late");
    len = take(&server, wire, sizeof wire, 64);
    CHECK(open_one(&client, wire, len, TLSR_EVENT_APPLICATION_DATA).len == 4);
}

static void two_steps_wait_for_the_close_notify_of_the_peer(void) {
    make_both();
    uint8_t wire[128], back[128];
    uint32_t drained = 7;
    CHECK_STATUS(TLSR_ERR_WOULD_BLOCK_WRITE, tlsr_connection_shutdown_both(&client.connection, 100, NULL));
    size_t len = take(&client, wire, sizeof wire, 64);
    CHECK_STATUS(TLSR_ERR_AWAITING_PEER, tlsr_connection_shutdown_both(&client.connection, 100, &drained));
    CHECK(drained == 0);
    /* Data that is under way. */
    write_text(&server, "data");
    size_t back_len = take(&server, back, sizeof back, 64);
    open_one(&client, back, back_len, TLSR_EVENT_APPLICATION_DATA);
    CHECK_STATUS(TLSR_ERR_AWAITING_PEER, tlsr_connection_shutdown_both(&client.connection, 100, &drained));
    CHECK(drained == back_len);
    CHECK_STATUS(TLSR_ERR_BUDGET_SPENT, tlsr_connection_shutdown_both(&client.connection, 1, &drained));
    CHECK_STATUS(TLSR_ERR_BUDGET_SPENT, tlsr_connection_check_closed(&client.connection, 1, NULL));
    open_one(&server, wire, len, TLSR_EVENT_CLOSED);
    CHECK_STATUS(TLSR_ERR_WOULD_BLOCK_WRITE, tlsr_connection_shutdown_both(&server.connection, 100, NULL));
    back_len = take(&server, back, sizeof back, 64);
    open_one(&client, back, back_len, TLSR_EVENT_CLOSED);
    end_of_wire *ends[2] = {&client, &server};
    for (int i = 0; i < 2; i++) {
        tlsr_end end;
        CHECK_STATUS(TLSR_OK, tlsr_connection_shutdown_both(&ends[i]->connection, 100, &drained));
        CHECK_STATUS(TLSR_OK, tlsr_connection_end(&ends[i]->connection, &end));
        CHECK(drained == 0 && end.is_clean == 1);
    }
}

/* The nine answers, of which the tests above have three. */
static void each_answer_of_a_shutdown_has_its_cause(void) {
    make(&client, TLSR_CLIENT);
    CHECK_STATUS(TLSR_ERR_INVALID_STATE, tlsr_connection_shutdown(&client.connection));

    make_both();
    tlsr_slice_mut slot;
    CHECK_STATUS(TLSR_OK, tlsr_connection_reserve(&client.connection, 8, &slot));
    CHECK_STATUS(TLSR_ERR_CONNECTION_ACTIVE, tlsr_connection_shutdown(&client.connection));
    CHECK_STATUS(TLSR_OK, tlsr_connection_discard(&client.connection));
    CHECK_STATUS(TLSR_ERR_WOULD_BLOCK_WRITE, tlsr_connection_shutdown(&client.connection));
    CHECK_STATUS(TLSR_OK, tlsr_connection_transport_failed(&client.connection));
    CHECK_STATUS(TLSR_ERR_IO, tlsr_connection_shutdown(&client.connection));

    make(&server, TLSR_SERVER);
    tlsr_opened opened;
    uint8_t http[] = "GET / HTTP/1.1\r\n";
    CHECK_STATUS(TLSR_ERR_FAULT, tlsr_connection_received(&server.connection, http, sizeof http, &opened));
    CHECK_STATUS(TLSR_ERR_NOT_TLS, tlsr_connection_shutdown(&server.connection));

    make_both();
    CHECK_STATUS(TLSR_OK, tlsr_connection_eof(&client.connection));
    tlsr_end end;
    CHECK_STATUS(TLSR_OK, tlsr_connection_end(&client.connection, &end));
    CHECK(end.read == TLSR_READ_TRUNCATED && end.read_epoch == TLSR_EPOCH_APPLICATION && !end.inside_record);
    CHECK_STATUS(TLSR_ERR_SOCKET_CLOSED, tlsr_connection_shutdown(&client.connection));
    uint8_t wire[64];
    CHECK(take(&client, wire, sizeof wire, 64) == 24);

    CHECK_STATUS(TLSR_OK, tlsr_connection_abort(&server.connection, TLSR_ALERT_INTERNAL_ERROR));
    CHECK_STATUS(TLSR_ERR_FAILED, tlsr_connection_shutdown(&server.connection));
    CHECK_STATUS(TLSR_ERR_FAILED, tlsr_connection_abort(&server.connection, TLSR_ALERT_INTERNAL_ERROR));

    CHECK_STATUS(TLSR_OK, tlsr_connection_wipe(&server.connection));
    CHECK_STATUS(TLSR_ERR_INVALID_HANDLE, tlsr_connection_shutdown(&server.connection));
}

static void a_forged_record_ends_the_connection_with_its_alert(void) {
    make_both();
    uint8_t wire[64];
    write_text(&client, "data");
    size_t len = take(&client, wire, sizeof wire, 64);
    wire[len - 1] ^= 1;
    tlsr_opened opened;
    CHECK_STATUS(TLSR_ERR_FAULT, tlsr_connection_received(&server.connection, wire, len, &opened));
    tlsr_end end;
    CHECK_STATUS(TLSR_OK, tlsr_connection_end(&server.connection, &end));
    CHECK(end.read == TLSR_READ_FAULT && end.fault == TLSR_FAULT_BAD_RECORD_MAC);
    CHECK(end.write == TLSR_WRITE_ALERT_QUEUED && end.write_alert == TLSR_ALERT_BAD_RECORD_MAC);
    len = take(&server, wire, sizeof wire, 64);
    CHECK_STATUS(TLSR_ERR_PEER_ALERT, tlsr_connection_received(&client.connection, wire, len, &opened));
    CHECK_STATUS(TLSR_OK, tlsr_connection_end(&client.connection, &end));
    CHECK(end.read == TLSR_READ_PEER_ALERT && end.read_alert == TLSR_ALERT_BAD_RECORD_MAC);
    CHECK_STATUS(TLSR_OK, tlsr_connection_end(&server.connection, &end));
    CHECK(end.write == TLSR_WRITE_ALERT_SENT);
}

static void a_slot_is_sealed_in_place(void) {
    make_both();
    uint8_t wire[128];
    tlsr_slice_mut slot;
    CHECK_STATUS(TLSR_ERR_NO_SLOT, tlsr_connection_commit(&client.connection, 0));
    CHECK_STATUS(TLSR_ERR_NO_SLOT, tlsr_connection_discard(&client.connection));
    CHECK_STATUS(TLSR_ERR_TOO_LONG, tlsr_connection_reserve(&client.connection, 20000, &slot));
    CHECK_STATUS(TLSR_OK, tlsr_connection_reserve(&client.connection, 16, &slot));
    CHECK(slot.len == 16 && slot.data >= client.buffer && slot.data + 16 <= client.buffer + sizeof client.buffer);
    memcpy(slot.data, "sixteen letters.", 16);
    size_t taken;
    CHECK_STATUS(TLSR_ERR_CONNECTION_ACTIVE, tlsr_connection_write(&client.connection, wire, 1, &taken));
    CHECK(!tlsr_connection_can_write(&client.connection));
    CHECK_STATUS(TLSR_ERR_TOO_LONG, tlsr_connection_commit(&client.connection, 17));
    CHECK_STATUS(TLSR_OK, tlsr_connection_commit(&client.connection, 7));
    size_t len = take(&client, wire, sizeof wire, 64);
    CHECK(tlsr_connection_can_write(&client.connection));
    tlsr_opened opened = open_one(&server, wire, len, TLSR_EVENT_APPLICATION_DATA);
    CHECK(opened.len == 7 && memcmp(wire + opened.offset, "sixteen", 7) == 0);
}

/* A transport may report what it took after the engine has discarded it: as DMA does. */
static void a_send_ends_after_its_records_were_discarded(void) {
    for (int is_transport = 0; is_transport < 2; is_transport++) {
        make_both();
        uint8_t wire[64];
        tlsr_slice sending, unsent;
        tlsr_opened opened;
        write_text(&client, "data");
        CHECK_STATUS(TLSR_OK, tlsr_connection_begin_send(&client.connection, &sending));
        if (is_transport) {
            CHECK_STATUS(TLSR_OK, tlsr_connection_transport_failed(&client.connection));
        } else {
            CHECK_STATUS(TLSR_OK, tlsr_connection_abort(&server.connection, TLSR_ALERT_INTERNAL_ERROR));
            size_t len = take(&server, wire, sizeof wire, 64);
            CHECK_STATUS(TLSR_ERR_PEER_ALERT, tlsr_connection_received(&client.connection, wire, len, &opened));
        }
        CHECK_STATUS(TLSR_OK, tlsr_connection_unsent(&client.connection, &unsent));
        CHECK(sending.len == 26 && unsent.len == 0);
        CHECK_STATUS(TLSR_OK, tlsr_connection_sent(&client.connection, sending.len));
    }
}

static void bytes_of_a_send_stay_where_they_are(void) {
    make_both();
    write_text(&client, "first");
    tlsr_slice sending, again;
    CHECK_STATUS(TLSR_OK, tlsr_connection_begin_send(&client.connection, &sending));
    CHECK(sending.len == 27);
    uint8_t copy[27];
    memcpy(copy, sending.data, 27);
    write_text(&client, "second");
    CHECK_STATUS(TLSR_OK, tlsr_connection_begin_send(&client.connection, &again));
    CHECK(again.len == 0 && memcmp(copy, sending.data, 27) == 0);
    CHECK_STATUS(TLSR_OK, tlsr_connection_sent(&client.connection, 20));
    CHECK_STATUS(TLSR_OK, tlsr_connection_unsent(&client.connection, &again));
    CHECK(again.len == 7 + 28);

    /* More than was begun, and no more than is unsent. */
    CHECK_STATUS(TLSR_OK, tlsr_connection_begin_send(&client.connection, &sending));
    write_text(&client, "third");
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_connection_sent(&client.connection, 35 + 27 + 1));
    CHECK_STATUS(TLSR_OK, tlsr_connection_sent(&client.connection, 35 + 27));
    CHECK_STATUS(TLSR_OK, tlsr_connection_unsent(&client.connection, &again));
    CHECK(again.len == 27);
}

static void keys_are_updated_and_answered(void) {
    make_both();
    uint8_t wire[128];
    CHECK_STATUS(TLSR_OK, tlsr_connection_update_keys(&client.connection, 1));
    CHECK_STATUS(TLSR_ERR_REQUEST_OUTSTANDING, tlsr_connection_update_keys(&client.connection, 1));
    size_t len = take(&client, wire, sizeof wire, 64);
    CHECK(open_one(&server, wire, len, TLSR_EVENT_KEY_UPDATE).detail == 1);
    len = take(&server, wire, sizeof wire, 64);
    CHECK(open_one(&client, wire, len, TLSR_EVENT_KEY_UPDATE).detail == 0);
    tlsr_position position;
    CHECK_STATUS(TLSR_OK, tlsr_connection_position(&client.connection, &position));
    CHECK(position.write_epoch == TLSR_EPOCH_APPLICATION && position.has_write_keys && position.write_sequence == 0);
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_connection_position(&client.connection, NULL));
    write_text(&client, "under new keys");
    len = take(&client, wire, sizeof wire, 64);
    open_one(&server, wire, len, TLSR_EVENT_APPLICATION_DATA);
}

static void settings_change_the_records(void) {
    make_both();
    uint8_t wire[256];
    CHECK_STATUS(TLSR_OK, tlsr_connection_set_padding(&client.connection, TLSR_PADDING_BLOCK, 64));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_connection_set_padding(&client.connection, 4, 0));
    write_text(&client, "padded");
    CHECK(take(&client, wire, sizeof wire, 64) == 5 + 64 + 16);
    CHECK_STATUS(TLSR_OK, tlsr_connection_set_padding(&client.connection, TLSR_PADDING_NONE, 0));
    CHECK_STATUS(TLSR_OK, tlsr_connection_set_fragment_limit(&client.connection, 3));
    write_text(&client, "abcdef");
    CHECK(take(&client, wire, sizeof wire, 64) == 2 * (5 + 3 + 1 + 16));
    make_both();
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_connection_set_peer_record_size_limit(&client.connection, 63));
    CHECK_STATUS(TLSR_OK, tlsr_connection_set_peer_record_size_limit(&client.connection, 64));
    uint8_t data[100] = {0};
    size_t taken;
    CHECK_STATUS(TLSR_OK, tlsr_connection_write(&client.connection, data, sizeof data, &taken));
    CHECK(taken == 100);
    CHECK(take(&client, wire, sizeof wire, 64) == (5 + 64 + 16) + (5 + 37 + 1 + 16));
    /* Now the other way: the server has announced less than the client sends. */
    CHECK_STATUS(TLSR_OK, tlsr_connection_set_own_record_size_limit(&server.connection, 64));
    make(&client, TLSR_CLIENT);
    CHECK_STATUS(TLSR_OK, tlsr_connection_install(&client.connection, TLSR_EPOCH_APPLICATION, &client_secret,
                                                  &server_secret));
    CHECK_STATUS(TLSR_OK, tlsr_connection_write(&client.connection, data, sizeof data, &taken));
    size_t len = take(&client, wire, sizeof wire, 64);
    tlsr_opened opened;
    CHECK_STATUS(TLSR_ERR_FAULT, tlsr_connection_received(&server.connection, wire, len, &opened));
}

/* The first flights of a TLS 1.2 handshake of one's own, as far as the record layer sees them. */
static void a_handshake_of_tls_1_2_runs_on_the_connection(void) {
    static const uint8_t key[2][16] = {{1}, {2}}, salt[2][4] = {{3}, {4}};
    static const uint8_t hello[] = {1, 0, 0, 2, 9, 9}, server_hello[] = {2, 0, 0, 1, 9};
    static const uint8_t finished[] = {20, 0, 0, 1, 9};
    make(&client, TLSR_CLIENT);
    make(&server, TLSR_SERVER);
    uint8_t wire[256];
    CHECK_STATUS(TLSR_OK, tlsr_connection_write_handshake(&client.connection, hello, sizeof hello));
    CHECK_STATUS(TLSR_ERR_NOT_HANDSHAKE, tlsr_connection_write_handshake(&client.connection, hello, 3));
    size_t len = take(&client, wire, sizeof wire, 64);
    tlsr_opened opened = open_one(&server, wire, len, TLSR_EVENT_HANDSHAKE);
    CHECK(opened.detail == 1 && opened.message_len == 2 && opened.message_offset == 0 && opened.len == 2);
    CHECK_STATUS(TLSR_OK, tlsr_connection_set_version(&server.connection, TLSR_TLS_1_2));
    CHECK_STATUS(TLSR_OK, tlsr_connection_write_handshake(&server.connection, server_hello, sizeof server_hello));
    len = take(&server, wire, sizeof wire, 64);
    open_one(&client, wire, len, TLSR_EVENT_HANDSHAKE);
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_connection_set_version(&client.connection, 0x0302));
    CHECK_STATUS(TLSR_OK, tlsr_connection_set_version(&client.connection, TLSR_TLS_1_2));
    end_of_wire *ends[2] = {&client, &server};
    for (uint8_t i = 0; i < 2; i++) {
        tlsr_secret secret = {key[i], 16, salt[i], 4, NULL, 0, 0, 0xc02f};
        uint8_t writer = (uint8_t)(TLSR_CLIENT + i);
        end_of_wire *from = ends[i], *to = ends[1 - i];
        CHECK_STATUS(TLSR_OK, tlsr_connection_write_change_cipher_spec(&from->connection));
        CHECK_STATUS(TLSR_OK, tlsr_connection_install_one(&from->connection, writer, TLSR_EPOCH_HANDSHAKE, &secret));
        CHECK_STATUS(TLSR_ERR_NONCE_REUSE, tlsr_connection_establish(&from->connection, writer));
        CHECK_STATUS(TLSR_OK, tlsr_connection_write_handshake(&from->connection, finished, sizeof finished));
        CHECK_STATUS(TLSR_OK, tlsr_connection_establish(&from->connection, writer));
        len = take(from, wire, sizeof wire, 64);
        size_t ccs = open_one(to, wire, len, TLSR_EVENT_CHANGE_CIPHER_SPEC).consumed;
        CHECK_STATUS(TLSR_OK, tlsr_connection_install_one(&to->connection, writer, TLSR_EPOCH_HANDSHAKE, &secret));
        open_one(to, wire + ccs, len - ccs, TLSR_EVENT_HANDSHAKE);
        CHECK_STATUS(TLSR_OK, tlsr_connection_establish(&to->connection, writer));
    }
    write_text(&client, "data");
    len = take(&client, wire, sizeof wire, 64);
    open_one(&server, wire, len, TLSR_EVENT_APPLICATION_DATA);
    CHECK_STATUS(TLSR_OK, tlsr_connection_refuse_renegotiation(&client.connection));
    len = take(&client, wire, sizeof wire, 64);
    CHECK(open_one(&server, wire, len, TLSR_EVENT_WARNING).detail == TLSR_ALERT_NO_RENEGOTIATION);
    CHECK_STATUS(TLSR_ERR_NO_UPDATE, tlsr_connection_update_keys(&client.connection, 0));
    CHECK_STATUS(TLSR_ERR_EPOCH, tlsr_connection_skip_early_data(&server.connection, 0));
}

static void a_close_between_change_cipher_spec_and_keys_waits_for_them(void) {
    static const uint8_t key[16] = {1}, salt[4] = {3}, hello[] = {1, 0, 0, 2, 9, 9};
    make(&client, TLSR_CLIENT);
    CHECK_STATUS(TLSR_OK, tlsr_connection_write_handshake(&client.connection, hello, sizeof hello));
    CHECK_STATUS(TLSR_OK, tlsr_connection_set_version(&client.connection, TLSR_TLS_1_2));
    CHECK_STATUS(TLSR_OK, tlsr_connection_write_change_cipher_spec(&client.connection));
    uint8_t wire[64];
    take(&client, wire, sizeof wire, 64);
    CHECK_STATUS(TLSR_ERR_NO_KEYS, tlsr_connection_shutdown(&client.connection));
    CHECK(take(&client, wire, sizeof wire, 64) == 0);
    tlsr_secret secret = {key, 16, salt, 4, NULL, 0, 0, 0xc02f};
    CHECK_STATUS(TLSR_OK,
                 tlsr_connection_install_one(&client.connection, TLSR_CLIENT, TLSR_EPOCH_HANDSHAKE, &secret));
    CHECK(take(&client, wire, sizeof wire, 64) == 5 + 8 + 2 + 16);
    CHECK_STATUS(TLSR_OK, tlsr_connection_shutdown(&client.connection));
}

static void a_layer_becomes_a_connection(void) {
    tlsr_layer layers[2];
    make_layers(&layers[0], &layers[1]);
    end_of_wire *ends[2] = {&client, &server};
    for (int i = 0; i < 2; i++) {
        tlsr_connection *connection = &ends[i]->connection;
        uint8_t *buffer = ends[i]->buffer;
        CHECK_STATUS(TLSR_ERR_NO_SPACE, tlsr_connection_from_layer(connection, sizeof *connection, &layers[i], buffer,
                                                                   TLSR_MIN_BUFFER - 1));
        CHECK_STATUS(TLSR_ERR_SIZE, tlsr_connection_from_layer(connection, sizeof *connection - 1, &layers[i], buffer,
                                                               512));
        CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_connection_from_layer(connection, sizeof *connection, &layers[i], NULL,
                                                                   512));
        CHECK_STATUS(TLSR_OK, tlsr_connection_from_layer(connection, sizeof *connection, &layers[i], buffer, 512));
        CHECK_STATUS(TLSR_ERR_INVALID_HANDLE, tlsr_layer_close(&layers[i]));
    }
    uint8_t wire[64];
    write_text(&client, "data");
    size_t len = take(&client, wire, sizeof wire, 64);
    open_one(&server, wire, len, TLSR_EVENT_APPLICATION_DATA);
}

/* Else the first record overwrites the connection, or the layer is wiped while it is the buffer. */
static void a_buffer_that_overlaps_an_object_is_refused(void) {
    static union {
        tlsr_connection connection;
        tlsr_layer layer;
        uint8_t bytes[sizeof(tlsr_connection) + 1024];
    } one, other;
    tlsr_layer layer, peer;
    make_layers(&layer, &peer);
    tlsr_connection *made = &one.connection;
    uint8_t *last = one.bytes + sizeof *made - 1;
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_connection_from_layer(made, sizeof *made, &layer, one.bytes, 512));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_connection_from_layer(made, sizeof *made, &layer, last, 512));
    CHECK_STATUS(TLSR_OK, tlsr_connection_from_layer(made, sizeof *made, &layer, last + 1, 512));
    CHECK_STATUS(TLSR_OK, tlsr_connection_wipe(made));
    make_layers(&other.layer, &peer);
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_connection_from_layer(made, sizeof *made, &other.layer, other.bytes, 512));
    CHECK_STATUS(TLSR_OK, tlsr_layer_close(&other.layer));
}

static void wrong_calls_are_refused(void) {
    make_both();
    tlsr_config config;
    tlsr_opened opened;
    size_t taken;
    uint8_t data[16] = {0};
    tlsr_connection *connection = &client.connection;
    CHECK_STATUS(TLSR_OK, tlsr_config_init(&config, TLSR_CLIENT));
    CHECK_STATUS(TLSR_ERR_SIZE, tlsr_connection_init(connection, 1, &config, client.buffer, 512));
    CHECK_STATUS(TLSR_ERR_NO_SPACE,
                 tlsr_connection_init(connection, sizeof *connection, &config, client.buffer, TLSR_MIN_BUFFER - 1));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_connection_init(connection, sizeof *connection, NULL, client.buffer, 512));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_connection_init(NULL, sizeof *connection, &config, client.buffer, 512));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_connection_received(connection, NULL, 5, &opened));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_connection_received(connection, data, sizeof data, NULL));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_connection_received(connection, data, SIZE_MAX, &opened));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_connection_write(connection, NULL, 1, &taken));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_connection_write(connection, data, 1, NULL));
    CHECK_STATUS(TLSR_OK, tlsr_connection_write(connection, NULL, 0, &taken));
    CHECK(taken == 0);
    tlsr_slice parts[TLSR_MAX_PARTS + 1] = {{NULL, 0}};
    CHECK_STATUS(TLSR_OK, tlsr_connection_write_parts(connection, parts, TLSR_MAX_PARTS, &taken));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_connection_write_parts(connection, parts, TLSR_MAX_PARTS + 1, &taken));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_connection_unsent(connection, NULL));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_connection_begin_send(connection, NULL));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_connection_reserve(connection, 1, NULL));
    CHECK_STATUS(TLSR_ERR_NO_SLOT, tlsr_connection_commit(connection, 1));
    CHECK_STATUS(TLSR_OK, tlsr_connection_write(connection, data, sizeof data, &taken));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_connection_sent(connection, (size_t)-1));
    tlsr_slice unsent;
    CHECK_STATUS(TLSR_OK, tlsr_connection_unsent(connection, &unsent));
    CHECK(unsent.len == sizeof data + 22);
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_connection_sent(connection, unsent.len + 1));
    CHECK_STATUS(TLSR_OK, tlsr_connection_sent(connection, unsent.len));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_connection_end(connection, NULL));
    CHECK_STATUS(TLSR_ERR_NOT_AN_ERROR_ALERT, tlsr_connection_abort(connection, TLSR_ALERT_CLOSE_NOTIFY));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_connection_install(connection, 0, &client_secret, &server_secret));
    CHECK_STATUS(TLSR_ERR_EPOCH,
                 tlsr_connection_install(connection, TLSR_EPOCH_APPLICATION, &client_secret, &server_secret));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_connection_install_one(connection, 3, TLSR_EPOCH_HANDSHAKE, &client_secret));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_connection_establish(connection, 0));
    CHECK_STATUS(TLSR_ERR_EPOCH, tlsr_connection_establish(connection, TLSR_CLIENT));
    CHECK_STATUS(TLSR_ERR_EPOCH, tlsr_connection_refuse_renegotiation(connection));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_connection_set_own_record_size_limit(connection, 0));
    tlsr_connection copy = *connection;
    CHECK_STATUS(TLSR_ERR_INVALID_HANDLE, tlsr_connection_eof(&copy));
    CHECK(!tlsr_connection_can_write(&copy) && !tlsr_connection_may_write(NULL));
    CHECK(tlsr_connection_take_sealed_alert(&copy) == -1);
}

/* Else a caller that does not look at the status reads what it has not initialised, a pointer for instance. */
static void outputs_are_zeros_after_an_error(void) {
    make_both();
    tlsr_connection *connection = &client.connection, copy = *connection;
    size_t taken;
    uint32_t drained;
    uint8_t data[4] = {0};
    tlsr_slice unsent;
    tlsr_slice_mut slot;
    tlsr_opened opened;
    tlsr_end end;
    tlsr_position position;
    CHECK_CLEARS(TLSR_ERR_INVALID_HANDLE, unsent, tlsr_connection_unsent(&copy, &unsent));
    CHECK_CLEARS(TLSR_ERR_ARGUMENT, unsent, tlsr_connection_unsent(NULL, &unsent));
    CHECK_CLEARS(TLSR_ERR_INVALID_HANDLE, unsent, tlsr_connection_begin_send(&copy, &unsent));
    CHECK_CLEARS(TLSR_ERR_INVALID_HANDLE, slot, tlsr_connection_reserve(&copy, 1, &slot));
    CHECK_CLEARS(TLSR_ERR_TOO_LONG, slot, tlsr_connection_reserve(connection, 20000, &slot));
    CHECK_CLEARS(TLSR_ERR_INVALID_HANDLE, taken, tlsr_connection_write(&copy, data, 1, &taken));
    CHECK_CLEARS(TLSR_ERR_ARGUMENT, taken, tlsr_connection_write(connection, NULL, 1, &taken));
    CHECK_CLEARS(TLSR_ERR_ARGUMENT, taken, tlsr_connection_write_parts(connection, NULL, 1, &taken));
    CHECK_CLEARS(TLSR_ERR_ARGUMENT, opened, tlsr_connection_received(connection, NULL, 1, &opened));
    CHECK_CLEARS(TLSR_ERR_ARGUMENT, opened, tlsr_connection_received_into(connection, NULL, 1, data, 4, &opened));
    CHECK_CLEARS(TLSR_ERR_INVALID_HANDLE, end, tlsr_connection_end(&copy, &end));
    CHECK_CLEARS(TLSR_ERR_INVALID_HANDLE, position, tlsr_connection_position(&copy, &position));
    CHECK_CLEARS(TLSR_ERR_INVALID_HANDLE, drained, tlsr_connection_check_closed(&copy, 0, &drained));
    CHECK_CLEARS(TLSR_ERR_INVALID_HANDLE, drained, tlsr_connection_shutdown_both(&copy, 0, &drained));
    CHECK_STATUS(TLSR_ERR_WOULD_BLOCK_WRITE, tlsr_connection_shutdown(connection));
    CHECK_CLEARS(TLSR_ERR_CONNECTION_CLOSED, taken, tlsr_connection_write(connection, data, 1, &taken));
    CHECK_CLEARS(TLSR_ERR_CONNECTION_CLOSED, slot, tlsr_connection_reserve(connection, 1, &slot));
}

void test_connection(void) {
    outputs_are_zeros_after_an_error();
    data_goes_both_ways_in_pieces_of_any_length();
    a_record_in_pieces_is_opened_elsewhere();
    one_step_is_done_when_the_transport_has_the_close_notify();
    two_steps_wait_for_the_close_notify_of_the_peer();
    each_answer_of_a_shutdown_has_its_cause();
    a_forged_record_ends_the_connection_with_its_alert();
    a_slot_is_sealed_in_place();
    a_send_ends_after_its_records_were_discarded();
    bytes_of_a_send_stay_where_they_are();
    keys_are_updated_and_answered();
    settings_change_the_records();
    a_handshake_of_tls_1_2_runs_on_the_connection();
    a_close_between_change_cipher_spec_and_keys_waits_for_them();
    a_layer_becomes_a_connection();
    a_buffer_that_overlaps_an_object_is_refused();
    wrong_calls_are_refused();
}
