/* tlsr_opener, tlsr_sealer and tlsr_mailbox */
#define _POSIX_C_SOURCE 200809L
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"

static tlsr_layer client, server;
static tlsr_opener opener;
static tlsr_sealer sealer;
static tlsr_mailbox mailbox;
static uint8_t wire[512];
static tlsr_sealed sealed;
static tlsr_opened opened;
static tlsr_end end;

static const uint8_t forged[22] = {23, 3, 3, 0, 17};

/* The client of a connection, in halves. */
static void make_halves(tlsr_mailbox *of) {
    make_layers(&client, &server);
    CHECK_STATUS(TLSR_OK, tlsr_layer_split(&client, &opener, sizeof opener, &sealer, sizeof sealer, of,
                                           of == NULL ? 0 : sizeof *of));
}

static uint8_t has_notice(void) {
    uint8_t has_notice;
    CHECK_STATUS(TLSR_OK, tlsr_opener_has_notice(&opener, &has_notice));
    return has_notice;
}

/* Carries the words of halves without a mailbox. */
static void carry(void) {
    uint32_t word;
    CHECK_STATUS(TLSR_OK, tlsr_opener_take_notice(&opener, &word));
    CHECK_STATUS(TLSR_OK, tlsr_sealer_apply_notice(&sealer, word));
    CHECK_STATUS(TLSR_OK, tlsr_sealer_take_signal(&sealer, &word));
    CHECK_STATUS(TLSR_OK, tlsr_opener_apply_signal(&opener, word));
}

static void carry_nothing(void) {
}

static const struct {
    tlsr_mailbox *mailbox;
    void (*carry)(void);
} ways[2] = {{&mailbox, carry_nothing}, {NULL, carry}};

/* Records of the server to the opener. */
static void opener_receives(size_t len, uint8_t event, uint8_t detail) {
    CHECK_STATUS(TLSR_OK, tlsr_opener_open(&opener, wire, len, &opened));
    CHECK(opened.event == event && opened.detail == detail && opened.consumed == len);
}

static void data_goes_through_both_halves(void) {
    for (int way = 0; way < 2; way++) {
        make_halves(ways[way].mailbox);
        CHECK_STATUS(TLSR_ERR_INVALID_HANDLE, tlsr_layer_close(&client));
        for (size_t i = 0; i < sizeof client; i++) {
            CHECK(client.opaque[i] == 0);
        }
        CHECK_STATUS(TLSR_OK, tlsr_sealer_seal(&sealer, (const uint8_t *)"hello", 5, wire, 512, &sealed));
        CHECK(sealed.taken == 5 && sealed.written == 27);
        receive(&server, wire, 27, TLSR_EVENT_APPLICATION_DATA, 0);
        const tlsr_slice parts[2] = {{(const uint8_t *)"hel", 3}, {(const uint8_t *)"lo", 2}};
        CHECK_STATUS(TLSR_OK, tlsr_sealer_seal_parts(&sealer, parts, 2, wire, 512, &sealed));
        CHECK(sealed.taken == 5 && sealed.written == 27);
        receive(&server, wire, 27, TLSR_EVENT_APPLICATION_DATA, 0);
        memcpy(wire + tlsr_sealer_headroom(&sealer), "hello", 5);
        CHECK_STATUS(TLSR_OK, tlsr_sealer_seal_in_place(&sealer, wire, 512, 5, &sealed));
        CHECK(sealed.written == 27 && sealed.written == tlsr_sealer_record_len(&sealer, 5));
        receive(&server, wire, 27, TLSR_EVENT_APPLICATION_DATA, 0);

        CHECK_STATUS(TLSR_OK, tlsr_layer_seal(&server, (const uint8_t *)"hello", 5, wire, 512, &sealed));
        CHECK(tlsr_opener_needed(&opener, wire, 5) == 27);
        opener_receives(27, TLSR_EVENT_APPLICATION_DATA, 0);
        CHECK(opened.len == 5 && memcmp(wire + opened.offset, "hello", 5) == 0);
        CHECK_STATUS(TLSR_OK, tlsr_layer_seal(&server, (const uint8_t *)"hello", 5, wire, 512, &sealed));
        const tlsr_slice pieces[2] = {{wire, 3}, {wire + 3, 24}};
        uint8_t out[64];
        CHECK_STATUS(TLSR_OK, tlsr_opener_open_into(&opener, pieces, 2, out, sizeof out, &opened));
        CHECK(opened.consumed == 27 && memcmp(out + opened.offset, "hello", 5) == 0);
        CHECK(has_notice() == 0);

        tlsr_position position;
        CHECK_STATUS(TLSR_OK, tlsr_opener_position(&opener, &position));
        CHECK(position.read_epoch == TLSR_EPOCH_APPLICATION && position.read_sequence == 2);
        CHECK(position.has_read_keys == 1 && position.write_epoch == 0 && position.has_write_keys == 0);
        CHECK_STATUS(TLSR_OK, tlsr_sealer_position(&sealer, &position));
        CHECK(position.write_epoch == TLSR_EPOCH_APPLICATION && position.write_sequence == 3);
        CHECK(position.has_write_keys == 1 && position.read_epoch == 0 && position.has_read_keys == 0);
    }
}

static void the_alert_for_a_forged_record_is_sent_by_the_other_half(void) {
    for (int way = 0; way < 2; way++) {
        make_halves(ways[way].mailbox);
        memcpy(wire, forged, sizeof forged);
        CHECK_STATUS(TLSR_ERR_FAULT, tlsr_opener_open(&opener, wire, sizeof forged, &opened));
        CHECK(has_notice() == 1);
        ways[way].carry();
        CHECK(has_notice() == 0);
        CHECK_STATUS(TLSR_ERR_FAILED, tlsr_sealer_seal(&sealer, wire, 1, wire + 1, 100, &sealed));
        tlsr_control control;
        CHECK_STATUS(TLSR_OK, tlsr_sealer_next_control(&sealer, &control));
        CHECK(control.kind == TLSR_CONTROL_ALERT && control.alert == TLSR_ALERT_BAD_RECORD_MAC);
        CHECK_STATUS(TLSR_OK, tlsr_sealer_poll_control(&sealer, wire, 512, &sealed));
        CHECK_STATUS(TLSR_ERR_PEER_ALERT, tlsr_layer_open(&server, wire, sealed.written, &opened));
        CHECK_STATUS(TLSR_OK, tlsr_opener_end(&opener, &end));
        CHECK(end.read == TLSR_READ_FAULT && end.fault == TLSR_FAULT_BAD_RECORD_MAC && end.write == 0);
        CHECK_STATUS(TLSR_OK, tlsr_sealer_end(&sealer, &end));
        CHECK(end.write == TLSR_WRITE_ALERT_SENT && end.read == 0);
        CHECK(end.write_alert == TLSR_ALERT_BAD_RECORD_MAC);
    }
}

