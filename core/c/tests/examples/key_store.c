/*
 * The example of a key store: a client whose keys are in the slots of a chip, and a server that has the same secrets
 * in memory.
 */
#include "../check.h"
#include "store.h"

/* Objects have unused bytes that nothing has written: looking at them is no fault here. */
#ifdef __has_include
#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#endif
#endif
#ifndef VALGRIND_MAKE_MEM_DEFINED
#define VALGRIND_MAKE_MEM_DEFINED(address, len) ((void)0)
#endif

/* What a connection needs: secret and key of each direction, and one more during a KeyUpdate. */
#define SLOTS_AT_REST 4
#define MOST_SLOTS 5

static uint8_t client_bytes[48], server_bytes[48];

static struct {
    tlsr_connection connection;
    uint8_t records[512];
} client, server;

/* Makes a connection without keys. */
static tlsr_connection *make(uint8_t role) {
    tlsr_config config;
    CHECK_STATUS(TLSR_OK, tlsr_config_init(&config, role));
    if (role == TLSR_CLIENT) {
        CHECK_STATUS(TLSR_OK, tlsr_connection_init(&client.connection, sizeof client.connection, &config,
                                                   client.records, sizeof client.records));
        return &client.connection;
    }
    CHECK_STATUS(TLSR_OK, tlsr_connection_init(&server.connection, sizeof server.connection, &config,
                                               server.records, sizeof server.records));
    return &server.connection;
}

/* Puts the traffic secret of one end into a slot. */
static tlsr_secret stored(const uint8_t *bytes, uint16_t suite) {
    size_t len = tlsr_secret_len(suite);
    chip_slot slot = 0;
    CHECK(chip_import(len == 48 ? CHIP_SHA_384 : CHIP_SHA_256, bytes, len, &slot) == CHIP_OK);
    return store_secret(slot, suite);
}

static tlsr_status install_from_chip(tlsr_connection *connection, uint16_t suite) {
    tlsr_secret from_client = stored(client_bytes, suite), from_server = stored(server_bytes, suite);
    return tlsr_connection_install(connection, TLSR_EPOCH_APPLICATION, &from_client, &from_server);
}

static tlsr_status install_from_memory(tlsr_connection *connection) {
    tlsr_secret from_client = {client_bytes, 32, NULL, 0, NULL, 0, 0, 0x1301};
    tlsr_secret from_server = {server_bytes, 32, NULL, 0, NULL, 0, 0, 0x1301};
    return tlsr_connection_install(connection, TLSR_EPOCH_APPLICATION, &from_client, &from_server);
}

static void make_both(void) {
    CHECK(chip_read_log().slots == 0);
    CHECK_STATUS(TLSR_OK, install_from_chip(make(TLSR_CLIENT), 0x1301));
    CHECK_STATUS(TLSR_OK, install_from_memory(make(TLSR_SERVER)));
    CHECK(chip_read_log().slots == SLOTS_AT_REST);
}

static void wipe_both(void) {
    CHECK_STATUS(TLSR_OK, tlsr_connection_wipe(&client.connection));
    CHECK_STATUS(TLSR_OK, tlsr_connection_wipe(&server.connection));
    CHECK(chip_read_log().slots == 0 && chip_read_log().wrong_erasures == 0);
}

/* Sends all that one end has to send, and opens it at the other one. Returns the first status that is none of success,
 * and copies data that arrives to `data`, of which the last byte is at *len. */
static tlsr_status deliver(tlsr_connection *from, tlsr_connection *to, uint8_t *data, size_t *len) {
    static uint8_t wire[2048];
    size_t end = 0;
    for (;;) {
        tlsr_slice unsent;
        CHECK_STATUS(TLSR_OK, tlsr_connection_unsent(from, &unsent));
        if (unsent.len == 0) {
            break;
        }
        CHECK(end + unsent.len <= sizeof wire);
        memcpy(wire + end, unsent.data, unsent.len);
        end += unsent.len;
        CHECK_STATUS(TLSR_OK, tlsr_connection_sent(from, unsent.len));
    }
    for (size_t at = 0; at < end;) {
        tlsr_opened opened;
        tlsr_status status = tlsr_connection_received(to, wire + at, end - at, &opened);
        if (status != TLSR_OK) {
            return status;
        }
        if (opened.event == TLSR_EVENT_APPLICATION_DATA) {
            memcpy(data + *len, wire + at + opened.offset, opened.len);
            *len += opened.len;
        }
        at += opened.consumed;
    }
    return TLSR_OK;
}

