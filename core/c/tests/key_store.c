/* tlsr_key_store */
#include "check.h"

/* A store that counts what is destroyed. Its functions are not called in these tests. */
static unsigned destroyed;
static int32_t no_keys(void *context, uintptr_t secret, uint16_t suite, uintptr_t *key, uint8_t iv[12]) {
    (void)context, (void)secret, (void)suite, (void)key, (void)iv;
    return -1;
}
static int32_t no_update(void *context, uintptr_t *secret, uint16_t suite) {
    (void)context, (void)secret, (void)suite;
    return -1;
}
static int32_t no_seal(void *context, uintptr_t key, const uint8_t nonce[12], const uint8_t *additional_data,
                       size_t additional_data_len, uint8_t *in_out, size_t len, uint8_t *tag,
                       size_t tag_len) {
    (void)context, (void)key, (void)nonce, (void)additional_data, (void)additional_data_len, (void)in_out;
    (void)len, (void)tag, (void)tag_len;
    return -1;
}
static int32_t no_open(void *context, uintptr_t key, const uint8_t nonce[12], const uint8_t *additional_data,
                       size_t additional_data_len, uint8_t *in_out, size_t len, const uint8_t *tag,
                       size_t tag_len) {
    (void)context, (void)key, (void)nonce, (void)additional_data, (void)additional_data_len, (void)in_out;
    (void)len, (void)tag, (void)tag_len;
    return -1;
}
static void count_destroyed(void *context, uintptr_t number) {
    (void)context, (void)number;
    destroyed++;
}

/* Else the caller would destroy it a second time, or another one that has its number by then. */
static void a_stored_secret_stays_the_callers_if_the_other_one_is_refused(void) {
    static const tlsr_key_store store = {NULL,    no_keys,         no_update,      no_seal,
                                         no_open, count_destroyed, count_destroyed, NULL};
    const tlsr_secret stored = {NULL, 0, NULL, 0, &store, 7, 0, 0x1301};
    tlsr_secret unknown = stored, short_one = server_secret, used = stored;
    unknown.suite = 0x002f;
    short_one.secret_len = 31;
    used.sequence = 1;
    tlsr_layer layer;
    make_empty(&layer, TLSR_CLIENT, 0);
    if (tlsr_layer_install(&layer, TLSR_EPOCH_APPLICATION, &server_secret, &stored) == TLSR_ERR_UNSUPPORTED) {
        CHECK(destroyed == 0); /* A library without key stores. */
        return;
    }
    CHECK(destroyed == 1);
    make_empty(&layer, TLSR_CLIENT, 0);
    const tlsr_secret *others[3] = {NULL, &unknown, &short_one};
    for (int i = 0; i < 3; i++) {
        tlsr_status status = i == 0 ? TLSR_ERR_ARGUMENT : i == 1 ? TLSR_ERR_UNSUPPORTED : TLSR_ERR_LENGTH;
        CHECK_STATUS(status, tlsr_layer_install(&layer, TLSR_EPOCH_APPLICATION, &stored, others[i]));
        CHECK_STATUS(status, tlsr_layer_install(&layer, TLSR_EPOCH_APPLICATION, others[i], &stored));
    }
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_install(&layer, 0, &stored, &server_secret));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_install_one(&layer, TLSR_CLIENT, 0, &stored));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_install_one(&layer, TLSR_CLIENT, TLSR_EPOCH_HANDSHAKE, &used));
    CHECK(destroyed == 1);
    /* The store fails: the secret was the engine's by then. */
    CHECK_STATUS(TLSR_ERR_CRYPTO, tlsr_layer_install(&layer, TLSR_EPOCH_APPLICATION, &server_secret, &stored));
    CHECK(destroyed == 2);
}

/* A store of 16 secrets, which are used while they are alive and destroyed once. A secret that is updated
 * becomes one of the last 8. */