static void an_abort_of_the_sealer_ends_the_opener(void) {
    for (int way = 0; way < 2; way++) {
        make_halves(ways[way].mailbox);
        CHECK_STATUS(TLSR_ERR_NOT_AN_ERROR_ALERT, tlsr_sealer_abort(&sealer, TLSR_ALERT_CLOSE_NOTIFY));
        CHECK_STATUS(TLSR_OK, tlsr_sealer_abort(&sealer, TLSR_ALERT_INTERNAL_ERROR));
        ways[way].carry();
        CHECK_STATUS(TLSR_ERR_FAULT, tlsr_opener_open(&opener, wire, 0, &opened));
        CHECK_STATUS(TLSR_OK, tlsr_opener_end(&opener, &end));
        CHECK(end.fault == TLSR_FAULT_ABORTED && end.read_alert == TLSR_ALERT_INTERNAL_ERROR);
    }
}

static void a_key_update_is_answered_by_the_other_half(void) {
    for (int way = 0; way < 2; way++) {
        make_halves(ways[way].mailbox);
        CHECK_STATUS(TLSR_OK, tlsr_layer_update_keys(&server, 1));
        CHECK_STATUS(TLSR_OK, tlsr_layer_poll_control(&server, wire, 512, &sealed));
        opener_receives(sealed.written, TLSR_EVENT_KEY_UPDATE, 1);
        ways[way].carry();
        CHECK_STATUS(TLSR_ERR_CONTROL_FIRST, tlsr_sealer_seal(&sealer, wire, 1, wire + 1, 100, &sealed));
        CHECK_STATUS(TLSR_OK, tlsr_sealer_poll_control(&sealer, wire, 512, &sealed));
        receive(&server, wire, sealed.written, TLSR_EVENT_KEY_UPDATE, 0);
        CHECK_STATUS(TLSR_OK, tlsr_sealer_poll_control(&sealer, wire, 512, &sealed));
        CHECK(sealed.written == 0);

        /* The answer to our own lets the sealer request another one. */
        CHECK_STATUS(TLSR_OK, tlsr_sealer_update_keys(&sealer, 1));
        CHECK_STATUS(TLSR_OK, tlsr_sealer_poll_control(&sealer, wire, 512, &sealed));
        ways[way].carry();
        receive(&server, wire, sealed.written, TLSR_EVENT_KEY_UPDATE, 1);
        CHECK_STATUS(TLSR_ERR_REQUEST_OUTSTANDING, tlsr_sealer_update_keys(&sealer, 1));
        CHECK_STATUS(TLSR_OK, tlsr_layer_poll_control(&server, wire, 512, &sealed));
        opener_receives(sealed.written, TLSR_EVENT_KEY_UPDATE, 0);
        ways[way].carry();
        CHECK_STATUS(TLSR_OK, tlsr_sealer_update_keys(&sealer, 1));
    }
}

static void both_halves_close(void) {
    for (int way = 0; way < 2; way++) {
        uint32_t drained = 1;
        make_halves(ways[way].mailbox);
        CHECK_STATUS(TLSR_ERR_AWAITING_PEER, tlsr_opener_check_closed(&opener, 10, &drained));
        CHECK(drained == 0);
        CHECK_STATUS(TLSR_OK, tlsr_layer_seal(&server, wire, 1, wire + 1, 100, &sealed));
        CHECK_STATUS(TLSR_OK, tlsr_opener_open(&opener, wire + 1, sealed.written, &opened));
        CHECK_STATUS(TLSR_ERR_BUDGET_SPENT, tlsr_opener_check_closed(&opener, 10, &drained));
        CHECK(drained == 23);
        CHECK_STATUS(TLSR_OK, tlsr_layer_close(&server));
        CHECK_STATUS(TLSR_OK, tlsr_layer_poll_control(&server, wire, 512, &sealed));
        opener_receives(sealed.written, TLSR_EVENT_CLOSED, 0);
        CHECK_STATUS(TLSR_OK, tlsr_opener_check_closed(&opener, 10, &drained));
        ways[way].carry();
        CHECK_STATUS(TLSR_OK, tlsr_sealer_close(&sealer));
        CHECK_STATUS(TLSR_OK, tlsr_sealer_poll_control(&sealer, wire, 512, &sealed));
        receive(&server, wire, sealed.written, TLSR_EVENT_CLOSED, 0);
        CHECK_STATUS(TLSR_ERR_CONNECTION_CLOSED, tlsr_sealer_close(&sealer));
        CHECK_STATUS(TLSR_ERR_CONNECTION_CLOSED, tlsr_sealer_cancel(&sealer));

        CHECK_STATUS(TLSR_OK, tlsr_layer_join(&client, sizeof client, &opener, &sealer));
        CHECK_STATUS(TLSR_OK, tlsr_layer_end(&client, &end));
        CHECK(end.is_clean == 1);
    }
}

static void the_end_of_the_transport_reaches_the_sealer(void) {
    for (int way = 0; way < 2; way++) {
        make_halves(ways[way].mailbox);
        CHECK_STATUS(TLSR_OK, tlsr_opener_eof(&opener));
        CHECK(has_notice() == 1);
        ways[way].carry();
        CHECK_STATUS(TLSR_ERR_SOCKET_CLOSED, tlsr_opener_open(&opener, wire, 0, &opened));
        CHECK_STATUS(TLSR_ERR_SOCKET_CLOSED, tlsr_sealer_close(&sealer));
        CHECK_STATUS(TLSR_OK, tlsr_sealer_poll_control(&sealer, wire, 512, &sealed));
        receive(&server, wire, sealed.written, TLSR_EVENT_CLOSED, 0);
    }
}

/* The words of halves without a mailbox: none is lost, and nothing that comes from elsewhere is believed. */
static void words_are_kept_until_they_are_taken(void) {
    uint32_t word = 1;
    make_halves(NULL);
    CHECK_STATUS(TLSR_OK, tlsr_opener_take_notice(&opener, &word));
    CHECK(word == 0);
    memcpy(wire, forged, sizeof forged);
    CHECK_STATUS(TLSR_ERR_FAULT, tlsr_opener_open(&opener, wire, sizeof forged, &opened));
    CHECK_STATUS(TLSR_ERR_FAULT, tlsr_opener_open(&opener, wire, sizeof forged, &opened));
    CHECK(has_notice() == 1 && has_notice() == 1);
    CHECK_STATUS(TLSR_OK, tlsr_opener_take_notice(&opener, &word));
    CHECK(word != 0);
    CHECK_STATUS(TLSR_OK, tlsr_opener_take_notice(&opener, &word));
    CHECK(word == 0);

    make_halves(NULL);
    CHECK_STATUS(TLSR_OK, tlsr_sealer_apply_notice(&sealer, 0xffff0000));
    CHECK_STATUS(TLSR_OK, tlsr_sealer_apply_notice(&sealer, 0));
    CHECK_STATUS(TLSR_OK, tlsr_opener_apply_signal(&opener, 0xffff0000));
    CHECK_STATUS(TLSR_OK, tlsr_sealer_seal(&sealer, wire, 1, wire + 1, 100, &sealed));
    CHECK_STATUS(TLSR_OK, tlsr_opener_open(&opener, wire, 0, &opened));
    CHECK_STATUS(TLSR_OK, tlsr_sealer_take_signal(&sealer, &word));
    CHECK(word == 0);

    /* With a mailbox they are in it. */
    make_halves(&mailbox);
    CHECK_STATUS(TLSR_OK, tlsr_opener_eof(&opener));
    CHECK_STATUS(TLSR_OK, tlsr_opener_take_notice(&opener, &word));
    CHECK(word == 0);
    CHECK_STATUS(TLSR_OK, tlsr_sealer_abort(&sealer, TLSR_ALERT_INTERNAL_ERROR));
    CHECK_STATUS(TLSR_OK, tlsr_sealer_take_signal(&sealer, &word));
    CHECK(word == 0);
}

