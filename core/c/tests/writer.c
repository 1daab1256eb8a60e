/* tlsr_writer: a connection in two halves, over a mailbox and with words that the caller carries. */
#include "check.h"

static tlsr_opener opener;
static tlsr_writer writer;
static tlsr_mailbox mailbox;
static tlsr_layer peer;
static uint8_t buffer[512];

/* Makes the halves of a client, and the server that is its peer. */
static void make_halves(int has_mailbox) {
    tlsr_layer client;
    tlsr_connection connection;
    make_layers(&client, &peer);
    CHECK_STATUS(TLSR_OK,
                 tlsr_connection_from_layer(&connection, sizeof connection, &client, buffer, sizeof buffer));
    CHECK_STATUS(TLSR_ERR_SIZE, tlsr_connection_split(&connection, &opener, 8, &writer, sizeof writer, NULL, 0));
    CHECK_STATUS(TLSR_OK, tlsr_connection_split(&connection, &opener, sizeof opener, &writer, sizeof writer,
                                                has_mailbox ? &mailbox : NULL, sizeof mailbox));
    CHECK_STATUS(TLSR_ERR_INVALID_HANDLE, tlsr_connection_eof(&connection));
}

/* Takes all that is unsent. */
static size_t take(uint8_t *wire, size_t len) {
    tlsr_slice unsent;
    CHECK_STATUS(TLSR_OK, tlsr_writer_unsent(&writer, &unsent));
    CHECK(unsent.len <= len);
    if (unsent.len != 0) {
        memcpy(wire, unsent.data, unsent.len);
    }
    CHECK_STATUS(TLSR_OK, tlsr_writer_sent(&writer, unsent.len));
    return unsent.len;
}

static void open_at_peer(uint8_t *wire, size_t len, uint8_t event) {
    tlsr_opened opened;
    CHECK_STATUS(TLSR_OK, tlsr_layer_open(&peer, wire, len, &opened));
    CHECK(opened.event == event);
}

static size_t control_of_peer(uint8_t *wire, size_t len) {
    tlsr_sealed sealed;
    CHECK_STATUS(TLSR_OK, tlsr_layer_poll_control(&peer, wire, len, &sealed));
    return sealed.written;
}

/* Else the first record that is sealed overwrites the object. */
static void no_object_lies_in_the_buffer_of_the_connection(void) {
    static union {
        tlsr_opener opener;
        tlsr_writer writer;
        tlsr_mailbox mailbox;
        tlsr_connection connection;
        uint8_t bytes[sizeof(tlsr_connection) + 1024];
    } memory;
    tlsr_layer client;
    tlsr_connection connection;
    size_t len = sizeof memory.bytes, taken;
    make_layers(&client, &peer);
    CHECK_STATUS(TLSR_OK, tlsr_connection_from_layer(&connection, sizeof connection, &client, memory.bytes, len));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_connection_split(&connection, &memory.opener, sizeof opener, &writer,
                                                          sizeof writer, &mailbox, sizeof mailbox));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_connection_split(&connection, &opener, sizeof opener, &memory.writer,
                                                          sizeof writer, NULL, 0));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_connection_split(&connection, &opener, sizeof opener, &writer,
                                                          sizeof writer, &memory.mailbox, sizeof mailbox));
    /* Nothing has changed, and the buffer stays that of the writer and of what is joined. */
    for (int i = 0; i < 2; i++) {
        CHECK_STATUS(TLSR_OK, tlsr_connection_write(&connection, (const uint8_t *)"data", 4, &taken));
        CHECK_STATUS(TLSR_OK, tlsr_connection_split(&connection, &opener, sizeof opener, &writer, sizeof writer,
                                                    &mailbox, sizeof mailbox));
        CHECK_STATUS(TLSR_ERR_ARGUMENT,
                     tlsr_connection_join(&memory.connection, sizeof connection, &opener, &writer));
        CHECK_STATUS(TLSR_OK, tlsr_connection_join(&connection, sizeof connection, &opener, &writer));
        CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_connection_split(&connection, &memory.opener, sizeof opener, &writer,
                                                              sizeof writer, &mailbox, sizeof mailbox));
    }
    CHECK_STATUS(TLSR_OK, tlsr_connection_wipe(&connection));
}

