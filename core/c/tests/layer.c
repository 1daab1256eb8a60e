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

/* Two layers with the same keys would seal with the same nonces. */
static void a_copy_is_no_layer(void) {
    tlsr_layer client, server, copy;
    make_layers(&client, &server);
    copy = client;
    CHECK_STATUS(TLSR_ERR_INVALID_HANDLE, tlsr_layer_close(&copy));
    CHECK_STATUS(TLSR_OK, tlsr_layer_close(&client));
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

void test_layer(void) {
    data_arrives_and_both_sides_close();
    a_copy_is_no_layer();
    memory_that_was_wiped_is_no_layer_and_has_no_keys();
}