/* What is due when a layer is split stays due. */
static void a_split_and_a_join_lose_nothing(void) {
    for (int way = 0; way < 2; way++) {
        make_layers(&client, &server);
        memcpy(wire, forged, sizeof forged);
        CHECK_STATUS(TLSR_ERR_FAULT, tlsr_layer_open(&client, wire, sizeof forged, &opened));
        tlsr_mailbox *of = ways[way].mailbox;
        size_t size = of == NULL ? 0 : sizeof *of;
        CHECK_STATUS(TLSR_OK,
                     tlsr_layer_split(&client, &opener, sizeof opener, &sealer, sizeof sealer, of, size));
        tlsr_control control;
        CHECK_STATUS(TLSR_OK, tlsr_sealer_next_control(&sealer, &control));
        CHECK(control.alert == TLSR_ALERT_BAD_RECORD_MAC);

        /* A request for a KeyUpdate that waits for the end of the input, in the layer. */
        make_layers(&client, &server);
        CHECK_STATUS(TLSR_OK, tlsr_layer_update_keys(&server, 1));
        CHECK_STATUS(TLSR_OK, tlsr_layer_poll_control(&server, wire, 512, &sealed));
        CHECK_STATUS(TLSR_OK, tlsr_layer_open(&client, wire, sealed.written + 1, &opened));
        CHECK_STATUS(TLSR_OK, tlsr_layer_next_control(&client, &control));
        CHECK(control.kind == TLSR_CONTROL_NONE);
        CHECK_STATUS(TLSR_OK,
                     tlsr_layer_split(&client, &opener, sizeof opener, &sealer, sizeof sealer, of, size));
        ways[way].carry();
        CHECK_STATUS(TLSR_OK, tlsr_sealer_next_control(&sealer, &control));
        CHECK(control.kind == TLSR_CONTROL_KEY_UPDATE);

        /* What was posted and not taken when the halves are joined. */
        make_halves(of);
        memcpy(wire, forged, sizeof forged);
        CHECK_STATUS(TLSR_ERR_FAULT, tlsr_opener_open(&opener, wire, sizeof forged, &opened));
        CHECK_STATUS(TLSR_OK, tlsr_layer_join(&client, sizeof client, &opener, &sealer));
        CHECK_STATUS(TLSR_OK, tlsr_layer_next_control(&client, &control));
        CHECK(control.alert == TLSR_ALERT_BAD_RECORD_MAC);
        CHECK_STATUS(TLSR_ERR_INVALID_HANDLE, tlsr_opener_eof(&opener));
        CHECK_STATUS(TLSR_ERR_INVALID_HANDLE, tlsr_sealer_close(&sealer));
        for (size_t i = 0; i < sizeof opener; i++) {
            CHECK(opener.opaque[i] == 0);
        }
        for (size_t i = 0; i < sizeof sealer; i++) {
            CHECK(sealer.opaque[i] == 0);
        }

        make_halves(of);
        CHECK_STATUS(TLSR_OK, tlsr_sealer_abort(&sealer, TLSR_ALERT_INTERNAL_ERROR));
        CHECK_STATUS(TLSR_OK, tlsr_layer_join(&client, sizeof client, &opener, &sealer));
        CHECK_STATUS(TLSR_ERR_FAULT, tlsr_layer_open(&client, wire, 0, &opened));
    }
}

/* The alert of the last connection would end the next one. */
static void a_mailbox_of_an_earlier_pair_is_emptied(void) {
    make_halves(&mailbox);
    memcpy(wire, forged, sizeof forged);
    CHECK_STATUS(TLSR_ERR_FAULT, tlsr_opener_open(&opener, wire, sizeof forged, &opened));
    CHECK_STATUS(TLSR_OK, tlsr_opener_wipe(&opener));
    CHECK_STATUS(TLSR_OK, tlsr_sealer_wipe(&sealer));
    make_halves(&mailbox);
    CHECK(has_notice() == 0);
    CHECK_STATUS(TLSR_OK, tlsr_sealer_seal(&sealer, wire, 1, wire + 1, 100, &sealed));
}

/* Halves of which the mailbox was given to others, or was overwritten. */
static void lost_halves(void) {
    CHECK_STATUS(TLSR_ERR_INVALID_HANDLE, tlsr_opener_open(&opener, wire, 0, &opened));
    CHECK_STATUS(TLSR_ERR_INVALID_HANDLE, tlsr_sealer_seal(&sealer, wire, 1, wire + 1, 100, &sealed));
    CHECK(tlsr_opener_needed(&opener, wire, 0) == 0 && tlsr_sealer_headroom(&sealer) == 0);
    CHECK_STATUS(TLSR_ERR_INVALID_HANDLE, tlsr_layer_join(&client, sizeof client, &opener, &sealer));
    CHECK_STATUS(TLSR_OK, tlsr_opener_wipe(&opener));
    CHECK_STATUS(TLSR_OK, tlsr_sealer_wipe(&sealer));
}

