/*
 * Firmware that continues a TLS 1.3 connection: it sends back every line in capitals, and closes the connection in two
 * steps after the line "close".
 *
 * The handshake is made elsewhere. Here the host makes it and sends the traffic secrets through the UART before it
 * connects the UART with the server; a product makes it with a TLS library (see tlsr_follower) or has its keys in a key
 * store (see tlsr_key_store). No heap: the connection, its two buffers and 70 bytes of secrets are all that there is.
 */
#include <string.h>
#include <tls_record.h>

#include "board.h"

static tlsr_connection tls;
static uint8_t records[512]; /* sealed, and not sent yet */
static tlsr_buffer received;
static uint8_t received_bytes[1024]; /* a record of the server must fit: see record_size_limit */

/* Ends with the status as a text if a call failed that cannot fail here. */
static void check(tlsr_status status) {
    if (status != TLSR_OK) {
        say(tlsr_status_text(status));
        finish(1);
    }
}

/* Sends what is sealed: data, but alerts and answers to KeyUpdates, too. Called after everything. */
static void send_records(void) {
    tlsr_slice unsent;
    check(tlsr_connection_unsent(&tls, &unsent));
    while (unsent.len != 0) {
        uart_send(unsent.data, unsent.len);
        check(tlsr_connection_sent(&tls, unsent.len));
        check(tlsr_connection_unsent(&tls, &unsent));
    }
}

/* Not left out by the compiler, although nothing reads the bytes. */
static void wipe(volatile uint8_t *bytes, size_t len) {
    while (len != 0)
        bytes[--len] = 0;
}

/* Takes over the connection: 2 bytes with the number of the suite, and the secrets of client and server. */
static void take_over(void) {
    uint8_t bytes[2], client[32], server[32];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = uart_receive();
    for (size_t i = 0; i < sizeof client; i++)
        client[i] = uart_receive();
    for (size_t i = 0; i < sizeof server; i++)
        server[i] = uart_receive();

    tlsr_config config;
    check(tlsr_config_init(&config, TLSR_CLIENT));
    check(tlsr_connection_init(&tls, sizeof tls, &config, records, sizeof records));
    uint16_t suite = (uint16_t)(bytes[0] << 8 | bytes[1]);
    tlsr_secret of_client = {.secret = client, .secret_len = sizeof client, .suite = suite};
    tlsr_secret of_server = {.secret = server, .secret_len = sizeof server, .suite = suite};
    check(tlsr_connection_install(&tls, TLSR_EPOCH_APPLICATION, &of_client, &of_server));
    wipe(client, sizeof client);
    wipe(server, sizeof server);
    check(tlsr_buffer_init(&received, sizeof received, received_bytes, sizeof received_bytes));
    say("taken over\n");
}

/* Receives and opens a record, and returns what it was. Its content, if it has any, is in place until the next call. */
static tlsr_opened receive(uint8_t **content) {
    static tlsr_opened opened;
    tlsr_slice_mut bytes;
    check(tlsr_buffer_consume(&received, &opened));
    for (;;) {
        check(tlsr_buffer_filled(&received, &bytes));
        tlsr_status status = tlsr_connection_received(&tls, bytes.data, bytes.len, &opened);
        send_records();
        check(status);
        if (opened.event != TLSR_EVENT_NEED_MORE)
            break;
        check(tlsr_buffer_consume(&received, &opened));
        check(tlsr_buffer_room(&received, &bytes));
        bytes.data[0] = uart_receive();
        check(tlsr_buffer_received(&received, 1));
    }
    *content = bytes.data + opened.offset;
    return opened;
}

static void send_data(const uint8_t *data, size_t len) {
    while (len != 0) {
        size_t taken;
        check(tlsr_connection_write(&tls, data, len, &taken));
        send_records();
        data += taken;
        len -= taken;
    }
}

/* Sends data back in capitals, up to the line "close". */
static void answer(void) {
    for (;;) {
        uint8_t *line;
        tlsr_opened opened = receive(&line);
        if (opened.event == TLSR_EVENT_CLOSED)
            return;
        /* Session tickets and KeyUpdates: the engine answers the latter. */
        if (opened.event != TLSR_EVENT_APPLICATION_DATA)
            continue;
        for (size_t i = 0; i < opened.len; i++)
            if (line[i] >= 'a' && line[i] <= 'z')
                line[i] = (uint8_t)(line[i] - 'a' + 'A');
        send_data(line, opened.len);
        if (opened.len == 7 && memcmp(line, "UPDATE\n", 7) == 0) {
            check(tlsr_connection_update_keys(&tls, 1));
            send_records();
            say("new keys\n");
        }
        if (opened.len == 6 && memcmp(line, "CLOSE\n", 6) == 0)
            return;
    }
}

/* Closes in two steps: a close_notify, and then receiving up to that of the server. Data that was under way arrives. */
static void close_both(void) {
    /* So that there is some. */
    while (!uart_has_received()) {
    }
    tlsr_status status;
    while ((status = tlsr_connection_shutdown_both(&tls, 4096, NULL)) != TLSR_OK) {
        if (status == TLSR_ERR_WOULD_BLOCK_WRITE) {
            send_records();
        } else if (status == TLSR_ERR_AWAITING_PEER) {
            uint8_t *data;
            tlsr_opened opened = receive(&data);
            if (opened.event == TLSR_EVENT_APPLICATION_DATA)
                say("data was under way\n");
        } else {
            check(status);
        }
    }
}

int main(void) {
    tlsr_end end;
    take_over();
    answer();
    close_both();
    check(tlsr_connection_end(&tls, &end));
    say(end.is_clean ? "both directions closed\n" : "not closed\n");
    check(tlsr_connection_wipe(&tls));
    return end.is_clean ? 0 : 1;
}