/* Sends a message, and checks that it arrives. Returns the first status that is none of success. */
static tlsr_status say(tlsr_connection *from, tlsr_connection *to) {
    static const char text[] = "It is cold in here.";
    uint8_t data[64];
    size_t taken, len = 0;
    tlsr_status status = tlsr_connection_write(from, (const uint8_t *)text, sizeof text, &taken);
    if (status == TLSR_OK) {
        CHECK(taken == sizeof text);
        status = deliver(from, to, data, &len);
    }
    if (status == TLSR_OK) {
        CHECK(len == sizeof text && memcmp(data, text, len) == 0);
    }
    return status;
}

static tlsr_status update(tlsr_connection *from, tlsr_connection *to, uint8_t request) {
    uint8_t data[64];
    size_t len = 0;
    tlsr_status status = tlsr_connection_update_keys(from, request);
    status = status == TLSR_OK ? deliver(from, to, data, &len) : status;
    return status == TLSR_OK ? deliver(to, from, data, &len) : status;
}

/* The life of a connection: data, KeyUpdates of both ends, more data, and both close. Returns the first status that is
 * none of success. */
static tlsr_status live(tlsr_connection *one, tlsr_connection *other) {
    tlsr_connection *ends[2] = {one, other};
    uint8_t none[1];
    size_t len = 0;
    for (int i = 0; i < 8; i++) {
        tlsr_connection *from = ends[i % 2], *to = ends[1 - i % 2];
        tlsr_status status = say(from, to);
        status = status == TLSR_OK ? update(from, to, i < 4) : status;
        status = status == TLSR_OK ? say(to, from) : status;
        if (status != TLSR_OK) {
            return status;
        }
    }
    for (int i = 0; i < 2; i++) {
        tlsr_status status = tlsr_connection_shutdown_both(ends[i], 0, NULL);
        if (status != TLSR_ERR_WOULD_BLOCK_WRITE) {
            return status;
        }
        status = deliver(ends[i], ends[1 - i], none, &len);
        if (status != TLSR_OK) {
            return status;
        }
    }
    CHECK_STATUS(TLSR_OK, tlsr_connection_shutdown_both(one, 0, NULL));
    CHECK_STATUS(TLSR_OK, tlsr_connection_shutdown_both(other, 0, NULL));
    return TLSR_OK;
}

static void a_client_in_the_chip_speaks_with_a_server_in_memory(void) {
    chip_break(1000, 0);
    make_both();
    CHECK_STATUS(TLSR_OK, live(&client.connection, &server.connection));
    CHECK(chip_read_log().most_slots == MOST_SLOTS);
    wipe_both();
}

/* The server has the suite that the library has, the chip has them all. CCM_8 has tags of 8 bytes. */
static void each_suite_works_with_both_ends_in_the_chip(void) {
    for (uint16_t suite = 0x1301; suite <= 0x1305; suite++) {
        CHECK_STATUS(TLSR_OK, install_from_chip(make(TLSR_CLIENT), suite));
        CHECK_STATUS(TLSR_OK, install_from_chip(make(TLSR_SERVER), suite));
        CHECK(chip_read_log().slots == 2 * SLOTS_AT_REST);
        CHECK_STATUS(TLSR_OK, live(&client.connection, &server.connection));
        wipe_both();
    }
}

static int contains(const void *memory, size_t len, const uint8_t *bytes, size_t bytes_len) {
    for (size_t i = 0; i + bytes_len <= len; i++) {
        if (memcmp((const uint8_t *)memory + i, bytes, bytes_len) == 0) {
            return 1;
        }
    }
    return 0;
}