static void a_mailbox_belongs_to_one_pair(void) {
    static tlsr_opener other_opener;
    static tlsr_sealer other_sealer;
    make_halves(&mailbox);
    CHECK_STATUS(TLSR_OK, tlsr_layer_split(&server, &other_opener, sizeof other_opener, &other_sealer,
                                           sizeof other_sealer, &mailbox, sizeof mailbox));
    lost_halves();
    CHECK_STATUS(TLSR_OK, tlsr_opener_open(&other_opener, wire, 0, &opened));
    make_halves(&mailbox);
    memset(&mailbox, 0, sizeof mailbox);
    lost_halves();

    /* Halves of two pairs. */
    tlsr_mailbox second;
    make_halves(&mailbox);
    CHECK_STATUS(TLSR_OK, tlsr_layer_split(&server, &other_opener, sizeof other_opener, &other_sealer,
                                           sizeof other_sealer, &second, sizeof second));
    CHECK_STATUS(TLSR_ERR_MISMATCH, tlsr_layer_join(&client, sizeof client, &opener, &other_sealer));
    CHECK_STATUS(TLSR_OK, tlsr_sealer_close(&other_sealer));
    make_halves(&mailbox);
    CHECK_STATUS(TLSR_OK, tlsr_layer_split(&server, &other_opener, sizeof other_opener, &other_sealer,
                                           sizeof other_sealer, NULL, 0));
    CHECK_STATUS(TLSR_ERR_MISMATCH, tlsr_layer_join(&client, sizeof client, &opener, &other_sealer));
    CHECK_STATUS(TLSR_ERR_MISMATCH, tlsr_layer_join(&client, sizeof client, &other_opener, &sealer));
    CHECK_STATUS(TLSR_OK, tlsr_layer_join(&client, sizeof client, &opener, &sealer));

    /* Halves without mailboxes that do not fit together are lost. */
    make_halves(NULL);
    CHECK_STATUS(TLSR_ERR_MISMATCH, tlsr_layer_join(&client, sizeof client, &opener, &other_sealer));
    CHECK_STATUS(TLSR_ERR_INVALID_HANDLE, tlsr_opener_eof(&opener));
    CHECK_STATUS(TLSR_ERR_INVALID_HANDLE, tlsr_sealer_close(&other_sealer));
    tlsr_config config;
    CHECK_STATUS(TLSR_OK, tlsr_config_init(&config, TLSR_CLIENT));
    CHECK_STATUS(TLSR_OK, tlsr_opener_init(&opener, sizeof opener, &config));
    CHECK_STATUS(TLSR_OK, tlsr_opener_install(&opener, TLSR_EPOCH_APPLICATION, &client_secret));
    CHECK_STATUS(TLSR_ERR_SAME_SECRET, tlsr_layer_join(&client, sizeof client, &opener, &sealer));
    CHECK_STATUS(TLSR_ERR_INVALID_HANDLE, tlsr_layer_close(&client));
}

/* A layer, its halves and a mailbox, as memory that can be laid over itself. */
static union {
    tlsr_layer layer;
    tlsr_opener opener;
    tlsr_sealer sealer;
    tlsr_mailbox mailbox;
} shared;

static tlsr_status split(tlsr_layer *layer, tlsr_opener *o, tlsr_sealer *s, tlsr_mailbox *m) {
    return tlsr_layer_split(layer, o, sizeof *o, s, sizeof *s, m, sizeof *m);
}

static void a_split_that_is_refused_changes_nothing(void) {
    tlsr_layer *of = &shared.layer;
    make_layers(of, &server);
    CHECK_STATUS(TLSR_ERR_ARGUMENT, split(of, NULL, &sealer, &mailbox));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, split(of, &opener, NULL, &mailbox));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, split(of, &shared.opener, &sealer, &mailbox));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, split(of, &opener, &shared.sealer, &mailbox));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, split(of, &opener, &sealer, &shared.mailbox));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, split(of, &opener, (tlsr_sealer *)(void *)&opener, &mailbox));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, split(of, &opener, &sealer, (tlsr_mailbox *)(void *)&opener));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, split(of, &opener, &sealer, (tlsr_mailbox *)(void *)&sealer));
    unsigned char *misaligned = (unsigned char *)&mailbox + 1;
    CHECK_STATUS(TLSR_ERR_ARGUMENT, split(of, &opener, &sealer, (tlsr_mailbox *)(void *)misaligned));
    misaligned = (unsigned char *)&opener + 1;
    CHECK_STATUS(TLSR_ERR_ARGUMENT, split(of, (tlsr_opener *)(void *)misaligned, &sealer, &mailbox));
    misaligned = (unsigned char *)&sealer + 1;
    CHECK_STATUS(TLSR_ERR_ARGUMENT, split(of, &opener, (tlsr_sealer *)(void *)misaligned, &mailbox));
    CHECK_STATUS(TLSR_ERR_SIZE, tlsr_layer_split(of, &opener, sizeof opener - 1, &sealer, sizeof sealer,
                                                 &mailbox, sizeof mailbox));
    CHECK_STATUS(TLSR_ERR_SIZE, tlsr_layer_split(of, &opener, sizeof opener, &sealer, sizeof sealer - 1,
                                                 &mailbox, sizeof mailbox));
    CHECK_STATUS(TLSR_ERR_SIZE, tlsr_layer_split(of, &opener, sizeof opener, &sealer, sizeof sealer,
                                                 &mailbox, sizeof mailbox - 1));
    CHECK_STATUS(TLSR_OK, tlsr_layer_seal(of, (const uint8_t *)"x", 1, wire, 512, &sealed));
    receive(&server, wire, sealed.written, TLSR_EVENT_APPLICATION_DATA, 0);

    of = NULL;
    CHECK_STATUS(TLSR_ERR_ARGUMENT, split(of, &opener, &sealer, NULL));
    tlsr_layer copy = shared.layer;
    of = &copy;
    CHECK_STATUS(TLSR_ERR_INVALID_HANDLE, split(of, &opener, &sealer, NULL));
    CHECK_STATUS(TLSR_OK, tlsr_layer_wipe(&shared.layer));
    of = &shared.layer;
    CHECK_STATUS(TLSR_ERR_INVALID_HANDLE, split(of, &opener, &sealer, NULL));
}

static void a_join_that_is_refused_changes_nothing(void) {
    make_layers(&client, &server);
    CHECK_STATUS(TLSR_OK, tlsr_layer_split(&client, &shared.opener, sizeof shared.opener, &sealer,
                                           sizeof sealer, &mailbox, sizeof mailbox));
    tlsr_opener *half = &shared.opener, copy = shared.opener;
    tlsr_sealer zeros = sealer;
    memset(&zeros, 0, sizeof zeros);
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_join(NULL, sizeof client, half, &sealer));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_join(&client, sizeof client, NULL, &sealer));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_join(&client, sizeof client, half, NULL));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_join(&shared.layer, sizeof client, half, &sealer));
    CHECK_STATUS(TLSR_ERR_ARGUMENT,
                 tlsr_layer_join((tlsr_layer *)(void *)&sealer, sizeof client, half, &sealer));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_layer_join(&client, sizeof client, half, &shared.sealer));
    CHECK_STATUS(TLSR_ERR_SIZE, tlsr_layer_join(&client, sizeof client - 1, half, &sealer));
    CHECK_STATUS(TLSR_ERR_INVALID_HANDLE, tlsr_layer_join(&client, sizeof client, &copy, &sealer));
    CHECK_STATUS(TLSR_ERR_INVALID_HANDLE, tlsr_layer_join(&client, sizeof client, half, &zeros));
    CHECK_STATUS(TLSR_OK, tlsr_layer_join(&client, sizeof client, half, &sealer));
    CHECK_STATUS(TLSR_OK, tlsr_layer_seal(&client, (const uint8_t *)"x", 1, wire, 512, &sealed));
    receive(&server, wire, sealed.written, TLSR_EVENT_APPLICATION_DATA, 0);
}

