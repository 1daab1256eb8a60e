/* tlsr_buffer */
#include "check.h"

/* Three records that arrive in pieces of any length, in memory that is little longer than one of them. */
static void records_are_collected_from_pieces(void) {
    for (size_t piece = 1; piece <= 100; piece++) {
        tlsr_layer client, server;
        make_layers(&client, &server);
        uint8_t wire[256], memory[48];
        size_t len = 0, received = 0;
        tlsr_sealed sealed;
        for (int i = 0; i < 3; i++) {
            CHECK_STATUS(TLSR_OK, tlsr_layer_seal(&client, (const uint8_t *)"some more data.....", 19, wire + len,
                                                  sizeof wire - len, &sealed));
            len += sealed.written;
        }
        tlsr_buffer buffer;
        CHECK_STATUS(TLSR_OK, tlsr_buffer_init(&buffer, sizeof buffer, memory, sizeof memory));
        int records = 0;
        while (received < len) {
            tlsr_slice_mut room, filled;
            CHECK_STATUS(TLSR_OK, tlsr_buffer_room(&buffer, &room));
            CHECK(room.len > 0 && room.data >= memory && room.data + room.len <= memory + sizeof memory);
            size_t now = len - received;
            now = now < piece ? now : piece;
            now = now < room.len ? now : room.len;
            memcpy(room.data, wire + received, now);
            CHECK_STATUS(TLSR_OK, tlsr_buffer_received(&buffer, now));
            received += now;
            tlsr_opened opened;
            do {
                CHECK_STATUS(TLSR_OK, tlsr_buffer_filled(&buffer, &filled));
                CHECK_STATUS(TLSR_OK, tlsr_layer_open(&server, filled.data, filled.len, &opened));
                if (opened.event == TLSR_EVENT_APPLICATION_DATA) {
                    CHECK(opened.len == 19 && memcmp(filled.data + opened.offset, "some more data.....", 19) == 0);
                    records++;
                }
                CHECK_STATUS(TLSR_OK, tlsr_buffer_consume(&buffer, &opened));
            } while (opened.event != TLSR_EVENT_NEED_MORE);
        }
        CHECK(records == 3);
    }
}

static void a_record_longer_than_the_memory_is_an_error(void) {
    tlsr_layer client, server;
    make_layers(&client, &server);
    uint8_t memory[32];
    tlsr_buffer buffer;
    CHECK_STATUS(TLSR_OK, tlsr_buffer_init(&buffer, sizeof buffer, memory, sizeof memory));
    tlsr_slice_mut room;
    tlsr_opened opened;
    CHECK_STATUS(TLSR_OK, tlsr_buffer_room(&buffer, &room));
    memcpy(room.data, "\x17\x03\x03\x00\x20", 5);
    CHECK_STATUS(TLSR_OK, tlsr_buffer_received(&buffer, 5));
    CHECK_STATUS(TLSR_OK, tlsr_buffer_filled(&buffer, &room));
    CHECK_STATUS(TLSR_OK, tlsr_layer_open(&server, room.data, room.len, &opened));
    CHECK(opened.event == TLSR_EVENT_NEED_MORE && opened.needed == 37);
    CHECK_STATUS(TLSR_OK, tlsr_buffer_consume(&buffer, &opened));
    CHECK_CLEARS(TLSR_ERR_RECORD_TOO_LONG, room, tlsr_buffer_room(&buffer, &room));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_buffer_received(&buffer, 1)); /* there is no room any more */
}

/* DMA goes on while the records before it are opened, also behind the last of them. */
static void the_room_stays_where_it_is_while_records_are_consumed(void) {
    for (size_t early = 0; early < 20; early += 10) {
        tlsr_layer client, server;
        make_layers(&client, &server);
        uint8_t wire[2][32], memory[128];
        tlsr_sealed sealed;
        tlsr_buffer buffer;
        tlsr_slice_mut room, filled;
        tlsr_opened opened;
        for (int i = 0; i < 2; i++) {
            CHECK_STATUS(TLSR_OK,
                         tlsr_layer_seal(&client, (const uint8_t *)"data", 4, wire[i], sizeof wire[i], &sealed));
        }
        CHECK_STATUS(TLSR_OK, tlsr_buffer_init(&buffer, sizeof buffer, memory, sizeof memory));
        CHECK_STATUS(TLSR_OK, tlsr_buffer_room(&buffer, &room));
        memcpy(room.data, wire[0], sealed.written);
        CHECK_STATUS(TLSR_OK, tlsr_buffer_received(&buffer, sealed.written));
        /* The transfer: a part of it is reported before the first record is consumed. */
        CHECK_STATUS(TLSR_OK, tlsr_buffer_room(&buffer, &room));
        memcpy(room.data, wire[1], sealed.written);
        CHECK_STATUS(TLSR_OK, tlsr_buffer_received(&buffer, early));
        for (int i = 0; i < 2; i++) {
            CHECK_STATUS(TLSR_OK, tlsr_buffer_filled(&buffer, &filled));
            CHECK_STATUS(TLSR_OK, tlsr_layer_open(&server, filled.data, filled.len, &opened));
            CHECK(opened.event == TLSR_EVENT_APPLICATION_DATA && opened.len == 4);
            CHECK_STATUS(TLSR_OK, tlsr_buffer_consume(&buffer, &opened));
            if (i == 0) {
                CHECK_STATUS(TLSR_OK, tlsr_buffer_received(&buffer, sealed.written - early));
            }
        }
        CHECK_STATUS(TLSR_OK, tlsr_buffer_room(&buffer, &room));
        CHECK(room.data == memory && room.len == sizeof memory);
    }
}