static int is_alive[16];
static int32_t live_keys(void *context, uintptr_t secret, uint16_t suite, uintptr_t *key, uint8_t iv[12]) {
    (void)context, (void)suite;
    CHECK(is_alive[secret]);
    *key = secret;
    memset(iv, 0, 12);
    return 0;
}
static int32_t live_update(void *context, uintptr_t *secret, uint16_t suite) {
    (void)context, (void)suite;
    CHECK(is_alive[*secret]);
    is_alive[*secret] = 0;
    *secret += 8;
    is_alive[*secret] = 1;
    return 0;
}
static int32_t live_seal(void *context, uintptr_t key, const uint8_t nonce[12], const uint8_t *additional_data,
                         size_t additional_data_len, uint8_t *in_out, size_t len, uint8_t *tag,
                         size_t tag_len) {
    (void)context, (void)key, (void)nonce, (void)additional_data, (void)additional_data_len, (void)in_out;
    (void)len;
    memset(tag, 0, tag_len);
    return 0;
}
static void live_destroy_key(void *context, uintptr_t key) {
    (void)context, (void)key;
}
static void live_destroy_secret(void *context, uintptr_t secret) {
    (void)context;
    CHECK(is_alive[secret]);
    is_alive[secret] = 0;
}
static tlsr_secret live_secret(uintptr_t number) {
    static const tlsr_key_store store = {NULL,    live_keys,        live_update,         live_seal,
                                         no_open, live_destroy_key, live_destroy_secret, NULL};
    tlsr_secret secret = {NULL, 0, NULL, 0, NULL, 0, 0, 0x1301};
    secret.store = &store;
    secret.handle = number;
    is_alive[number] = 1;
    return secret;
}
static unsigned count_alive(void) {
    unsigned count = 0;
    for (int i = 0; i < 16; i++) {
        count += is_alive[i] != 0;
    }
    return count;
}

/* Else a caller that tries again, or swaps the directions, seals on under a secret that is destroyed. */
static void a_secret_in_use_outlives_a_call_that_gives_it_again(void) {
    tlsr_secret one = live_secret(1), two = live_secret(2), old = live_secret(3);
    old.suite = 0xc02f;
    tlsr_layer layer;
    make_empty(&layer, TLSR_SERVER, 0);
    if (tlsr_layer_install(&layer, TLSR_EPOCH_HANDSHAKE, &one, &two) == TLSR_ERR_UNSUPPORTED) {
        return; /* A library without key stores. */
    }
    const tlsr_secret *again[][2] = {{&one, &two}, {&two, &one}, {&one, &one}, {&two, &two}};
    for (uint8_t epoch = TLSR_EPOCH_HANDSHAKE; epoch <= TLSR_EPOCH_APPLICATION; epoch++) {
        for (int i = 0; i < 4; i++) {
            CHECK(tlsr_layer_install(&layer, epoch, again[i][0], again[i][1]) != TLSR_OK);
        }
        for (uint8_t writer = TLSR_CLIENT; writer <= TLSR_SERVER; writer++) {
            CHECK(tlsr_layer_install_one(&layer, writer, epoch, &one) != TLSR_OK);
            CHECK(tlsr_layer_install_one(&layer, writer, epoch, &two) != TLSR_OK);
        }
    }
    CHECK(count_alive() == 3);
    /* One that is not in use is destroyed. */
    old = live_secret(3);
    CHECK_STATUS(TLSR_ERR_SAME_SECRET, tlsr_layer_install(&layer, TLSR_EPOCH_APPLICATION, &old, &one));
    CHECK(count_alive() == 2);
    old = live_secret(3);
    old.suite = 0xc02f;
    tlsr_status status = tlsr_layer_install(&layer, TLSR_EPOCH_APPLICATION, &one, &old);
    CHECK(status == TLSR_ERR_MISMATCH || status == TLSR_ERR_UNSUPPORTED);
    CHECK(is_alive[1] && is_alive[2]);
    is_alive[3] = 0;

    tlsr_secret three = live_secret(3), four = live_secret(4);
    uint8_t out[64];
    tlsr_sealed sealed;
    CHECK_STATUS(TLSR_OK, tlsr_layer_install(&layer, TLSR_EPOCH_APPLICATION, &three, &four));
    CHECK(!is_alive[1] && !is_alive[2] && count_alive() == 2);
    CHECK(tlsr_layer_install(&layer, TLSR_EPOCH_APPLICATION, &three, &four) != TLSR_OK);
    CHECK_STATUS(TLSR_OK, tlsr_layer_update_keys(&layer, 0));
    CHECK_STATUS(TLSR_OK, tlsr_layer_poll_control(&layer, out, sizeof out, &sealed));
    CHECK(is_alive[3] && is_alive[12] && count_alive() == 2);
    CHECK_STATUS(TLSR_OK, tlsr_layer_wipe(&layer));
    CHECK(count_alive() == 0);
}