/* A TLS 1.2 handshake over halves: of the client's records, a sealer here and an opener there. */
static void halves_make_a_handshake(void) {
    tlsr_config config;
    CHECK_STATUS(TLSR_OK, tlsr_config_init(&config, TLSR_CLIENT));
    CHECK_STATUS(TLSR_ERR_SIZE, tlsr_sealer_init(&sealer, sizeof sealer - 1, &config));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_sealer_init(&sealer, sizeof sealer, NULL));
    CHECK_STATUS(TLSR_OK, tlsr_sealer_init(&sealer, sizeof sealer, &config));
    CHECK_STATUS(TLSR_OK, tlsr_config_init(&config, TLSR_SERVER));
    CHECK_STATUS(TLSR_ERR_SIZE, tlsr_opener_init(&opener, sizeof opener - 1, &config));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_opener_init(&opener, sizeof opener, NULL));
    CHECK_STATUS(TLSR_OK, tlsr_opener_init(&opener, sizeof opener, &config));

    static const uint8_t hello[8] = {1, 0, 0, 4}, finished[8] = {20, 0, 0, 4};
    CHECK_STATUS(TLSR_OK, tlsr_sealer_seal_handshake(&sealer, hello, 8, wire, 512, &sealed));
    opener_receives(sealed.written, TLSR_EVENT_HANDSHAKE, 1);
    CHECK_STATUS(TLSR_OK, tlsr_opener_skip_early_data(&opener, 0));
    CHECK_STATUS(TLSR_ERR_NOT_HANDSHAKE, tlsr_sealer_change_cipher_spec(&sealer, wire, 512, &sealed));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_opener_set_version(&opener, 0x0301));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_sealer_set_version(&sealer, 0x0301));
    CHECK_STATUS(TLSR_OK, tlsr_opener_set_version(&opener, TLSR_TLS_1_2));
    CHECK_STATUS(TLSR_OK, tlsr_sealer_set_version(&sealer, TLSR_TLS_1_2));
    CHECK_STATUS(TLSR_ERR_EPOCH, tlsr_opener_skip_early_data(&opener, 0));
    CHECK_STATUS(TLSR_OK, tlsr_sealer_change_cipher_spec(&sealer, wire, 512, &sealed));
    opener_receives(sealed.written, TLSR_EVENT_CHANGE_CIPHER_SPEC, 0);
    CHECK_STATUS(TLSR_ERR_EPOCH, tlsr_opener_establish(&opener));
    CHECK_STATUS(TLSR_ERR_EPOCH, tlsr_sealer_establish(&sealer));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_opener_install(&opener, 0, &client_key));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_sealer_install(&sealer, 0, &client_key));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_opener_install(&opener, TLSR_EPOCH_HANDSHAKE, NULL));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_sealer_install(&sealer, TLSR_EPOCH_HANDSHAKE, NULL));
    CHECK_STATUS(TLSR_ERR_MISMATCH, tlsr_opener_install(&opener, TLSR_EPOCH_HANDSHAKE, &client_secret));
    CHECK_STATUS(TLSR_ERR_MISMATCH, tlsr_sealer_install(&sealer, TLSR_EPOCH_HANDSHAKE, &client_secret));
    CHECK_STATUS(TLSR_ERR_NONCE_REUSE, tlsr_opener_install(&opener, TLSR_EPOCH_APPLICATION, &client_key));
    CHECK_STATUS(TLSR_ERR_NONCE_REUSE, tlsr_sealer_install(&sealer, TLSR_EPOCH_APPLICATION, &client_key));
    CHECK_STATUS(TLSR_OK, tlsr_opener_install(&opener, TLSR_EPOCH_HANDSHAKE, &client_key));
    CHECK_STATUS(TLSR_OK, tlsr_sealer_install(&sealer, TLSR_EPOCH_HANDSHAKE, &client_key));
    CHECK_STATUS(TLSR_ERR_NONCE_REUSE, tlsr_opener_establish(&opener));
    CHECK_STATUS(TLSR_ERR_NONCE_REUSE, tlsr_sealer_establish(&sealer));
    CHECK_STATUS(TLSR_OK, tlsr_sealer_seal_handshake(&sealer, finished, 8, wire, 512, &sealed));
    opener_receives(sealed.written, TLSR_EVENT_HANDSHAKE, 20);
    CHECK_STATUS(TLSR_OK, tlsr_opener_establish(&opener));
    CHECK_STATUS(TLSR_OK, tlsr_sealer_establish(&sealer));
    CHECK_STATUS(TLSR_OK, tlsr_sealer_seal(&sealer, hello, 8, wire, 512, &sealed));
    opener_receives(sealed.written, TLSR_EVENT_APPLICATION_DATA, 0);
    CHECK_STATUS(TLSR_OK, tlsr_sealer_refuse_renegotiation(&sealer));
    CHECK_STATUS(TLSR_OK, tlsr_sealer_poll_control(&sealer, wire, 512, &sealed));
    opener_receives(sealed.written, TLSR_EVENT_WARNING, TLSR_ALERT_NO_RENEGOTIATION);

    /* A connection that another library has begun. */
    tlsr_secret used = client_key;
    used.sequence = 1;
    CHECK_STATUS(TLSR_OK, tlsr_sealer_wipe(&sealer));
    CHECK_STATUS(TLSR_OK, tlsr_sealer_init(&sealer, sizeof sealer, &config));
    CHECK_STATUS(TLSR_OK, tlsr_sealer_install(&sealer, TLSR_EPOCH_APPLICATION, &used));
    CHECK_STATUS(TLSR_OK, tlsr_opener_init(&opener, sizeof opener, &config));
    CHECK_STATUS(TLSR_OK, tlsr_opener_install(&opener, TLSR_EPOCH_APPLICATION, &used));
    CHECK_STATUS(TLSR_OK, tlsr_sealer_cancel(&sealer));
    CHECK_STATUS(TLSR_OK, tlsr_sealer_poll_control(&sealer, wire, 512, &sealed));
    opener_receives(sealed.written, TLSR_EVENT_WARNING, TLSR_ALERT_USER_CANCELED);
    CHECK_STATUS(TLSR_ERR_CONNECTION_CLOSED, tlsr_sealer_install(&sealer, TLSR_EPOCH_APPLICATION, &used));
}