static void the_mailbox_carries_what_is_due(void) {
    make_halves(1);
    uint8_t wire[128], has_notice;
    size_t taken;
    tlsr_opened opened;
    CHECK_STATUS(TLSR_OK, tlsr_writer_write(&writer, (const uint8_t *)"data", 4, &taken));
    open_at_peer(wire, take(wire, sizeof wire), TLSR_EVENT_APPLICATION_DATA);
    /* The peer requests a KeyUpdate: the opener reads it, the writer answers. */
    CHECK_STATUS(TLSR_OK, tlsr_layer_update_keys(&peer, 1));
    size_t len = control_of_peer(wire, sizeof wire);
    CHECK_STATUS(TLSR_OK, tlsr_opener_open(&opener, wire, len, &opened));
    CHECK(opened.event == TLSR_EVENT_KEY_UPDATE && opened.detail == 1);
    CHECK_STATUS(TLSR_OK, tlsr_opener_has_notice(&opener, &has_notice));
    CHECK(has_notice == 1);
    open_at_peer(wire, take(wire, sizeof wire), TLSR_EVENT_KEY_UPDATE);
    /* A forged record: the opener fails, the writer has the alert. */
    memset(wire, 0, sizeof wire);
    memcpy(wire, "\x17\x03\x03\0\x20", 5);
    CHECK_STATUS(TLSR_ERR_FAULT, tlsr_opener_open(&opener, wire, 37, &opened));
    CHECK(take(wire, sizeof wire) == 24);
    tlsr_end end;
    CHECK_STATUS(TLSR_OK, tlsr_writer_end(&writer, &end));
    CHECK(end.write == TLSR_WRITE_ALERT_SENT && end.write_alert == TLSR_ALERT_BAD_RECORD_MAC);
    CHECK_STATUS(TLSR_ERR_PEER_ALERT, tlsr_layer_open(&peer, wire, 24, &opened));
}

static void the_caller_carries_what_is_due_without_a_mailbox(void) {
    make_halves(0);
    uint8_t wire[128];
    uint32_t word;
    tlsr_opened opened;
    CHECK_STATUS(TLSR_OK, tlsr_layer_update_keys(&peer, 1));
    size_t len = control_of_peer(wire, sizeof wire);
    CHECK_STATUS(TLSR_OK, tlsr_opener_open(&opener, wire, len, &opened));
    CHECK(take(wire, sizeof wire) == 0);
    CHECK_STATUS(TLSR_OK, tlsr_opener_take_notice(&opener, &word));
    CHECK(word != 0);
    CHECK_STATUS(TLSR_OK, tlsr_writer_apply_notice(&writer, word));
    open_at_peer(wire, take(wire, sizeof wire), TLSR_EVENT_KEY_UPDATE);
    /* Our abort is a signal to the opener. */
    CHECK_STATUS(TLSR_OK, tlsr_writer_abort(&writer, TLSR_ALERT_INTERNAL_ERROR));
    CHECK_STATUS(TLSR_OK, tlsr_writer_take_signal(&writer, &word));
    CHECK(word != 0);
    CHECK_STATUS(TLSR_OK, tlsr_opener_apply_signal(&opener, word));
    CHECK_STATUS(TLSR_ERR_FAULT, tlsr_opener_open(&opener, wire, 5, &opened));
    tlsr_end end;
    CHECK_STATUS(TLSR_OK, tlsr_opener_end(&opener, &end));
    CHECK(end.fault == TLSR_FAULT_ABORTED && end.read_alert == TLSR_ALERT_INTERNAL_ERROR);
}

static void both_steps_of_a_shutdown_are_in_their_halves(void) {
    make_halves(1);
    uint8_t wire[64];
    uint32_t drained;
    tlsr_opened opened;
    CHECK_STATUS(TLSR_ERR_WOULD_BLOCK_WRITE, tlsr_writer_shutdown(&writer));
    CHECK_STATUS(TLSR_ERR_AWAITING_PEER, tlsr_opener_check_closed(&opener, 100, &drained));
    open_at_peer(wire, take(wire, sizeof wire), TLSR_EVENT_CLOSED);
    CHECK_STATUS(TLSR_OK, tlsr_writer_shutdown(&writer));
    CHECK_STATUS(TLSR_ERR_CONNECTION_CLOSED, tlsr_writer_shutdown(&writer));
    CHECK_STATUS(TLSR_OK, tlsr_layer_close(&peer));
    size_t len = control_of_peer(wire, sizeof wire);
    CHECK_STATUS(TLSR_OK, tlsr_opener_open(&opener, wire, len, &opened));
    CHECK_STATUS(TLSR_OK, tlsr_opener_check_closed(&opener, 100, &drained));
    tlsr_end read, write;
    CHECK_STATUS(TLSR_OK, tlsr_opener_end(&opener, &read));
    CHECK_STATUS(TLSR_OK, tlsr_writer_end(&writer, &write));
    CHECK(read.read == TLSR_READ_CLOSED && write.write == TLSR_WRITE_CLOSED);
}

