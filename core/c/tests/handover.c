/* Suspending, the kernel's keys, and the calls of tlsr_follower; tests/openssl follows real handshakes. */
#include "check.h"

static const uint8_t store_key[32] = {7};

static void exchange(tlsr_layer *from, tlsr_layer *to) {
    uint8_t wire[64];
    tlsr_sealed sealed;
    tlsr_opened opened;
    CHECK_STATUS(TLSR_OK, tlsr_layer_seal(from, (const uint8_t *)"data", 4, wire, sizeof wire, &sealed));
    CHECK_STATUS(TLSR_OK, tlsr_layer_open(to, wire, sealed.written, &opened));
    CHECK(opened.event == TLSR_EVENT_APPLICATION_DATA && memcmp(wire + opened.offset, "data", 4) == 0);
}

static void a_suspended_layer_is_resumed_where_it_was(void) {
    tlsr_layer client, server, resumed;
    make_layers(&client, &server);
    exchange(&client, &server);
    uint8_t bytes[TLSR_SUSPENDED_LEN], zeros[TLSR_SUSPENDED_LEN] = {0};
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_suspend(&client, store_key, NULL));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_suspend(&client, NULL, bytes));
    CHECK_STATUS(TLSR_OK, tlsr_layer_suspend(&client, store_key, bytes));
    CHECK_STATUS(TLSR_ERR_HANDED_OVER, tlsr_layer_close(&client));
    tlsr_end end;
    CHECK_STATUS(TLSR_OK, tlsr_layer_end(&client, &end));
    CHECK(end.read == TLSR_READ_HANDED_OVER && end.write == TLSR_WRITE_HANDED_OVER);
    bytes[50] ^= 1;
    CHECK_STATUS(TLSR_ERR_FORGED, tlsr_layer_resume(&resumed, sizeof resumed, bytes, sizeof bytes, store_key));
    bytes[50] ^= 1;
    CHECK_STATUS(TLSR_ERR_FORMAT, tlsr_layer_resume(&resumed, sizeof resumed, bytes, sizeof bytes - 1, store_key));
    CHECK_STATUS(TLSR_ERR_SIZE, tlsr_layer_resume(&resumed, 8, bytes, sizeof bytes, store_key));
    CHECK_STATUS(TLSR_OK, tlsr_layer_resume(&resumed, sizeof resumed, bytes, sizeof bytes, store_key));
    CHECK(memcmp(bytes, zeros, sizeof bytes) == 0);
    exchange(&resumed, &server);
    exchange(&server, &resumed);
}

static void a_suspended_connection_is_resumed_in_another_buffer(void) {
    tlsr_layer client, server;
    tlsr_connection connection, resumed;
    uint8_t buffer[512], other[300], bytes[TLSR_SUSPENDED_LEN], wire[64];
    make_layers(&client, &server);
    CHECK_STATUS(TLSR_OK,
                 tlsr_connection_from_layer(&connection, sizeof connection, &client, buffer, sizeof buffer));
    size_t taken;
    CHECK_STATUS(TLSR_OK, tlsr_connection_write(&connection, (const uint8_t *)"data", 4, &taken));
    CHECK_STATUS(TLSR_ERR_BUSY, tlsr_connection_suspend(&connection, store_key, bytes));
    tlsr_slice unsent;
    CHECK_STATUS(TLSR_OK, tlsr_connection_unsent(&connection, &unsent));
    CHECK_STATUS(TLSR_OK, tlsr_connection_sent(&connection, unsent.len));
    CHECK_STATUS(TLSR_OK, tlsr_connection_suspend(&connection, store_key, bytes));
    CHECK_STATUS(TLSR_ERR_NO_SPACE, tlsr_connection_resume(&resumed, sizeof resumed, bytes, sizeof bytes, store_key,
                                                           other, TLSR_MIN_BUFFER - 1));
    CHECK_STATUS(TLSR_OK, tlsr_connection_resume(&resumed, sizeof resumed, bytes, sizeof bytes, store_key, other,
                                                 sizeof other));
    CHECK_STATUS(TLSR_OK, tlsr_connection_write(&resumed, (const uint8_t *)"data", 4, &taken));
    CHECK_STATUS(TLSR_OK, tlsr_connection_unsent(&resumed, &unsent));
    CHECK(unsent.data >= other && unsent.data < other + sizeof other);
    memcpy(wire, unsent.data, unsent.len);
    /* The first record was lost on its way: the next one does not open, because it has the next number. */
    tlsr_opened opened;
    CHECK_STATUS(TLSR_ERR_FAULT, tlsr_layer_open(&server, wire, unsent.len, &opened));
}