/* Numbers that a caller makes of -1, or that it has from elsewhere. */
static void more_than_there_is_is_refused(void) {
    tlsr_buffer buffer;
    tlsr_slice_mut bytes;
    tlsr_opened opened;
    uint8_t memory[32];
    CHECK_STATUS(TLSR_OK, tlsr_buffer_init(&buffer, sizeof buffer, memory, sizeof memory));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_buffer_received(&buffer, 1)); /* no room was asked for */
    CHECK_STATUS(TLSR_OK, tlsr_buffer_room(&buffer, &bytes));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_buffer_received(&buffer, (size_t)-1));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_buffer_received(&buffer, bytes.len + 1));
    CHECK_STATUS(TLSR_OK, tlsr_buffer_received(&buffer, bytes.len - 1));
    CHECK_STATUS(TLSR_OK, tlsr_buffer_received(&buffer, 1));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_buffer_received(&buffer, 1));
    memset(&opened, 0, sizeof opened);
    opened.consumed = sizeof memory + 1;
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_buffer_consume(&buffer, &opened));
    CHECK_STATUS(TLSR_OK, tlsr_buffer_filled(&buffer, &bytes));
    CHECK(bytes.len == sizeof memory);
    /* A recv into no room returns 0, as at the end of the transport. */
    CHECK_CLEARS(TLSR_ERR_NO_SPACE, bytes, tlsr_buffer_room(&buffer, &bytes));
}

static void wrong_calls_are_refused(void) {
    tlsr_buffer buffer, copy;
    tlsr_slice_mut bytes;
    tlsr_opened opened;
    uint8_t memory[32];
    memset(&buffer, 0xff, sizeof buffer);
    CHECK_STATUS(TLSR_ERR_INVALID_HANDLE, tlsr_buffer_room(&buffer, &bytes));
    CHECK_STATUS(TLSR_ERR_SIZE, tlsr_buffer_init(&buffer, TLSR_BUFFER_SIZE - 1, memory, sizeof memory));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_buffer_init(&buffer, sizeof buffer, NULL, sizeof memory));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_buffer_init(&buffer, sizeof buffer, memory, SIZE_MAX));
    /* Memory that wraps around the end of the addresses. */
    uint8_t *last = (uint8_t *)(UINTPTR_MAX - 15);
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_buffer_init(&buffer, sizeof buffer, last, 64));
    CHECK_STATUS(TLSR_OK, tlsr_buffer_init(&buffer, sizeof buffer, memory, sizeof memory));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_buffer_room(&buffer, NULL));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_buffer_filled(&buffer, NULL));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_buffer_consume(&buffer, NULL));
    copy = buffer;
    memset(&opened, 0, sizeof opened);
    bytes.data = memory;
    bytes.len = 7;
    CHECK_STATUS(TLSR_ERR_INVALID_HANDLE, tlsr_buffer_room(&copy, &bytes));
    CHECK(bytes.data == NULL && bytes.len == 0);
    bytes.len = 7;
    CHECK_STATUS(TLSR_ERR_INVALID_HANDLE, tlsr_buffer_filled(&copy, &bytes));
    CHECK(bytes.data == NULL && bytes.len == 0);
    CHECK_STATUS(TLSR_ERR_INVALID_HANDLE, tlsr_buffer_received(&copy, 1));
    CHECK_STATUS(TLSR_ERR_INVALID_HANDLE, tlsr_buffer_consume(&copy, &opened));
}

void test_buffer(void) {
    records_are_collected_from_pieces();
    a_record_longer_than_the_memory_is_an_error();
    the_room_stays_where_it_is_while_records_are_consumed();
    more_than_there_is_is_refused();
    wrong_calls_are_refused();
}