static void a_secret_in_use_by_a_half_outlives_a_call_that_gives_it_again(void) {
    tlsr_config config;
    CHECK_STATUS(TLSR_OK, tlsr_config_init(&config, TLSR_SERVER));
    tlsr_opener opener;
    tlsr_sealer sealer;
    CHECK_STATUS(TLSR_OK, tlsr_opener_init(&opener, sizeof opener, &config));
    CHECK_STATUS(TLSR_OK, tlsr_sealer_init(&sealer, sizeof sealer, &config));
    tlsr_secret one = live_secret(1), two = live_secret(2);
    if (tlsr_opener_install(&opener, TLSR_EPOCH_APPLICATION, &one) == TLSR_ERR_UNSUPPORTED) {
        return; /* A library without key stores. */
    }
    CHECK_STATUS(TLSR_OK, tlsr_sealer_install(&sealer, TLSR_EPOCH_APPLICATION, &two));
    CHECK_STATUS(TLSR_ERR_EPOCH, tlsr_opener_install(&opener, TLSR_EPOCH_APPLICATION, &one));
    CHECK_STATUS(TLSR_ERR_EPOCH, tlsr_sealer_install(&sealer, TLSR_EPOCH_APPLICATION, &two));
    CHECK_STATUS(TLSR_OK, tlsr_sealer_close(&sealer));
    CHECK_STATUS(TLSR_ERR_CONNECTION_CLOSED, tlsr_sealer_install(&sealer, TLSR_EPOCH_APPLICATION, &two));
    CHECK(count_alive() == 2);
    CHECK_STATUS(TLSR_OK, tlsr_opener_wipe(&opener));
    CHECK_STATUS(TLSR_OK, tlsr_sealer_wipe(&sealer));
    CHECK(count_alive() == 0);
}

/* No record has this number: every one would fail. */
static void keys_at_the_last_sequence_number_are_refused(void) {
    tlsr_secret last = client_secret, stored = live_secret(1);
    tlsr_layer layer;
    last.sequence = stored.sequence = UINT64_MAX;
    make_empty(&layer, TLSR_CLIENT, 0);
    CHECK_STATUS(TLSR_ERR_KEY_EXHAUSTED, tlsr_layer_install(&layer, TLSR_EPOCH_APPLICATION, &last, &server_secret));
    CHECK_STATUS(TLSR_ERR_KEY_EXHAUSTED, tlsr_layer_install(&layer, TLSR_EPOCH_APPLICATION, &server_secret, &last));
    CHECK_STATUS(TLSR_ERR_KEY_EXHAUSTED, tlsr_layer_install(&layer, TLSR_EPOCH_APPLICATION, &server_secret, &stored));
    CHECK(is_alive[1]);
    last.sequence--;
    CHECK_STATUS(TLSR_OK, tlsr_layer_install(&layer, TLSR_EPOCH_APPLICATION, &last, &server_secret));
}

static int32_t succeeds(void *context, int function) {
    failing_store *store = (failing_store *)context;
    return store->left[function]-- > 0 ? 0 : -1;
}
static int32_t failing_keys(void *context, uintptr_t secret, uint16_t suite, uintptr_t *key, uint8_t iv[12]) {
    (void)suite;
    if (succeeds(context, STORE_KEYS) != 0) {
        return -1;
    }
    *key = secret;
    memset(iv, 0, 12);
    ((failing_store *)context)->alive++;
    return 0;
}
static int32_t failing_update(void *context, uintptr_t *secret, uint16_t suite) {
    (void)secret, (void)suite;
    return succeeds(context, STORE_UPDATE);
}
static int32_t failing_seal(void *context, uintptr_t key, const uint8_t nonce[12], const uint8_t *additional_data,
                            size_t additional_data_len, uint8_t *in_out, size_t len, uint8_t *tag, size_t tag_len) {
    (void)key, (void)nonce, (void)additional_data, (void)additional_data_len, (void)in_out, (void)len;
    memset(tag, 0, tag_len);
    return succeeds(context, STORE_SEAL);
}
static int32_t failing_open(void *context, uintptr_t key, const uint8_t nonce[12], const uint8_t *additional_data,
                            size_t additional_data_len, uint8_t *in_out, size_t len, const uint8_t *tag,
                            size_t tag_len) {
    (void)key, (void)nonce, (void)additional_data, (void)additional_data_len, (void)in_out, (void)len;
    for (size_t i = 0; i < tag_len; i++) {
        if (tag[i] != 0) {
            return -1;
        }
    }
    return succeeds(context, STORE_OPEN);
}
static void failing_destroy(void *context, uintptr_t number) {
    (void)number;
    failing_store *store = (failing_store *)context;
    CHECK(store->alive > 0);
    store->alive--;
}