/* Each of what a call takes beside each other: what overlaps is refused before anything changes. */
static void what_overlaps_is_neither_suspended_nor_resumed(void) {
    tlsr_layer client, server;
    tlsr_connection connection;
    static union {
        tlsr_connection connection;
        tlsr_layer layer;
        uint8_t bytes[sizeof(tlsr_connection) + 1024];
    } memory;
    uint8_t buffer[512], bytes[TLSR_SUSPENDED_LEN + 32], *all = memory.bytes;
    tlsr_connection *resumed = &memory.connection;
    size_t size = sizeof *resumed, len = TLSR_SUSPENDED_LEN;
    make_layers(&client, &server);
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_suspend(&client, bytes, bytes));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_suspend(&client, (uint8_t *)&client, bytes));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_suspend(&client, store_key, (uint8_t *)&client));
    CHECK_STATUS(TLSR_OK,
                 tlsr_connection_from_layer(&connection, sizeof connection, &client, buffer, sizeof buffer));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_connection_suspend(&connection, bytes + len - 1, bytes));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_connection_suspend(&connection, store_key, buffer));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_connection_suspend(&connection, buffer, bytes));
    CHECK_STATUS(TLSR_OK, tlsr_connection_suspend(&connection, store_key, bytes));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_connection_resume(resumed, size, bytes, len, store_key, all, 512));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_connection_resume(resumed, size, bytes, len, all, buffer, 512));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_connection_resume(resumed, size, all, len, store_key, buffer, 512));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_connection_resume(resumed, size, bytes, len, bytes + 1, buffer, 512));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_connection_resume(resumed, size, buffer + 511, len, store_key, buffer, 512));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_connection_resume(resumed, size, bytes, len, buffer, buffer, 512));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_resume(&memory.layer, sizeof client, bytes, len, bytes + len - 1));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_resume(&memory.layer, sizeof client, all, len, store_key));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_resume(&memory.layer, sizeof client, bytes, len, all));
    CHECK_STATUS(TLSR_OK, tlsr_connection_resume(resumed, size, bytes, len, store_key, all + size, 512));
    tlsr_kernel *kernel = (tlsr_kernel *)(void *)all;
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_connection_hand_sender_to_kernel(resumed, kernel, sizeof *kernel));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_connection_hand_receiver_to_kernel(resumed, kernel, sizeof *kernel));
    /* In the buffer of the connection. */
    size_t in_buffer = (size + TLSR_ALIGNMENT - 1) / TLSR_ALIGNMENT * TLSR_ALIGNMENT;
    kernel = (tlsr_kernel *)(void *)(all + in_buffer);
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_connection_hand_sender_to_kernel(resumed, kernel, sizeof *kernel));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_connection_hand_receiver_to_kernel(resumed, kernel, sizeof *kernel));
    kernel = (tlsr_kernel *)(void *)all;
    CHECK_STATUS(TLSR_OK, tlsr_connection_wipe(resumed));
    make_layers(&memory.layer, &server);
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_hand_sender_to_kernel(&memory.layer, kernel, sizeof *kernel));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_hand_receiver_to_kernel(&memory.layer, kernel, sizeof *kernel));
    exchange(&memory.layer, &server);
}