static void no_secret_is_in_the_memory_of_the_client(void) {
    make_both();
    (void)VALGRIND_MAKE_MEM_DEFINED(&client, sizeof client);
    (void)VALGRIND_MAKE_MEM_DEFINED(&server, sizeof server);
    CHECK(contains(&server, sizeof server, client_bytes, 32) && contains(&server, sizeof server, server_bytes, 32));
    CHECK(!contains(&client, sizeof client, client_bytes, 32) && !contains(&client, sizeof client, server_bytes, 32));
    wipe_both();
}

/* How many connections failed with an alert, and without one, after a command of each kind. */
static unsigned with_alert[4], without_alert[4];

/* The client's connection says why it has failed, sends its alert if the chip seals it, and leaves nothing in the
 * chip. Returns whether the alert arrived. */
static int alert_of_failed(tlsr_status status) {
    chip_log log = chip_read_log();
    tlsr_end end;
    tlsr_slice unsent;
    uint8_t none[1];
    size_t taken, len = 0;
    CHECK_STATUS(TLSR_OK, tlsr_connection_end(&client.connection, &end));
    /* A write says it at once. A KeyUpdate and a close_notify are sealed by themselves: the next call says it. */
    CHECK(status == TLSR_ERR_CRYPTO || status == TLSR_ERR_FAILED || status == TLSR_ERR_FAULT);
    CHECK(end.read == TLSR_READ_FAULT && !end.is_clean);
    if (log.broken == CHIP_DECRYPT) {
        CHECK(end.fault == TLSR_FAULT_BAD_RECORD_MAC && end.read_alert == TLSR_ALERT_BAD_RECORD_MAC);
    } else {
        CHECK(end.fault == TLSR_FAULT_CRYPTO && end.read_alert == TLSR_ALERT_INTERNAL_ERROR);
    }
    if (end.write == TLSR_WRITE_CLOSED) {
        CHECK_STATUS(TLSR_ERR_CONNECTION_CLOSED,
                     tlsr_connection_write(&client.connection, client_bytes, 1, &taken));
        return 0; /* The close_notify was the last thing that this end sends. */
    }
    CHECK(log.slots == 0);
    CHECK_STATUS(TLSR_ERR_FAILED, tlsr_connection_write(&client.connection, client_bytes, 1, &taken));
    if (end.write == TLSR_WRITE_FAILED) {
        CHECK_STATUS(TLSR_OK, tlsr_connection_unsent(&client.connection, &unsent));
        CHECK(unsent.len == 0);
        return 0;
    }
    CHECK_STATUS(TLSR_ERR_PEER_ALERT, deliver(&client.connection, &server.connection, none, &len));
    uint8_t alert = end.read_alert;
    CHECK_STATUS(TLSR_OK, tlsr_connection_end(&server.connection, &end));
    CHECK(end.read_alert == alert);
    return 1;
}

/* Whichever command fails, once or from then on. */
static void a_chip_that_fails_fails_the_connection_and_no_slot_is_lost(void) {
    chip_break(1000, 0);
    make_both();
    CHECK_STATUS(TLSR_OK, live(&client.connection, &server.connection));
    wipe_both();
    unsigned commands = chip_read_log().commands;
    for (unsigned n = 2; n < commands; n++) { /* two imports are the test's */
        for (unsigned times = 1; times <= 1000; times += 999) {
            chip_break(n, times);
            CHECK_STATUS(TLSR_OK, install_from_memory(make(TLSR_SERVER)));
            tlsr_status status = install_from_chip(make(TLSR_CLIENT), 0x1301);
            if (status == TLSR_OK) {
                status = live(&client.connection, &server.connection);
                CHECK(chip_read_log().commands > n);
                unsigned *count = alert_of_failed(status) ? with_alert : without_alert;
                count[chip_read_log().broken]++;
            } else {
                CHECK_STATUS(TLSR_ERR_CRYPTO, status);
                CHECK(chip_read_log().broken == CHIP_DERIVE);
            }
            wipe_both();
        }
    }
    /* An alert leaves if receiving failed, and the chip works again. */
    CHECK(with_alert[CHIP_ENCRYPT] == 0 && without_alert[CHIP_ENCRYPT] != 0);
    CHECK(with_alert[CHIP_DECRYPT] != 0 && without_alert[CHIP_DECRYPT] > with_alert[CHIP_DECRYPT]);
    CHECK(with_alert[CHIP_DERIVE] != 0 && without_alert[CHIP_DERIVE] > with_alert[CHIP_DERIVE]);
    chip_break(0, 0);
}