void in_store(failing_store *store, tlsr_secret secrets[2]) {
    const tlsr_key_store functions = {store,        failing_keys,    failing_update,  failing_seal,
                                      failing_open, failing_destroy, failing_destroy, NULL};
    store->table = functions;
    for (uintptr_t i = 0; i < 2; i++) {
        secrets[i] = client_secret;
        secrets[i].secret = NULL;
        secrets[i].secret_len = 0;
        secrets[i].store = &store->table;
        secrets[i].handle = 1 + i;
    }
    for (int i = 0; i < STORE_FUNCTIONS; i++) {
        store->left[i] = 1000;
    }
    store->alive = 2;
}

static failing_store failing, working;

/* What the connection does when its store fails. */
enum { WRITES, COMMITS, SHUTS_DOWN, ABORTS, UPDATES, ANSWERS, FOLLOWS, RECEIVES, ACTIONS };

static tlsr_connection connection;
static uint8_t buffer[512];

/* Does it, with a record of the peer in `wire`, and returns the status. */
static tlsr_status act(int action, uint8_t *wire, size_t len) {
    size_t taken;
    tlsr_opened opened;
    /* A KeyUpdate waits for the records before it, or for data behind it. */
    if (action == UPDATES) {
        CHECK_STATUS(TLSR_OK, tlsr_connection_update_keys(&connection, 0));
    } else if (action == ANSWERS) {
        CHECK_STATUS(TLSR_OK, tlsr_connection_received(&connection, wire, len, &opened));
    }
    switch (action) {
    case WRITES:
    case UPDATES:
    case ANSWERS: return tlsr_connection_write(&connection, (const uint8_t *)"data", 4, &taken);
    case COMMITS: return tlsr_connection_commit(&connection, 4);
    case SHUTS_DOWN: return tlsr_connection_shutdown(&connection);
    case ABORTS: return tlsr_connection_abort(&connection, TLSR_ALERT_INTERNAL_ERROR);
    default: return tlsr_connection_received(&connection, wire, len, &opened);
    }
}

/* A store may fail at any call. What was sealed before still leaves, the connection has failed, and no direction has
 * ended cleanly. */