static void joined_halves_go_on_with_what_is_unsent(void) {
    for (int has_mailbox = 0; has_mailbox < 2; has_mailbox++) {
        make_halves(has_mailbox);
        uint8_t wire[64];
        size_t taken;
        tlsr_connection connection;
        CHECK_STATUS(TLSR_OK, tlsr_writer_write(&writer, (const uint8_t *)"unsent", 6, &taken));
        CHECK_STATUS(TLSR_ERR_SIZE, tlsr_connection_join(&connection, 8, &opener, &writer));
        CHECK_STATUS(TLSR_OK, tlsr_connection_join(&connection, sizeof connection, &opener, &writer));
        CHECK_STATUS(TLSR_ERR_INVALID_HANDLE, tlsr_writer_shutdown(&writer));
        tlsr_slice unsent;
        CHECK_STATUS(TLSR_OK, tlsr_connection_unsent(&connection, &unsent));
        CHECK(unsent.len == 28);
        memcpy(wire, unsent.data, unsent.len);
        open_at_peer(wire, 28, TLSR_EVENT_APPLICATION_DATA);
    }
}

static void a_writer_writes_as_a_connection(void) {
    make_halves(1);
    uint8_t wire[256], message[4] = {4, 0, 0, 0};
    size_t taken;
    tlsr_slice_mut slot;
    tlsr_slice sending;
    tlsr_control control;
    const tlsr_slice parts[2] = {{(const uint8_t *)"an ", 3}, {(const uint8_t *)"answer", 6}};
    CHECK_STATUS(TLSR_OK, tlsr_writer_write_parts(&writer, parts, 2, &taken));
    CHECK(taken == 9);
    CHECK_STATUS(TLSR_OK, tlsr_writer_reserve(&writer, 8, &slot));
    CHECK_STATUS(TLSR_ERR_CONNECTION_ACTIVE, tlsr_writer_shutdown(&writer));
    CHECK_STATUS(TLSR_OK, tlsr_writer_discard(&writer));
    CHECK_STATUS(TLSR_ERR_NO_SLOT, tlsr_writer_commit(&writer, 0));
    CHECK_STATUS(TLSR_OK, tlsr_writer_reserve(&writer, 8, &slot));
    memset(slot.data, 'x', slot.len);
    CHECK_STATUS(TLSR_OK, tlsr_writer_commit(&writer, 8));
    CHECK_STATUS(TLSR_OK, tlsr_writer_begin_send(&writer, &sending));
    CHECK(sending.len == 31 + 30);
    CHECK_STATUS(TLSR_OK, tlsr_writer_sent(&writer, sending.len));
    CHECK_STATUS(TLSR_OK, tlsr_writer_set_fragment_limit(&writer, 2));
    CHECK_STATUS(TLSR_OK, tlsr_writer_write(&writer, (const uint8_t *)"abcd", 4, &taken));
    CHECK(take(wire, sizeof wire) == 2 * 24);
    CHECK_STATUS(TLSR_OK, tlsr_writer_update_keys(&writer, 0));
    CHECK(take(wire, sizeof wire) == 27);
    CHECK_STATUS(TLSR_ERR_EPOCH, tlsr_writer_refuse_renegotiation(&writer));
    CHECK_STATUS(TLSR_ERR_NOT_HANDSHAKE, tlsr_writer_write_change_cipher_spec(&writer));
    CHECK_STATUS(TLSR_OK, tlsr_writer_write_handshake(&writer, message, sizeof message));
    CHECK_STATUS(TLSR_OK, tlsr_writer_take_kernel_control(&writer, &control));
    CHECK(control.kind == TLSR_CONTROL_NONE);
    CHECK_STATUS(TLSR_OK, tlsr_writer_transport_failed(&writer));
    CHECK_STATUS(TLSR_ERR_IO, tlsr_writer_shutdown(&writer));
}

static void a_send_ends_after_its_records_were_discarded(void) {
    make_halves(1);
    uint8_t wire[64];
    size_t taken;
    tlsr_slice sending;
    tlsr_opened opened;
    CHECK_STATUS(TLSR_OK, tlsr_writer_write(&writer, (const uint8_t *)"data", 4, &taken));
    CHECK_STATUS(TLSR_OK, tlsr_writer_begin_send(&writer, &sending));
    CHECK_STATUS(TLSR_OK, tlsr_layer_abort(&peer, TLSR_ALERT_INTERNAL_ERROR));
    size_t len = control_of_peer(wire, sizeof wire);
    CHECK_STATUS(TLSR_ERR_PEER_ALERT, tlsr_opener_open(&opener, wire, len, &opened));
    CHECK_STATUS(TLSR_OK, tlsr_writer_sent(&writer, sending.len));
    CHECK(take(wire, sizeof wire) == 0);
}

