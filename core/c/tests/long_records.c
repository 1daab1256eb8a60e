/* Records in pieces, and records that are longer than the buffer. */
#include "check.h"

#ifdef TLSR_LONG_RECORDS

static uint8_t data[5000], wire[6000];

/* Makes two ends, and a record of the client in `wire`. Returns its length. */
static size_t make(tlsr_layer *client, tlsr_layer *server) {
    make_layers(client, server);
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)(i * 7);
    }
    tlsr_sealed sealed;
    CHECK_STATUS(TLSR_OK, tlsr_layer_seal(client, data, sizeof data, wire, sizeof wire, &sealed));
    CHECK(sealed.taken == sizeof data && sealed.written == sizeof data + 22);
    return sealed.written;
}

static void a_record_in_pieces_is_opened_where_it_lies(void) {
    for (size_t cut = 0; cut < 5022; cut += 97) {
        tlsr_layer client, server;
        size_t len = make(&client, &server);
        const tlsr_slice_mut pieces[3] = {{wire, cut}, {NULL, 0}, {wire + cut, len - cut}};
        tlsr_opened opened;
        CHECK_STATUS(TLSR_OK, tlsr_layer_open_pieces(&server, pieces, 3, &opened));
        CHECK(opened.event == TLSR_EVENT_APPLICATION_DATA && opened.consumed == len);
        CHECK(opened.len == sizeof data && memcmp(wire + opened.offset, data, sizeof data) == 0);
    }
}

static void a_forged_record_in_pieces_is_not_decrypted(void) {
    tlsr_layer client, server;
    size_t len = make(&client, &server);
    wire[len - 1] ^= 1;
    static uint8_t before[sizeof wire];
    memcpy(before, wire, len);
    const tlsr_slice_mut pieces[2] = {{wire, 1000}, {wire + 1000, len - 1000}};
    tlsr_opened opened;
    CHECK_STATUS(TLSR_ERR_FAULT, tlsr_layer_open_pieces(&server, pieces, 2, &opened));
    CHECK(memcmp(before + 5, wire + 5, len - 5) == 0);
}

/* Receives the record through a window of 256 bytes. Returns how many bytes of `out` are committed, or the status. */
static long receive_arriving(tlsr_connection *server, size_t len, uint8_t *out) {
    uint8_t window[256];
    size_t filled = 0, received = 0;
    for (;;) {
        tlsr_arrived arrived;
        tlsr_status status = tlsr_connection_received_arriving(server, window, filled, sizeof window, &arrived);
        if (status != TLSR_OK) {
            return status;
        }
        if (arrived.arrival == TLSR_ARRIVAL_COMMITTED) {
            CHECK(arrived.record.event == TLSR_EVENT_NOTHING);
            return (long)arrived.content;
        }
        if (arrived.arrival == TLSR_ARRIVAL_PROVISIONAL) {
            CHECK(arrived.unauthenticated_offset + arrived.unauthenticated_len <= filled);
            memcpy(out + arrived.place, window + arrived.unauthenticated_offset, arrived.unauthenticated_len);
        }
        filled -= arrived.record.consumed;
        memmove(window, window + arrived.record.consumed, filled);
        if (arrived.arrival == TLSR_ARRIVAL_RECORD) {
            CHECK(arrived.record.event == TLSR_EVENT_NEED_MORE);
            if (received == len) {
                return 0;
            }
            size_t now = len - received < sizeof window - filled ? len - received : sizeof window - filled;
            memcpy(window + filled, wire + received, now);
            filled += now;
            received += now;
        }
    }
}

static void a_record_longer_than_the_window_is_committed_at_its_tag(void) {
    for (int forged = 0; forged < 2; forged++) {
        tlsr_layer client, server;
        tlsr_connection connection;
        uint8_t buffer[512];
        static uint8_t out[6000];
        size_t len = make(&client, &server);
        wire[4000] ^= (uint8_t)forged;
        CHECK_STATUS(TLSR_OK,
                     tlsr_connection_from_layer(&connection, sizeof connection, &server, buffer, sizeof buffer));
        long committed = receive_arriving(&connection, len, out);
        if (forged) {
            CHECK(committed == TLSR_ERR_FAULT);
            tlsr_end end;
            CHECK_STATUS(TLSR_OK, tlsr_connection_end(&connection, &end));
            CHECK(end.fault == TLSR_FAULT_BAD_RECORD_MAC);
        } else {
            CHECK(committed == (long)sizeof data && memcmp(out, data, sizeof data) == 0);
        }
    }
}