static void a_store_that_fails_loses_no_record_and_ends_the_connection(void) {
    static const struct {
        int action, function;
        tlsr_status status;
        uint8_t read, fault, write;
    } cases[] = {
        {WRITES, STORE_SEAL, TLSR_ERR_CRYPTO, TLSR_READ_FAULT, TLSR_FAULT_CRYPTO, TLSR_WRITE_FAILED},
        {COMMITS, STORE_SEAL, TLSR_ERR_CRYPTO, TLSR_READ_FAULT, TLSR_FAULT_CRYPTO, TLSR_WRITE_FAILED},
        {SHUTS_DOWN, STORE_SEAL, TLSR_ERR_FAILED, TLSR_READ_FAULT, TLSR_FAULT_CRYPTO, TLSR_WRITE_FAILED},
        {ABORTS, STORE_SEAL, TLSR_OK, TLSR_READ_FAULT, TLSR_FAULT_ABORTED, TLSR_WRITE_FAILED},
        {UPDATES, STORE_SEAL, TLSR_ERR_CRYPTO, TLSR_READ_FAULT, TLSR_FAULT_CRYPTO, TLSR_WRITE_FAILED},
        {UPDATES, STORE_UPDATE, TLSR_ERR_CRYPTO, TLSR_READ_FAULT, TLSR_FAULT_CRYPTO, TLSR_WRITE_FAILED},
        {UPDATES, STORE_KEYS, TLSR_ERR_CRYPTO, TLSR_READ_FAULT, TLSR_FAULT_CRYPTO, TLSR_WRITE_FAILED},
        {ANSWERS, STORE_SEAL, TLSR_ERR_CRYPTO, TLSR_READ_FAULT, TLSR_FAULT_CRYPTO, TLSR_WRITE_FAILED},
        /* The keys of the receiving direction: the peer is told. */
        {FOLLOWS, STORE_UPDATE, TLSR_ERR_FAULT, TLSR_READ_FAULT, TLSR_FAULT_CRYPTO, TLSR_WRITE_ALERT_QUEUED},
        {FOLLOWS, STORE_KEYS, TLSR_ERR_FAULT, TLSR_READ_FAULT, TLSR_FAULT_CRYPTO, TLSR_WRITE_ALERT_QUEUED},
        {RECEIVES, STORE_OPEN, TLSR_ERR_FAULT, TLSR_READ_FAULT, TLSR_FAULT_BAD_RECORD_MAC, TLSR_WRITE_ALERT_QUEUED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tlsr_config config;
        tlsr_secret secrets[2];
        tlsr_layer peer;
        tlsr_sealed sealed;
        tlsr_slice unsent;
        tlsr_slice_mut slot;
        tlsr_end end;
        size_t taken;
        uint8_t wire[128];
        CHECK_STATUS(TLSR_OK, tlsr_config_init(&config, TLSR_CLIENT));
        CHECK_STATUS(TLSR_OK, tlsr_connection_init(&connection, sizeof connection, &config, buffer, sizeof buffer));
        in_store(&failing, secrets);
        if (tlsr_connection_install(&connection, TLSR_EPOCH_APPLICATION, &secrets[0], &secrets[1]) ==
            TLSR_ERR_UNSUPPORTED) {
            return; /* A library without key stores. */
        }
        make_empty(&peer, TLSR_SERVER, 0);
        in_store(&working, secrets);
        CHECK_STATUS(TLSR_OK, tlsr_layer_install(&peer, TLSR_EPOCH_APPLICATION, &secrets[0], &secrets[1]));

        CHECK_STATUS(TLSR_OK, tlsr_connection_write(&connection, (const uint8_t *)"sealed", 6, &taken));
        CHECK_STATUS(TLSR_OK, tlsr_connection_unsent(&connection, &unsent));
        CHECK(unsent.len == 28);
        if (cases[i].action == COMMITS) {
            CHECK_STATUS(TLSR_OK, tlsr_connection_reserve(&connection, 4, &slot));
        } else if (cases[i].action == RECEIVES) {
            CHECK_STATUS(TLSR_OK, tlsr_layer_seal(&peer, (const uint8_t *)"data", 4, wire, sizeof wire, &sealed));
        } else {
            CHECK_STATUS(TLSR_OK, tlsr_layer_update_keys(&peer, cases[i].action == ANSWERS));
            CHECK_STATUS(TLSR_OK, tlsr_layer_poll_control(&peer, wire, sizeof wire, &sealed));
        }
        failing.left[cases[i].function] = 0;
        CHECK_STATUS(cases[i].status, act(cases[i].action, wire, sealed.written));

        CHECK_STATUS(TLSR_OK, tlsr_connection_end(&connection, &end));
        CHECK(!end.is_clean && end.read == cases[i].read && end.fault == cases[i].fault);
        CHECK(end.write == cases[i].write);
        CHECK_STATUS(TLSR_ERR_FAILED, tlsr_connection_write(&connection, (const uint8_t *)"late", 4, &taken));
        /* The result of a send that failed is not a length. */
        CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_connection_sent(&connection, (size_t)-1));
        int has_alert = end.write == TLSR_WRITE_ALERT_QUEUED;
        CHECK_STATUS(TLSR_OK, tlsr_connection_unsent(&connection, &unsent));
        CHECK(unsent.len == (has_alert ? 28 + 24 : 28));
        memcpy(wire, unsent.data, unsent.len);
        CHECK_STATUS(TLSR_OK, tlsr_connection_sent(&connection, unsent.len));
        receive(&peer, wire, 28, TLSR_EVENT_APPLICATION_DATA, 0);
        if (has_alert) {
            tlsr_opened opened;
            CHECK_STATUS(TLSR_ERR_PEER_ALERT, tlsr_layer_open(&peer, wire + 28, 24, &opened));
            tlsr_end at_peer;
            CHECK_STATUS(TLSR_OK, tlsr_layer_end(&peer, &at_peer));
            CHECK(at_peer.read == TLSR_READ_PEER_ALERT && at_peer.read_alert == end.read_alert);
        } else {
            CHECK_STATUS(TLSR_OK, tlsr_layer_eof(&peer));
            CHECK_STATUS(TLSR_OK, tlsr_layer_end(&peer, &end));
            CHECK(end.read == TLSR_READ_TRUNCATED);
        }
        CHECK_STATUS(TLSR_ERR_FAILED, tlsr_connection_shutdown(&connection));
        CHECK(failing.alive == 0);
        CHECK_STATUS(TLSR_OK, tlsr_connection_wipe(&connection));
        CHECK_STATUS(TLSR_OK, tlsr_layer_wipe(&peer));
        CHECK(failing.alive == 0 && working.alive == 0);
    }
}

void test_key_store(void) {
    a_stored_secret_stays_the_callers_if_the_other_one_is_refused();
    a_secret_in_use_outlives_a_call_that_gives_it_again();
    a_secret_in_use_by_a_half_outlives_a_call_that_gives_it_again();
    keys_at_the_last_sequence_number_are_refused();
    a_store_that_fails_loses_no_record_and_ends_the_connection();
}