static void a_chip_without_a_free_slot_fails_the_connection_at_its_next_keys(void) {
    chip_slot others[CHIP_SLOTS], *other = others;
    make_both();
    for (unsigned i = SLOTS_AT_REST; i < CHIP_SLOTS; i++) {
        CHECK(chip_import(CHIP_SHA_256, client_bytes, 32, other++) == CHIP_OK);
    }
    CHECK_STATUS(TLSR_OK, say(&client.connection, &server.connection));
    CHECK_STATUS(TLSR_OK, update(&client.connection, &server.connection, 0));
    CHECK_STATUS(TLSR_ERR_FAILED, say(&client.connection, &server.connection));
    while (other != others) {
        chip_destroy(*--other);
    }
    wipe_both();
}

/* Only bytes in memory can be written down or given to the kernel. */
static void a_connection_in_the_chip_cannot_be_suspended_and_goes_on(void) {
    static const uint8_t key[32] = {9};
    static uint8_t bytes[TLSR_SUSPENDED_LEN];
    tlsr_kernel kernel;
    make_both();
    CHECK_STATUS(TLSR_ERR_UNSUPPORTED, tlsr_connection_suspend(&client.connection, key, bytes));
    CHECK_STATUS(TLSR_ERR_UNSUPPORTED,
                 tlsr_connection_hand_sender_to_kernel(&client.connection, &kernel, sizeof kernel));
    CHECK_STATUS(TLSR_ERR_UNSUPPORTED,
                 tlsr_connection_hand_receiver_to_kernel(&client.connection, &kernel, sizeof kernel));
    CHECK_STATUS(TLSR_OK, live(&client.connection, &server.connection));
    wipe_both();

    make_both();
    CHECK_STATUS(TLSR_OK, tlsr_connection_suspend(&server.connection, key, bytes));
    wipe_both();
    make_both();
    CHECK_STATUS(TLSR_OK, tlsr_connection_hand_sender_to_kernel(&server.connection, &kernel, sizeof kernel));
    CHECK_STATUS(TLSR_OK, tlsr_kernel_wipe(&kernel));
    wipe_both();
}

static void one_secret_for_both_directions_is_refused_and_erased_once(void) {
    tlsr_connection *connection = make(TLSR_CLIENT);
    make(TLSR_SERVER);
    tlsr_secret secret = stored(client_bytes, 0x1301);
    CHECK_STATUS(TLSR_ERR_SAME_SECRET,
                 tlsr_connection_install(connection, TLSR_EPOCH_APPLICATION, &secret, &secret));
    CHECK(chip_read_log().slots == 0 && chip_read_log().wrong_erasures == 0);
    wipe_both();

    /* One direction has it, and keeps it. */
    make(TLSR_CLIENT);
    CHECK_STATUS(TLSR_OK, install_from_memory(make(TLSR_SERVER)));
    tlsr_secret other = stored(server_bytes, 0x1301);
    secret = stored(client_bytes, 0x1301);
    CHECK_STATUS(TLSR_OK, tlsr_connection_install_one(connection, TLSR_CLIENT, TLSR_EPOCH_APPLICATION, &secret));
    CHECK_STATUS(TLSR_ERR_SAME_SECRET,
                 tlsr_connection_install_one(connection, TLSR_SERVER, TLSR_EPOCH_APPLICATION, &secret));
    CHECK_STATUS(TLSR_ERR_SAME_SECRET,
                 tlsr_connection_install_one(connection, TLSR_CLIENT, TLSR_EPOCH_APPLICATION, &secret));
    CHECK(chip_read_log().slots == 3 && chip_read_log().wrong_erasures == 0);
    CHECK_STATUS(TLSR_OK, tlsr_connection_install_one(connection, TLSR_SERVER, TLSR_EPOCH_APPLICATION, &other));
    CHECK_STATUS(TLSR_OK, live(connection, &server.connection));
    wipe_both();
}