static void a_direction_is_handed_to_the_kernel(void) {
    tlsr_layer client, server;
    make_layers(&client, &server);
    exchange(&client, &server);
    tlsr_kernel sender, receiver;
    tlsr_crypto_info info;
    CHECK_STATUS(TLSR_ERR_SIZE, tlsr_layer_hand_sender_to_kernel(&client, &sender, 8));
    CHECK_STATUS(TLSR_OK, tlsr_layer_hand_sender_to_kernel(&client, &sender, sizeof sender));
    CHECK_STATUS(TLSR_OK, tlsr_layer_hand_receiver_to_kernel(&client, &receiver, sizeof receiver));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_kernel_crypto_info(&sender, NULL));
    CHECK_STATUS(TLSR_OK, tlsr_kernel_crypto_info(&sender, &info));
    /* tls12_crypto_info_aes_gcm_128: version, cipher, iv, key, salt, sequence number 1. */
    CHECK(info.len == 40 && memcmp(info.bytes, "\x04\x03\x33\x00", 4) == 0);
    CHECK(memcmp(info.bytes + 32, "\0\0\0\0\0\0\0\1", 8) == 0);
    CHECK_STATUS(TLSR_ERR_HANDED_OVER, tlsr_kernel_crypto_info(&sender, &info));
    CHECK_STATUS(TLSR_OK, tlsr_kernel_update(&sender));
    CHECK_STATUS(TLSR_OK, tlsr_kernel_crypto_info(&sender, &info));
    CHECK(memcmp(info.bytes + 32, "\0\0\0\0\0\0\0\0", 8) == 0);
    CHECK_STATUS(TLSR_ERR_HANDED_OVER, tlsr_layer_close(&client));
    tlsr_control control;
    CHECK_STATUS(TLSR_OK, tlsr_layer_take_kernel_control(&client, &control));
    CHECK(control.kind == TLSR_CONTROL_ALERT && control.alert == TLSR_ALERT_CLOSE_NOTIFY);
    CHECK(control.content_type == 21 && control.len == 2 && memcmp(control.message, "\x01\x00", 2) == 0);
    CHECK_STATUS(TLSR_OK, tlsr_layer_take_kernel_control(&client, &control));
    CHECK(control.kind == TLSR_CONTROL_NONE);
    CHECK_STATUS(TLSR_OK, tlsr_kernel_wipe(&sender));
    CHECK_STATUS(TLSR_ERR_INVALID_HANDLE, tlsr_kernel_update(&sender));

    /* An abort ends the receiving direction, which the kernel has not. */
    make_layers(&client, &server);
    CHECK_STATUS(TLSR_OK, tlsr_layer_hand_sender_to_kernel(&client, &sender, sizeof sender));
    CHECK_STATUS(TLSR_ERR_HANDED_OVER, tlsr_layer_abort(&client, TLSR_ALERT_INTERNAL_ERROR));
    CHECK_STATUS(TLSR_OK, tlsr_layer_take_kernel_control(&client, &control));
    CHECK(control.kind == TLSR_CONTROL_ALERT && control.alert == TLSR_ALERT_INTERNAL_ERROR);
    CHECK(control.len == 2 && memcmp(control.message, "\x02\x50\0\0\0\0\0", 7) == 0);
    tlsr_end end;
    CHECK_STATUS(TLSR_OK, tlsr_layer_end(&client, &end));
    CHECK(end.read == TLSR_READ_FAULT && end.fault == TLSR_FAULT_ABORTED);
    CHECK_STATUS(TLSR_OK, tlsr_kernel_wipe(&sender));

    tlsr_connection connection;
    uint8_t buffer[512];
    make_layers(&client, &server);
    CHECK_STATUS(TLSR_OK,
                 tlsr_connection_from_layer(&connection, sizeof connection, &client, buffer, sizeof buffer));
    CHECK_STATUS(TLSR_OK, tlsr_connection_hand_receiver_to_kernel(&connection, &receiver, sizeof receiver));
    CHECK_STATUS(TLSR_OK, tlsr_connection_hand_sender_to_kernel(&connection, &sender, sizeof sender));
    CHECK_STATUS(TLSR_OK, tlsr_connection_take_kernel_control(&connection, &control));
    CHECK(control.kind == TLSR_CONTROL_NONE);
    CHECK_STATUS(TLSR_ERR_NOT_ESTABLISHED, tlsr_connection_hand_sender_to_kernel(&connection, &sender, sizeof sender));
    CHECK_STATUS(TLSR_ERR_HANDED_OVER, tlsr_connection_shutdown(&connection));
    CHECK_STATUS(TLSR_OK, tlsr_connection_take_kernel_control(&connection, &control));
    CHECK(control.kind == TLSR_CONTROL_ALERT && control.alert == TLSR_ALERT_CLOSE_NOTIFY);
}