static void wrong_calls_are_refused(void) {
    make_halves(1);
    uint8_t data[16] = {0};
    size_t taken;
    tlsr_connection connection;
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_writer_write(&writer, NULL, 1, &taken));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_writer_write(&writer, data, 1, NULL));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_writer_write_parts(&writer, NULL, 1, &taken));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_writer_write_handshake(&writer, NULL, 1));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_writer_reserve(&writer, 1, NULL));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_writer_sent(&writer, (size_t)-1));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_writer_unsent(&writer, NULL));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_writer_begin_send(&writer, NULL));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_writer_take_signal(&writer, NULL));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_writer_end(&writer, NULL));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_writer_take_kernel_control(&writer, NULL));
    CHECK_STATUS(TLSR_ERR_NOT_AN_ERROR_ALERT, tlsr_writer_abort(&writer, TLSR_ALERT_CLOSE_NOTIFY));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_connection_join(&connection, sizeof connection, NULL, &writer));
    tlsr_writer copy = writer;
    CHECK_STATUS(TLSR_ERR_INVALID_HANDLE, tlsr_writer_shutdown(&copy));
    CHECK_STATUS(TLSR_ERR_INVALID_HANDLE, tlsr_connection_join(&connection, sizeof connection, &opener, &copy));
    tlsr_slice unsent;
    tlsr_slice_mut slot;
    uint32_t signal;
    tlsr_control control;
    tlsr_end end;
    CHECK_CLEARS(TLSR_ERR_INVALID_HANDLE, unsent, tlsr_writer_unsent(&copy, &unsent));
    CHECK_CLEARS(TLSR_ERR_INVALID_HANDLE, unsent, tlsr_writer_begin_send(&copy, &unsent));
    CHECK_CLEARS(TLSR_ERR_INVALID_HANDLE, slot, tlsr_writer_reserve(&copy, 1, &slot));
    CHECK_CLEARS(TLSR_ERR_INVALID_HANDLE, taken, tlsr_writer_write(&copy, data, 1, &taken));
    CHECK_CLEARS(TLSR_ERR_ARGUMENT, taken, tlsr_writer_write_parts(&writer, NULL, 1, &taken));
    CHECK_CLEARS(TLSR_ERR_INVALID_HANDLE, signal, tlsr_writer_take_signal(&copy, &signal));
    CHECK_CLEARS(TLSR_ERR_INVALID_HANDLE, control, tlsr_writer_take_kernel_control(&copy, &control));
    CHECK_CLEARS(TLSR_ERR_INVALID_HANDLE, end, tlsr_writer_end(&copy, &end));
    CHECK_STATUS(TLSR_OK, tlsr_writer_wipe(&writer));
    CHECK_STATUS(TLSR_ERR_INVALID_HANDLE, tlsr_writer_sent(&writer, 0));
}

/* What the writer cannot know: the header says what it answers in place of the connection. */
static void a_shutdown_of_the_writer_does_not_know_what_was_received(void) {
    const uint8_t hello[9] = {22, 3, 1, 0, 4, 1, 0, 0, 0}, http[14] = "GET / HTTP/1.";
    tlsr_config config;
    CHECK_STATUS(TLSR_OK, tlsr_config_init(&config, TLSR_SERVER));
    for (int is_tls = 0; is_tls < 2; is_tls++) {
        for (int is_split = 0; is_split < 2; is_split++) {
            tlsr_connection connection;
            tlsr_opened opened;
            uint8_t input[14];
            size_t len = is_tls ? sizeof hello : sizeof http;
            tlsr_status received, closed;
            memcpy(input, is_tls ? hello : http, len);
            CHECK_STATUS(TLSR_OK,
                         tlsr_connection_init(&connection, sizeof connection, &config, buffer, sizeof buffer));
            if (is_split) {
                CHECK_STATUS(TLSR_OK, tlsr_connection_split(&connection, &opener, sizeof opener, &writer,
                                                            sizeof writer, &mailbox, sizeof mailbox));
                received = tlsr_opener_open(&opener, input, len, &opened);
                closed = tlsr_writer_shutdown(&writer);
            } else {
                received = tlsr_connection_received(&connection, input, len, &opened);
                closed = tlsr_connection_shutdown(&connection);
            }
            CHECK_STATUS(is_tls ? TLSR_OK : TLSR_ERR_FAULT, received);
            if (is_tls) {
                CHECK_STATUS(is_split ? TLSR_ERR_INVALID_STATE : TLSR_ERR_WOULD_BLOCK_WRITE, closed);
            } else {
                CHECK_STATUS(is_split ? TLSR_ERR_FAILED : TLSR_ERR_NOT_TLS, closed);
            }
        }
    }
}

void test_writer(void) {
    no_object_lies_in_the_buffer_of_the_connection();
    a_shutdown_of_the_writer_does_not_know_what_was_received();
    the_mailbox_carries_what_is_due();
    the_caller_carries_what_is_due_without_a_mailbox();
    both_steps_of_a_shutdown_are_in_their_halves();
    joined_halves_go_on_with_what_is_unsent();
    a_send_ends_after_its_records_were_discarded();
    a_writer_writes_as_a_connection();
    wrong_calls_are_refused();
}