/* Refused before anything was done: the secrets stay the caller's. */
static void a_table_without_a_function_is_refused(void) {
    tlsr_connection *connection = make(TLSR_CLIENT);
    make(TLSR_SERVER);
    tlsr_secret one = stored(client_bytes, 0x1301), other = stored(server_bytes, 0x1301);
    const tlsr_key_store *store = one.store;
    for (int i = 0; i < 6; i++) {
        tlsr_key_store incomplete = *store;
        switch (i) {
        case 0:
            incomplete.keys = NULL;
            break;
        case 1:
            incomplete.update = NULL;
            break;
        case 2:
            incomplete.seal = NULL;
            break;
        case 3:
            incomplete.open = NULL;
            break;
        case 4:
            incomplete.destroy_key = NULL;
            break;
        default:
            incomplete.destroy_secret = NULL;
        }
        one.store = &incomplete;
        CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_connection_install(connection, TLSR_EPOCH_APPLICATION, &one, &other));
        CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_connection_install(connection, TLSR_EPOCH_APPLICATION, &other, &one));
        CHECK_STATUS(TLSR_ERR_ARGUMENT,
                     tlsr_connection_install_one(connection, TLSR_CLIENT, TLSR_EPOCH_APPLICATION, &one));
    }
    one.store = store;
    CHECK(chip_read_log().slots == 2);
    CHECK_STATUS(TLSR_OK, tlsr_connection_install(connection, TLSR_EPOCH_APPLICATION, &one, &other));
    wipe_both();
}

/* Secrets that were refused for the sake of others stay the caller's, too. */
static void a_secret_stays_the_callers_if_the_other_one_is_refused(void) {
    tlsr_connection *connection = make(TLSR_CLIENT);
    make(TLSR_SERVER);
    tlsr_secret one = stored(client_bytes, 0x1301), unknown = one, used = one;
    tlsr_secret short_one = {server_bytes, 31, NULL, 0, NULL, 0, 0, 0x1301};
    unknown.suite = 0x002f;
    used.sequence = 1;
    CHECK_STATUS(TLSR_ERR_UNSUPPORTED, tlsr_connection_install(connection, TLSR_EPOCH_APPLICATION, &one, &unknown));
    CHECK_STATUS(TLSR_ERR_LENGTH, tlsr_connection_install(connection, TLSR_EPOCH_APPLICATION, &one, &short_one));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_connection_install(connection, TLSR_EPOCH_APPLICATION, &one, NULL));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_connection_install(connection, 0, &one, &short_one));
    CHECK_STATUS(TLSR_ERR_ARGUMENT,
                 tlsr_connection_install_one(connection, TLSR_CLIENT, TLSR_EPOCH_APPLICATION, &used));
    CHECK(chip_read_log().slots == 1);
    CHECK_STATUS(TLSR_OK, tlsr_connection_install_one(connection, TLSR_CLIENT, TLSR_EPOCH_APPLICATION, &one));
    wipe_both();
}

int main(void) {
    static const struct {
        const char *name;
        void (*run)(void);
    } tests[] = {
        {"a client in the chip", a_client_in_the_chip_speaks_with_a_server_in_memory},
        {"suites", each_suite_works_with_both_ends_in_the_chip},
        {"no secret", no_secret_is_in_the_memory_of_the_client},
        {"no free slot", a_chip_without_a_free_slot_fails_the_connection_at_its_next_keys},
        {"suspending", a_connection_in_the_chip_cannot_be_suspended_and_goes_on},
        {"same secret", one_secret_for_both_directions_is_refused_and_erased_once},
        {"incomplete table", a_table_without_a_function_is_refused},
        {"refused secrets", a_secret_stays_the_callers_if_the_other_one_is_refused},
        {"failures", a_chip_that_fails_fails_the_connection_and_no_slot_is_lost},
    };
    for (uint8_t i = 0; i < 48; i++) {
        client_bytes[i] = (uint8_t)(100 + i);
        server_bytes[i] = (uint8_t)(200 - i);
    }
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        tests[i].run();
        printf("%s: passed\n", tests[i].name);
    }
    return 0;
}