static void the_settings_of_halves_change_the_next_record(void) {
    make_halves(&mailbox);
    CHECK(tlsr_sealer_headroom(&sealer) == 5 && tlsr_sealer_record_len(&sealer, 10) == 32);
    CHECK(tlsr_sealer_content_len(&sealer, 32) == 10 && tlsr_sealer_content_len(&sealer, 21) == 0);
    CHECK(tlsr_sealer_control_len(&sealer) == 27 && tlsr_sealer_fragment_limit(&sealer) == 16384);
    CHECK_STATUS(TLSR_OK, tlsr_sealer_set_fragment_limit(&sealer, 100));
    CHECK(tlsr_sealer_fragment_limit(&sealer) == 100);
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_sealer_set_record_size_limit(&sealer, 63));
    CHECK_STATUS(TLSR_OK, tlsr_sealer_set_record_size_limit(&sealer, 65));
    CHECK(tlsr_sealer_fragment_limit(&sealer) == 64);
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_sealer_set_padding(&sealer, 4, 0));
    CHECK_STATUS(TLSR_OK, tlsr_sealer_set_padding(&sealer, TLSR_PADDING_BLOCK, 32));
    CHECK(tlsr_sealer_record_len(&sealer, 1) == 53);
    CHECK_STATUS(TLSR_ERR_EPOCH, tlsr_sealer_refuse_renegotiation(&sealer));

    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_opener_set_record_size_limit(&opener, 63));
    CHECK_STATUS(TLSR_OK, tlsr_opener_set_record_size_limit(&opener, 64));
    CHECK_STATUS(TLSR_OK, tlsr_layer_seal(&server, wire, 64, wire + 64, 200, &sealed));
    CHECK_STATUS(TLSR_ERR_FAULT, tlsr_opener_open(&opener, wire + 64, sealed.written, &opened));
}

static tlsr_control control;
static tlsr_position position;
static uint32_t word;
static uint8_t flag;

#define OPENER_CALLS(CALL) \
    CALL(wipe(half)) \
    CALL(install(half, TLSR_EPOCH_APPLICATION, &server_secret)) \
    CALL(establish(half)) \
    CALL(set_version(half, TLSR_TLS_1_3)) \
    CALL(set_record_size_limit(half, 64)) \
    CALL(open(half, wire, 0, &opened)) \
    CALL(open_into(half, NULL, 0, wire, 64, &opened)) \
    CALL(skip_early_data(half, 0)) \
    CALL(eof(half)) \
    CALL(has_notice(half, &flag)) \
    CALL(take_notice(half, &word)) \
    CALL(apply_signal(half, 0)) \
    CALL(check_closed(half, 0, &word)) \
    CALL(end(half, &end)) \
    CALL(position(half, &position))

static void opener_refuses(tlsr_status status, tlsr_opener *half) {
#define REFUSED_BY_OPENER(call) CHECK_STATUS(status, tlsr_opener_##call);
    OPENER_CALLS(REFUSED_BY_OPENER)
    CHECK(tlsr_opener_needed(half, wire, 0) == 0);
}

#define SEALER_CALLS(CALL) \
    CALL(wipe(half)) \
    CALL(install(half, TLSR_EPOCH_APPLICATION, &client_secret)) \
    CALL(establish(half)) \
    CALL(set_version(half, TLSR_TLS_1_3)) \
    CALL(set_fragment_limit(half, 100)) \
    CALL(set_padding(half, TLSR_PADDING_NONE, 0)) \
    CALL(set_record_size_limit(half, 64)) \
    CALL(seal(half, NULL, 0, wire, 64, &sealed)) \
    CALL(seal_parts(half, NULL, 0, wire, 64, &sealed)) \
    CALL(seal_in_place(half, wire, 64, 1, &sealed)) \
    CALL(seal_handshake(half, NULL, 0, wire, 64, &sealed)) \
    CALL(change_cipher_spec(half, wire, 64, &sealed)) \
    CALL(poll_control(half, wire, 64, &sealed)) \
    CALL(next_control(half, &control)) \
    CALL(update_keys(half, 0)) \
    CALL(refuse_renegotiation(half)) \
    CALL(take_signal(half, &word)) \
    CALL(apply_notice(half, 0)) \
    CALL(close(half)) \
    CALL(cancel(half)) \
    CALL(abort(half, TLSR_ALERT_INTERNAL_ERROR)) \
    CALL(end(half, &end)) \
    CALL(position(half, &position))

static void sealer_refuses(tlsr_status status, tlsr_sealer *half) {
#define REFUSED_BY_SEALER(call) CHECK_STATUS(status, tlsr_sealer_##call);
    SEALER_CALLS(REFUSED_BY_SEALER)
    CHECK(tlsr_sealer_headroom(half) == 0);
    CHECK(tlsr_sealer_record_len(half, 1) == 0);
    CHECK(tlsr_sealer_content_len(half, 100) == 0);
    CHECK(tlsr_sealer_control_len(half) == 0);
    CHECK(tlsr_sealer_fragment_limit(half) == 0);
}

static void what_is_no_half_is_refused_by_every_function(void) {
    static tlsr_opener openers[2];
    static tlsr_sealer sealers[2];
    make_layers(&client, &server);
    opener_refuses(TLSR_ERR_INVALID_HANDLE, &openers[0]);
    sealer_refuses(TLSR_ERR_INVALID_HANDLE, &sealers[0]);
    CHECK_STATUS(TLSR_OK, tlsr_layer_split(&client, &openers[0], sizeof openers[0], &sealers[0],
                                           sizeof sealers[0], &mailbox, sizeof mailbox));
    opener_refuses(TLSR_ERR_ARGUMENT, NULL);
    sealer_refuses(TLSR_ERR_ARGUMENT, NULL);
    opener_refuses(TLSR_ERR_ARGUMENT, (tlsr_opener *)(void *)((unsigned char *)&openers[0] + 1));
    sealer_refuses(TLSR_ERR_ARGUMENT, (tlsr_sealer *)(void *)((unsigned char *)&sealers[0] + 1));
    openers[1] = openers[0];
    sealers[1] = sealers[0];
    opener_refuses(TLSR_ERR_INVALID_HANDLE, &openers[1]);
    sealer_refuses(TLSR_ERR_INVALID_HANDLE, &sealers[1]);
    /* One half is not the other, and is no layer. */
    opener_refuses(TLSR_ERR_INVALID_HANDLE, (tlsr_opener *)(void *)&sealers[0]);
    CHECK_STATUS(TLSR_ERR_INVALID_HANDLE, tlsr_layer_eof((tlsr_layer *)(void *)&openers[0]));

    /* A wrong pointer beside a right half. */
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_opener_open(&openers[0], wire, 5, NULL));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_opener_open(&openers[0], NULL, 5, &opened));
    const tlsr_slice piece = {wire, 5};
    uint8_t out[64];
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_opener_open_into(&openers[0], &piece, 1, out, 64, NULL));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_opener_open_into(&openers[0], &piece, 1, wire, 64, &opened));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_opener_has_notice(&openers[0], NULL));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_opener_take_notice(&openers[0], NULL));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_opener_end(&openers[0], NULL));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_opener_position(&openers[0], NULL));
    CHECK(tlsr_opener_needed(&openers[0], NULL, 1) == 0);
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_sealer_seal(&sealers[0], wire, 1, wire, 64, &sealed));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_sealer_seal(&sealers[0], wire, 1, wire + 1, 64, NULL));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_sealer_seal_parts(&sealers[0], &piece, 1, wire, 64, &sealed));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_sealer_seal_parts(&sealers[0], &piece, 1, out, 64, NULL));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_sealer_seal_in_place(&sealers[0], wire, 64, 1, NULL));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_sealer_seal_handshake(&sealers[0], wire, 8, wire, 64, &sealed));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_sealer_seal_handshake(&sealers[0], wire, 8, out, 64, NULL));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_sealer_change_cipher_spec(&sealers[0], wire, 64, NULL));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_sealer_poll_control(&sealers[0], wire, 64, NULL));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_sealer_next_control(&sealers[0], NULL));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_sealer_take_signal(&sealers[0], NULL));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_sealer_end(&sealers[0], NULL));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_sealer_position(&sealers[0], NULL));
    CHECK_STATUS(TLSR_OK, tlsr_sealer_position(&sealers[0], &position));
    CHECK(position.write_sequence == 0);

    CHECK_STATUS(TLSR_OK, tlsr_opener_wipe(&openers[0]));
    CHECK_STATUS(TLSR_OK, tlsr_sealer_wipe(&sealers[0]));
    opener_refuses(TLSR_ERR_INVALID_HANDLE, &openers[0]);
    sealer_refuses(TLSR_ERR_INVALID_HANDLE, &sealers[0]);
}

