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

/* A store that opens records in parts, and says in `calls` what was called: b, u, v, e, and d for destroy_key. */
static char calls[32];
static int32_t failing; /* This call fails. */
static int32_t called(char name) {
    char one[2] = {name, 0};
    CHECK(strlen(calls) + 2 < sizeof calls);
    strcat(calls, one);
    return name == failing;
}
static int32_t store_keys(void *context, uintptr_t secret, uint16_t suite, uintptr_t *key, uint8_t iv[12]) {
    (void)context, (void)suite;
    *key = secret;
    memset(iv, 0, 12);
    return 0;
}
static int32_t store_update(void *context, uintptr_t *secret, uint16_t suite) {
    (void)context, (void)secret, (void)suite;
    return -1;
}
static int32_t store_seal(void *context, uintptr_t key, const uint8_t nonce[12], const uint8_t *additional_data,
                          size_t additional_data_len, uint8_t *in_out, size_t len, uint8_t *tag,
                          size_t tag_len) {
    (void)context, (void)key, (void)nonce, (void)additional_data, (void)additional_data_len, (void)in_out;
    (void)len, (void)tag, (void)tag_len;
    return -1;
}
static int32_t store_open(void *context, uintptr_t key, const uint8_t nonce[12], const uint8_t *additional_data,
                          size_t additional_data_len, uint8_t *in_out, size_t len, const uint8_t *tag,
                          size_t tag_len) {
    (void)context, (void)key, (void)nonce, (void)additional_data, (void)additional_data_len, (void)in_out;
    (void)len, (void)tag, (void)tag_len;
    return -1;
}
static void store_destroy_key(void *context, uintptr_t key) {
    (void)context;
    if (key == 1) { /* That of the client, which the server opens records under. */
        called('d');
    }
}
static void store_destroy_secret(void *context, uintptr_t secret) {
    (void)context, (void)secret;
}
static int32_t store_begin(void *context, uintptr_t key, const uint8_t nonce[12], const uint8_t *additional_data,
                           size_t additional_data_len, size_t len) {
    (void)context, (void)key, (void)nonce, (void)additional_data, (void)additional_data_len, (void)len;
    return called('b');
}
static int32_t store_authenticate(void *context, uintptr_t key, const uint8_t *ciphertext, size_t len) {
    (void)context, (void)key, (void)ciphertext, (void)len;
    return called('a');
}
static int32_t store_part(void *context, uintptr_t key, uint8_t *in_out, size_t len) {
    (void)context, (void)key;
    in_out[len - 1] = 23; /* The content type, in the last part. */
    return called('u');
}
static int32_t store_verify(void *context, uintptr_t key, const uint8_t *tag, size_t tag_len) {
    (void)context, (void)key, (void)tag, (void)tag_len;
    return called('v');
}
static void store_end(void *context, uintptr_t key) {
    (void)context, (void)key;
    called('e');
}

/* A multi-part operation holds a slot of the chip, and the key, until it is ended. */
static void a_store_ends_each_record_that_it_has_begun(void) {
    static const tlsr_key_store_parts parts = {store_begin, store_authenticate, store_part,
                                               store_part,  store_verify,       store_end};
    static const tlsr_key_store store = {NULL,       store_keys,        store_update,         store_seal,
                                         store_open, store_destroy_key, store_destroy_secret, &parts};
    const tlsr_secret client = {NULL, 0, NULL, 0, &store, 1, 0, 0x1301};
    const tlsr_secret server = {NULL, 0, NULL, 0, &store, 2, 0, 0x1301};
    /* What fails, how much of the record arrives, and what was called after the layer is wiped. */
    static const struct {
        char failing;
        uint16_t len;
        const char *calls;
    } cases[] = {
        {0, 4, "d"},      {0, 533, "buuved"}, {0, 261, "bued"},
        {'b', 533, "bed"}, {'u', 533, "bued"}, {'v', 533, "buuved"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int is_eof = 0; is_eof < 2; is_eof++) {
            tlsr_config config;
            tlsr_layer layer;
            uint8_t record[5 + 512 + 16] = {23, 3, 3, 2, 16};
            tlsr_arrived arrived;
            calls[0] = 0;
            failing = cases[i].failing;
            CHECK_STATUS(TLSR_OK, tlsr_config_init(&config, TLSR_SERVER));
            CHECK_STATUS(TLSR_OK, tlsr_layer_init(&layer, sizeof layer, &config));
            if (tlsr_layer_install(&layer, TLSR_EPOCH_APPLICATION, &client, &server) == TLSR_ERR_UNSUPPORTED) {
                return; /* A library without key stores. */
            }
            size_t len = cases[i].len, capacity = 5 + 256;
            tlsr_status status = TLSR_OK;
            for (uint8_t *at = record; status == TLSR_OK && at < record + len; at += arrived.record.consumed) {
                size_t left = (size_t)(record + len - at);
                left = left < capacity ? left : capacity;
                status = tlsr_layer_open_arriving(&layer, at, left, capacity, &arrived);
                if (status == TLSR_OK && arrived.record.consumed == 0) {
                    break;
                }
            }
            CHECK_STATUS(failing ? TLSR_ERR_FAULT : TLSR_OK, status);
            if (is_eof) {
                CHECK_STATUS(TLSR_OK, tlsr_layer_eof(&layer));
            }
            CHECK_STATUS(TLSR_OK, tlsr_layer_wipe(&layer));
            CHECK(strcmp(calls, cases[i].calls) == 0);
        }
    }
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
    a_store_ends_each_record_that_it_has_begun();
    a_forged_record_in_pieces_is_not_decrypted();
    a_record_longer_than_the_window_is_committed_at_its_tag();
    a_record_that_is_cut_off_is_never_committed();
    layers_connections_and_openers_have_both();
    wrong_calls_are_refused();
}

#else

void test_long_records(void) {}

#endif