static void a_record_that_is_cut_off_is_never_committed(void) {
    tlsr_layer client, server;
    tlsr_connection connection;
    uint8_t buffer[512];
    static uint8_t out[6000];
    size_t len = make(&client, &server);
    CHECK_STATUS(TLSR_OK,
                 tlsr_connection_from_layer(&connection, sizeof connection, &server, buffer, sizeof buffer));
    CHECK(receive_arriving(&connection, len - 1, out) == 0);
    CHECK_STATUS(TLSR_OK, tlsr_connection_eof(&connection));
    tlsr_end end;
    CHECK_STATUS(TLSR_OK, tlsr_connection_end(&connection, &end));
    CHECK(end.read == TLSR_READ_TRUNCATED && end.inside_record == 1);
}

static void layers_connections_and_openers_have_both(void) {
    tlsr_layer client, server;
    tlsr_opener opener;
    tlsr_sealer sealer;
    tlsr_opened opened;
    tlsr_arrived arrived;
    size_t len = make(&client, &server);
    tlsr_slice_mut piece = {wire, len};
    CHECK_STATUS(TLSR_OK, tlsr_layer_open_arriving(&server, wire, 100, 300, &arrived));
    CHECK(arrived.arrival == TLSR_ARRIVAL_PROVISIONAL && arrived.place == 0);
    /* The rest is of this function. */
    CHECK_STATUS(TLSR_ERR_OTHER_BUFFER, tlsr_layer_open_pieces(&server, &piece, 1, &opened));
    CHECK_STATUS(TLSR_ERR_OTHER_BUFFER, tlsr_layer_open(&server, wire, len, &opened));

    len = make(&client, &server);
    CHECK_STATUS(TLSR_OK, tlsr_layer_split(&server, &opener, sizeof opener, &sealer, sizeof sealer, NULL, 0));
    piece.len = len;
    CHECK_STATUS(TLSR_OK, tlsr_opener_open_pieces(&opener, &piece, 1, &opened));
    CHECK(opened.event == TLSR_EVENT_APPLICATION_DATA && memcmp(wire + opened.offset, data, sizeof data) == 0);
    tlsr_sealed sealed;
    CHECK_STATUS(TLSR_OK, tlsr_layer_seal(&client, data, sizeof data, wire, sizeof wire, &sealed));
    CHECK_STATUS(TLSR_OK, tlsr_opener_open_arriving(&opener, wire, 200, 256, &arrived));
    CHECK(arrived.arrival == TLSR_ARRIVAL_PROVISIONAL);

    tlsr_connection connection;
    uint8_t buffer[512];
    len = make(&client, &server);
    CHECK_STATUS(TLSR_OK,
                 tlsr_connection_from_layer(&connection, sizeof connection, &server, buffer, sizeof buffer));
    CHECK_STATUS(TLSR_OK, tlsr_connection_received_pieces(&connection, &piece, 1, &opened));
    CHECK(opened.event == TLSR_EVENT_APPLICATION_DATA);
}

static void wrong_calls_are_refused(void) {
    tlsr_layer client, server;
    tlsr_opened opened;
    tlsr_arrived arrived;
    size_t len = make(&client, &server);
    tlsr_slice_mut pieces[TLSR_MAX_PARTS + 1] = {{wire, len}, {wire + len - 1, 1}};
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_open_pieces(&server, pieces, 2, &opened));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_open_pieces(&server, pieces, TLSR_MAX_PARTS + 1, &opened));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_open_pieces(&server, NULL, 1, &opened));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_open_pieces(&server, pieces, 1, NULL));
    CHECK_STATUS(TLSR_OK, tlsr_layer_open_pieces(&server, NULL, 0, &opened));
    CHECK(opened.event == TLSR_EVENT_NEED_MORE);
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_open_arriving(&server, NULL, 1, 256, &arrived));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_open_arriving(&server, wire, len, 256, NULL));
    tlsr_layer copy = server;
    CHECK_STATUS(TLSR_ERR_INVALID_HANDLE, tlsr_layer_open_arriving(&copy, wire, len, 256, &arrived));
    CHECK_STATUS(TLSR_ERR_INVALID_HANDLE, tlsr_layer_open_pieces(&copy, pieces, 1, &opened));
}

void test_long_records(void) {
    a_record_in_pieces_is_opened_where_it_lies();
    a_forged_record_in_pieces_is_not_decrypted();
    a_record_longer_than_the_window_is_committed_at_its_tag();
    a_record_that_is_cut_off_is_never_committed();
    layers_connections_and_openers_have_both();
    wrong_calls_are_refused();
}

#else

void test_long_records(void) {}

#endif