static void a_follower_needs_a_handshake(void) {
    tlsr_follower follower, copy;
    tlsr_layer layer;
    tlsr_config config;
    tlsr_opened opened;
    tlsr_slice alpn;
    uint8_t random[32], zeros[32] = {0}, taken = 7;
    uint8_t alert[7] = {21, 3, 3, 0, 2, 2, 40};
    CHECK_STATUS(TLSR_OK, tlsr_config_init(&config, TLSR_CLIENT));
    CHECK_STATUS(TLSR_ERR_SIZE, tlsr_follower_init(&follower, 8));
    CHECK_STATUS(TLSR_OK, tlsr_follower_init(&follower, sizeof follower));
    CHECK_STATUS(TLSR_ERR_NOT_COMPLETE, tlsr_follower_finish(&follower, &config, &layer, sizeof layer));
    tlsr_layer *same = (tlsr_layer *)(void *)&follower;
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_follower_finish(&follower, &config, same, sizeof layer));
    CHECK(!tlsr_follower_is_complete(&follower) && !tlsr_follower_is_finished(&follower, TLSR_SERVER));
    CHECK(tlsr_follower_version(&follower) == 0 && tlsr_follower_suite(&follower) == 0);
    CHECK_STATUS(TLSR_OK, tlsr_follower_alpn(&follower, &alpn));
    CHECK(alpn.len == 0);
    CHECK_STATUS(TLSR_OK, tlsr_follower_client_random(&follower, random));
    CHECK(memcmp(random, zeros, 32) == 0);
    CHECK_STATUS(TLSR_OK, tlsr_follower_key_log(&follower, (const uint8_t *)"# comment", 9, &taken));
    CHECK(taken == 0);
    CHECK_STATUS(TLSR_OK, tlsr_follower_key_log(&follower, NULL, 0, NULL));
    CHECK_STATUS(TLSR_OK, tlsr_follower_secret(&follower, TLSR_SECRET_EXPORTER, zeros, 32));
    CHECK_STATUS(TLSR_ERR_LENGTH, tlsr_follower_secret(&follower, TLSR_SECRET_MASTER, client_secret.secret, 49));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_follower_secret(&follower, 7, zeros, 32));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_follower_follow(&follower, 0, alert, sizeof alert, &opened));
    copy = follower;
    CHECK_STATUS(TLSR_ERR_INVALID_HANDLE, tlsr_follower_follow(&copy, TLSR_SERVER, alert, sizeof alert, &opened));
    CHECK(!tlsr_follower_is_complete(&copy) && tlsr_follower_suite(&copy) == 0);
    CHECK_STATUS(TLSR_ERR_PEER_ALERT, tlsr_follower_follow(&follower, TLSR_SERVER, alert, sizeof alert, &opened));
    CHECK_STATUS(TLSR_OK, tlsr_follower_wipe(&follower));
    CHECK_STATUS(TLSR_ERR_INVALID_HANDLE, tlsr_follower_wipe(&follower));
}

void test_handover(void) {
    a_suspended_layer_is_resumed_where_it_was();
    a_suspended_connection_is_resumed_in_another_buffer();
    what_overlaps_is_neither_suspended_nor_resumed();
    a_direction_is_handed_to_the_kernel();
    a_follower_needs_a_handshake();
}