/* Two threads. The client seals in one, and opens in the other; the server is a layer, in the test's own. */

#define RECORDS 300
#define CONTENT 100

static int sockets[2]; /* the client's, the server's */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t woken = PTHREAD_COND_INITIALIZER;
static int has_news, has_closed;

static void write_all(int socket, const uint8_t *bytes, size_t len) {
    while (len != 0) {
        ssize_t taken = write(socket, bytes, len);
        CHECK(taken > 0);
        bytes += taken;
        len -= (size_t)taken;
    }
}

/* Records that have arrived, and how many bytes of data were in them. */
struct inbox {
    uint8_t bytes[4096];
    size_t filled, data;
    unsigned key_updates;
};

static void *receiver(void *unused) {
    static struct inbox inbox;
    (void)unused;
    for (int is_open = 1; is_open;) {
        ssize_t got = read(sockets[0], inbox.bytes + inbox.filled, sizeof inbox.bytes - inbox.filled);
        CHECK(got > 0);
        inbox.filled += (size_t)got;
        tlsr_opened in;
        for (size_t done = 0;; done += in.consumed) {
            CHECK_STATUS(TLSR_OK, tlsr_opener_open(&opener, inbox.bytes + done, inbox.filled - done, &in));
            inbox.data += in.event == TLSR_EVENT_APPLICATION_DATA ? in.len : 0;
            is_open = in.event == TLSR_EVENT_CLOSED ? 0 : is_open;
            if (in.event == TLSR_EVENT_NEED_MORE || !is_open) {
                inbox.filled -= done;
                memmove(inbox.bytes, inbox.bytes + done, inbox.filled);
                break;
            }
        }
        uint8_t must_wake;
        CHECK_STATUS(TLSR_OK, tlsr_opener_has_notice(&opener, &must_wake));
        if (must_wake || !is_open) {
            pthread_mutex_lock(&lock);
            has_news = 1;
            has_closed = !is_open;
            pthread_cond_signal(&woken);
            pthread_mutex_unlock(&lock);
        }
    }
    CHECK(inbox.data == RECORDS * CONTENT);
    return NULL;
}

static void send_control(void) {
    uint8_t record[64];
    tlsr_sealed out;
    do {
        CHECK_STATUS(TLSR_OK, tlsr_sealer_poll_control(&sealer, record, sizeof record, &out));
        write_all(sockets[0], record, out.written);
    } while (out.written != 0);
}

static void *sender(void *unused) {
    (void)unused;
    for (int i = 0; i < RECORDS;) {
        uint8_t record[CONTENT + 22], data[CONTENT] = {0};
        tlsr_sealed out;
        send_control();
        tlsr_status status = tlsr_sealer_seal(&sealer, data, CONTENT, record, sizeof record, &out);
        if (status != TLSR_ERR_CONTROL_FIRST) {
            CHECK_STATUS(TLSR_OK, status);
            write_all(sockets[0], record, out.written);
            i++;
        }
    }
    for (int is_open = 1; is_open;) {
        pthread_mutex_lock(&lock);
        while (!has_news) {
            pthread_cond_wait(&woken, &lock);
        }
        has_news = 0;
        is_open = !has_closed;
        pthread_mutex_unlock(&lock);
        send_control();
    }
    CHECK_STATUS(TLSR_OK, tlsr_sealer_close(&sealer));
    send_control();
    return NULL;
}

/* The server takes what has arrived; waits for something if it has nothing else to do. */
static int server_receives(struct inbox *inbox, int flags) {
    ssize_t got = recv(sockets[1], inbox->bytes + inbox->filled, sizeof inbox->bytes - inbox->filled, flags);
    if (got < 0) {
        CHECK(errno == EAGAIN || errno == EWOULDBLOCK);
        return 1;
    }
    CHECK(got > 0);
    inbox->filled += (size_t)got;
    size_t done = 0;
    do {
        CHECK_STATUS(TLSR_OK, tlsr_layer_open(&server, inbox->bytes + done, inbox->filled - done, &opened));
        inbox->data += opened.event == TLSR_EVENT_APPLICATION_DATA ? opened.len : 0;
        inbox->key_updates += opened.event == TLSR_EVENT_KEY_UPDATE;
        done += opened.consumed;
    } while (opened.event != TLSR_EVENT_NEED_MORE && opened.event != TLSR_EVENT_CLOSED);
    inbox->filled -= done;
    memmove(inbox->bytes, inbox->bytes + done, inbox->filled);
    return opened.event != TLSR_EVENT_CLOSED;
}

static void server_sends_control(void) {
    do {
        CHECK_STATUS(TLSR_OK, tlsr_layer_poll_control(&server, wire, sizeof wire, &sealed));
        write_all(sockets[1], wire, sealed.written);
    } while (sealed.written != 0);
}

static void halves_run_in_two_threads(void) {
    static struct inbox inbox;
    pthread_t threads[2];
    make_halves(&mailbox);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0);
    CHECK(pthread_create(&threads[0], NULL, receiver, NULL) == 0);
    CHECK(pthread_create(&threads[1], NULL, sender, NULL) == 0);
    unsigned requests = 0;
    for (int i = 0; i < RECORDS;) {
        if (i % 10 == 0 && tlsr_layer_update_keys(&server, 1) == TLSR_OK) {
            requests++;
        }
        server_sends_control();
        static const uint8_t data[CONTENT] = {0};
        tlsr_status status = tlsr_layer_seal(&server, data, CONTENT, wire, sizeof wire, &sealed);
        if (status == TLSR_OK) {
            write_all(sockets[1], wire, sealed.written);
            i++;
        } else {
            CHECK_STATUS(TLSR_ERR_CONTROL_FIRST, status);
        }
        CHECK(server_receives(&inbox, MSG_DONTWAIT) == 1);
    }
    while (inbox.key_updates != requests) {
        CHECK(server_receives(&inbox, 0) == 1);
    }
    CHECK(requests != 0);
    CHECK_STATUS(TLSR_OK, tlsr_layer_close(&server));
    server_sends_control();
    while (server_receives(&inbox, 0)) {
    }
    CHECK(inbox.data == RECORDS * CONTENT);
    CHECK(pthread_join(threads[0], NULL) == 0 && pthread_join(threads[1], NULL) == 0);
    CHECK_STATUS(TLSR_OK, tlsr_layer_join(&client, sizeof client, &opener, &sealer));
    CHECK_STATUS(TLSR_OK, tlsr_layer_end(&client, &end));
    CHECK(end.is_clean == 1);
    CHECK_STATUS(TLSR_OK, tlsr_layer_end(&server, &end));
    CHECK(end.is_clean == 1);
    CHECK(close(sockets[0]) == 0 && close(sockets[1]) == 0);
}

#ifdef __linux__

/* Bytes that are found again, and the stack on which they are searched. */
static uint8_t marked[2][32];
static uint8_t *stack;
enum { STACK_LEN = 256 * 1024 };

static size_t copies_on_the_stack(void) {
    static uint8_t copy[STACK_LEN];
    /* Through the system: tools that watch memory let nobody read what is below the stack pointer. */
    int memory = open("/proc/self/mem", O_RDONLY);
    CHECK(memory >= 0);
    CHECK(pread(memory, copy, STACK_LEN, (off_t)(uintptr_t)stack) == STACK_LEN && close(memory) == 0);
    size_t copies = 0;
    for (size_t i = 0; i + 16 <= STACK_LEN; i++) {
        copies += memcmp(copy + i, marked[0], 16) == 0 || memcmp(copy + i, marked[1], 16) == 0;
    }
    return copies;
}

static void leave_a_copy(void) {
    volatile uint8_t copy[1024];
    for (size_t i = 0; i < 32; i++) {
        copy[i] = marked[1][i];
    }
    CHECK(copy[0] == marked[1][0]);
}

/* Moves keys through every function that does. Everything but the stack is static. */
static void *moves_keys(void *unused) {
    static const uint8_t handshake_bytes[2][32] = {{11}, {12}};
    tlsr_secret secrets[2] = {client_secret, server_secret};
    (void)unused;
#define CHECK_MOVE(call) CHECK_STATUS(TLSR_OK, call), CHECK(copies_on_the_stack() == 0)
    make_empty(&client, TLSR_CLIENT, TLSR_TLS_1_3);
    secrets[0].secret = handshake_bytes[0];
    secrets[1].secret = handshake_bytes[1];
    CHECK_MOVE(tlsr_layer_install(&client, TLSR_EPOCH_HANDSHAKE, &secrets[0], &secrets[1]));
    secrets[0].secret = marked[0];
    secrets[1].secret = marked[1];
    CHECK_MOVE(tlsr_layer_install_one(&client, TLSR_CLIENT, TLSR_EPOCH_APPLICATION, &secrets[0]));
    CHECK_MOVE(tlsr_layer_split(&client, &opener, sizeof opener, &sealer, sizeof sealer, &mailbox,
                                sizeof mailbox));
    CHECK_MOVE(tlsr_opener_install(&opener, TLSR_EPOCH_APPLICATION, &secrets[1]));
    CHECK_MOVE(tlsr_layer_join(&client, sizeof client, &opener, &sealer));
    CHECK_MOVE(tlsr_layer_wipe(&client));
    make_empty(&client, TLSR_CLIENT, TLSR_TLS_1_3);
    CHECK_MOVE(tlsr_layer_install(&client, TLSR_EPOCH_APPLICATION, &secrets[0], &secrets[1]));
    CHECK_MOVE(tlsr_layer_wipe(&client));
    tlsr_config config;
    CHECK_STATUS(TLSR_OK, tlsr_config_init(&config, TLSR_CLIENT));
    CHECK_STATUS(TLSR_OK, tlsr_sealer_init(&sealer, sizeof sealer, &config));
    CHECK_MOVE(tlsr_sealer_install(&sealer, TLSR_EPOCH_APPLICATION, &secrets[0]));
    CHECK_MOVE(tlsr_sealer_wipe(&sealer));
    static tlsr_connection connection;
    static tlsr_kernel kernels[2];
    static tlsr_crypto_info info;
    static uint8_t buffer[512];
    make_empty(&client, TLSR_CLIENT, TLSR_TLS_1_3);
    CHECK_MOVE(tlsr_layer_install(&client, TLSR_EPOCH_APPLICATION, &secrets[0], &secrets[1]));
    CHECK_MOVE(tlsr_connection_from_layer(&connection, sizeof connection, &client, buffer, sizeof buffer));
    CHECK_MOVE(tlsr_connection_hand_sender_to_kernel(&connection, &kernels[0], sizeof kernels[0]));
    CHECK_MOVE(tlsr_connection_hand_receiver_to_kernel(&connection, &kernels[1], sizeof kernels[1]));
    CHECK_MOVE(tlsr_kernel_update(&kernels[0]));
    CHECK_STATUS(TLSR_OK, tlsr_kernel_crypto_info(&kernels[0], &info));
    memcpy(marked[1], info.bytes + 12, 16); /* The key, behind version, cipher and iv. */
    CHECK(copies_on_the_stack() == 0);
    leave_a_copy();
    CHECK(copies_on_the_stack() != 0);
    return NULL;
}

static void keys_that_are_moved_leave_no_copies_on_the_stack(void) {
    pthread_attr_t attributes;
    pthread_t thread;
    for (uint8_t i = 0; i < 32; i++) {
        marked[0][i] = (uint8_t)(0xa0 ^ i * 37);
        marked[1][i] = (uint8_t)(0x5b ^ i * 41);
    }
    stack = (uint8_t *)mmap(NULL, STACK_LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(stack != MAP_FAILED);
    CHECK(pthread_attr_init(&attributes) == 0 && pthread_attr_setstack(&attributes, stack, STACK_LEN) == 0);
    CHECK(pthread_create(&thread, &attributes, moves_keys, NULL) == 0 && pthread_join(thread, NULL) == 0);
    CHECK(munmap(stack, STACK_LEN) == 0 && pthread_attr_destroy(&attributes) == 0);
}

#endif

void test_halves(void) {
    data_goes_through_both_halves();
    the_alert_for_a_forged_record_is_sent_by_the_other_half();
    an_abort_of_the_sealer_ends_the_opener();
    a_key_update_is_answered_by_the_other_half();
    both_halves_close();
    the_end_of_the_transport_reaches_the_sealer();
    words_are_kept_until_they_are_taken();
    a_split_and_a_join_lose_nothing();
    a_mailbox_of_an_earlier_pair_is_emptied();
    a_mailbox_belongs_to_one_pair();
    a_split_that_is_refused_changes_nothing();
    a_join_that_is_refused_changes_nothing();
    halves_make_a_handshake();
    the_settings_of_halves_change_the_next_record();
    what_is_no_half_is_refused_by_every_function();
    halves_run_in_two_threads();
#ifdef __linux__
    keys_that_are_moved_leave_no_copies_on_the_stack();
#endif
}
