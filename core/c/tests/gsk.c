/* gsk_tls_record.h: one end is a handle, whose transport is in memory; the peer is a tlsr_connection. */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "gsk_tls_record.h"

#define CHECK_CODE(expected, call) check_code((expected), (call), #call, __FILE__, __LINE__)

static void check_code(gsk_status expected, gsk_status code, const char *call, const char *file, int line) {
    if (code != expected) {
        fprintf(stderr, "%s:%d: %s\n  returned %d (%s)\n  instead of %d (%s)\n", file, line, call, code,
                gsk_strerror(code), expected, gsk_strerror(expected));
        exit(1);
    }
}

/* ---------------------------------------------------------------------------------------------------
 * Two ends
 */

#define CLOSE_NOTIFY_LEN 24

TLSR_GSK_SET(sockets, 3, 512, 512);
TLSR_GSK_SET(other_sockets, 2, TLSR_MIN_BUFFER, 64);

/* What the I/O routines move bytes between. */
static struct transport {
    uint8_t sent[8192];
    size_t sent_len;
    size_t room; /* that io_write takes before it would block */
    uint8_t arriving[8192];
    size_t arriving_len;
    size_t read;
    size_t piece;     /* most bytes of one call */
    int read_errno;   /* with which io_read fails when nothing is arriving; 0: the end of the transport */
    int write_errno;  /* with which io_write fails when there is no room; 0: the end of the transport */
    int interrupted;  /* calls that fail with EINTR first */
    int lies;         /* the routines say that they moved more than they were given */
    void (*within)(void);
} transport;

static gsk_handle handle;
static tlsr_connection peer;
static uint8_t peer_buffer[8192];

static int interrupted(struct transport *on) {
    if (on->within != NULL) {
        on->within();
    }
    if (on->interrupted > 0) {
        on->interrupted--;
        errno = EINTR;
        return 1;
    }
    return 0;
}

static int fail(int with) {
    errno = with;
    return with == 0 ? 0 : -1;
}

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

static int io_read(int fd, void *buffer, int size, char *user_data) {
    struct transport *on;
    memcpy(&on, user_data, sizeof on);
    CHECK(fd == 7 && size > 0);
    if (interrupted(on)) {
        return -1;
    }
    size_t len = least(least((size_t)size, on->piece), on->arriving_len - on->read);
    if (len == 0) {
        return fail(on->read_errno);
    }
    memcpy(buffer, on->arriving + on->read, len);
    on->read += len;
    return on->lies ? size + 1 : (int)len;
}

static int io_write(int fd, void *buffer, int size, char *user_data) {
    struct transport *on;
    memcpy(&on, user_data, sizeof on);
    CHECK(fd == 7 && size > 0);
    if (interrupted(on)) {
        return -1;
    }
    size_t len = least(least((size_t)size, on->piece), on->room);
    if (len == 0) {
        return fail(on->write_errno);
    }
    CHECK(on->sent_len + len <= sizeof on->sent);
    memcpy(on->sent + on->sent_len, buffer, len);
    on->sent_len += len;
    on->room -= len;
    if (on->lies) {
        errno = EWOULDBLOCK; /* of another call */
        return size + 1;
    }
    return (int)len;
}

/* Opens a handle, and sets its attributes. */
static void open_handle(void) {
    gsk_iocallback io = {io_read, io_write, NULL, NULL, NULL, NULL};
    struct transport *address = &transport;
    memset(&transport, 0, sizeof transport);
    transport.room = sizeof transport.sent;
    transport.piece = sizeof transport.sent;
    transport.read_errno = EWOULDBLOCK;
    transport.write_errno = EWOULDBLOCK;
    CHECK_STATUS(TLSR_OK, tlsr_gsk_socket_open(&sockets, &handle));
    CHECK_CODE(GSK_OK, gsk_attribute_set_callback(handle, GSK_IO_CALLBACK, &io));
    CHECK_CODE(GSK_OK, gsk_attribute_set_numeric_value(handle, GSK_FD, 7));
    CHECK_CODE(GSK_OK, gsk_attribute_set_buffer(handle, GSK_USER_DATA, (const char *)&address, sizeof address));
}

static tlsr_config configured(uint8_t role) {
    tlsr_config config;
    CHECK_STATUS(TLSR_OK, tlsr_config_init(&config, role));
    return config;
}

static void make_peer(const tlsr_config *config, const tlsr_secret *client, const tlsr_secret *server) {
    CHECK_STATUS(TLSR_OK, tlsr_connection_init(&peer, sizeof peer, config, peer_buffer, sizeof peer_buffer));
    CHECK_STATUS(TLSR_OK, tlsr_connection_install(&peer, TLSR_EPOCH_APPLICATION, client, server));
}

/* Makes both ends of a TLS 1.3 connection: the handle is the client. */
static void begin(void) {
    tlsr_config config = configured(TLSR_SERVER);
    open_handle();
    CHECK_STATUS(TLSR_OK, tlsr_gsk_socket_init(handle, NULL, &client_secret, &server_secret));
    make_peer(&config, &client_secret, &server_secret);
}

/* The same in TLS 1.2, whose Finished messages had sequence number 0. */
static void begin_tls_1_2(uint32_t key_limit) {
    static const uint8_t key[2][16] = {{1}, {2}}, salt[2][4] = {{3}, {4}};
    tlsr_secret client = {key[0], 16, salt[0], 4, NULL, 0, 1, 0xc02f};
    tlsr_secret server = {key[1], 16, salt[1], 4, NULL, 0, 1, 0xc02f};
    tlsr_config config = configured(TLSR_CLIENT);
    config.key_limit = key_limit;
    open_handle();
    CHECK_STATUS(TLSR_OK, tlsr_gsk_socket_init(handle, &config, &client, &server));
    config = configured(TLSR_SERVER);
    make_peer(&config, &client, &server);
}

/* Ends the test, whatever state the connection is in. */
static void finish(void) {
    transport.within = NULL;
    tlsr_connection *connection = tlsr_gsk_socket_connection(handle);
    if (connection != NULL) {
        CHECK_STATUS(TLSR_OK, tlsr_connection_transport_failed(connection));
    }
    CHECK_CODE(GSK_OK, gsk_secure_socket_close(&handle));
    CHECK(handle == NULL);
}

/* Moves what the peer has to send to the transport. Returns how many bytes. */
static size_t peer_sends(void) {
    tlsr_slice unsent;
    CHECK_STATUS(TLSR_OK, tlsr_connection_unsent(&peer, &unsent));
    CHECK(transport.arriving_len + unsent.len <= sizeof transport.arriving);
    memcpy(transport.arriving + transport.arriving_len, unsent.data, unsent.len);
    transport.arriving_len += unsent.len;
    CHECK_STATUS(TLSR_OK, tlsr_connection_sent(&peer, unsent.len));
    return unsent.len;
}

static size_t peer_writes(const char *text) {
    size_t taken;
    CHECK_STATUS(TLSR_OK, tlsr_connection_write(&peer, (const uint8_t *)text, strlen(text), &taken));
    CHECK(taken == strlen(text));
    return peer_sends();
}

static size_t peer_closes(void) {
    CHECK_STATUS(TLSR_ERR_WOULD_BLOCK_WRITE, tlsr_connection_shutdown(&peer));
    return peer_sends();
}

/* Gives the peer everything that was sent. Writes the data to `text`, and returns the last event. */
static uint8_t peer_opens(char *text) {
    size_t at = 0;
    uint8_t last = TLSR_EVENT_NEED_MORE;
    for (;;) {
        tlsr_opened opened;
        CHECK_STATUS(TLSR_OK, tlsr_connection_received(&peer, transport.sent + at, transport.sent_len - at, &opened));
        if (opened.event == TLSR_EVENT_NEED_MORE) {
            CHECK(at == transport.sent_len);
            transport.sent_len = 0;
            *text = 0;
            return last;
        }
        if (opened.event == TLSR_EVENT_APPLICATION_DATA) {
            memcpy(text, transport.sent + at + opened.offset, opened.len);
            text += opened.len;
        }
        at += opened.consumed;
        last = opened.event;
        if (last == TLSR_EVENT_CLOSED) {
            CHECK(at == transport.sent_len);
            *text = 0;
            return last;
        }
    }
}

/* The routines take char *, and do not write to it. */
static gsk_status write_text(const char *text) {
    int length = -1;
    gsk_status code = gsk_secure_socket_write(handle, (char *)text, (int)strlen(text), &length);
    CHECK(length == (code == GSK_OK ? (int)strlen(text) : 0));
    return code;
}

static gsk_status read_once(void) {
    char text[64];
    int length = -1;
    gsk_status code = gsk_secure_socket_read(handle, text, sizeof text, &length);
    CHECK(code == GSK_OK ? length > 0 : length == 0);
    return code;
}

/* Reads everything, `size` bytes at a time. Returns what ended it. */
static gsk_status read_all(char *text, int size) {
    for (;;) {
        int length = -1;
        gsk_status code = gsk_secure_socket_read(handle, text, size, &length);
        if (code != GSK_OK) {
            CHECK(length == 0);
            *text = 0;
            return code;
        }
        CHECK(length > 0 && length <= size);
        text += length;
    }
}

/* ---------------------------------------------------------------------------------------------------
 * Data
 */

static void data_goes_both_ways_in_pieces_of_any_length(void) {
    for (size_t piece = 1; piece < 64; piece++) {
        char text[256];
        begin();
        transport.piece = piece;
        transport.interrupted = 2;
        CHECK_CODE(GSK_OK, write_text("a request"));
        CHECK(peer_opens(text) == TLSR_EVENT_APPLICATION_DATA && strcmp(text, "a request") == 0);
        CHECK_CODE(GSK_WOULD_BLOCK, read_once());
        peer_writes("an answer ");
        peer_writes("in two records");
        transport.interrupted = 2;
        CHECK_CODE(GSK_WOULD_BLOCK, read_all(text, (int)piece));
        CHECK(strcmp(text, "an answer in two records") == 0);
        peer_closes();
        CHECK_CODE(GSK_ERR_CONNECTION_CLOSED, read_all(text, 1));
        CHECK_CODE(GSK_ERR_CONNECTION_CLOSED, read_once());
        /* TLS 1.3: our direction is open. */
        CHECK_CODE(GSK_OK, write_text("late"));
        finish();
    }
}

static void a_write_that_would_block_is_repeated_and_sent_once(void) {
    static char data[2000], other[2000];
    static char text[2001];
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (char)('a' + i % 26);
    }
    for (size_t room = 1; room < 700; room += 37) {
        int length = 1, calls = 1;
        begin();
        transport.room = 0;
        CHECK_CODE(GSK_WOULD_BLOCK, gsk_secure_socket_write(handle, data, sizeof data, &length));
        CHECK(length == 0);
        for (;; calls++) {
            transport.room = room;
            gsk_status code = gsk_secure_socket_write(handle, data, sizeof data, &length);
            if (code == GSK_OK) {
                break;
            }
            CHECK_CODE(GSK_WOULD_BLOCK, code);
            CHECK(length == 0);
            CHECK_CODE(GSK_CONNECTION_ACTIVE, gsk_secure_socket_write(handle, other, sizeof other, &length));
            CHECK_CODE(GSK_CONNECTION_ACTIVE, gsk_secure_socket_write(handle, data, sizeof data - 1, &length));
        }
        CHECK(length == sizeof data && calls > 2);
        CHECK(peer_opens(text) == TLSR_EVENT_APPLICATION_DATA && strlen(text) == sizeof data);
        CHECK(memcmp(text, data, sizeof data) == 0);
        finish();
    }
}

static void a_slot_within_a_request_takes_nothing_from_it(void) {
    static char data[2000], text[2002];
    int length;
    tlsr_slice_mut slot;
    memset(data, 'd', sizeof data);
    begin();
    transport.room = 1300;
    CHECK_CODE(GSK_WOULD_BLOCK, gsk_secure_socket_write(handle, data, sizeof data, &length));
    tlsr_connection *connection = tlsr_gsk_socket_connection(handle);
    tlsr_status status = tlsr_connection_reserve(connection, 1, &slot);
    CHECK_STATUS(TLSR_OK, status);
    transport.room = 1000;
    CHECK_CODE(GSK_CONNECTION_ACTIVE, gsk_secure_socket_write(handle, data, sizeof data, &length));
    slot.data[0] = 's';
    CHECK_STATUS(TLSR_OK, tlsr_connection_commit(connection, 1));
    CHECK_CODE(GSK_OK, gsk_secure_socket_write(handle, data, sizeof data, &length));
    CHECK(peer_opens(text) == TLSR_EVENT_APPLICATION_DATA && strlen(text) == sizeof data + 1);
    finish();
}

static void key_updates_of_the_peer_are_answered_by_reading(void) {
    char text[64];
    begin();
    CHECK_STATUS(TLSR_OK, tlsr_connection_update_keys(&peer, 1));
    peer_sends();
    peer_writes("under new keys");
    CHECK_CODE(GSK_WOULD_BLOCK, read_all(text, 64));
    CHECK(strcmp(text, "under new keys") == 0);
    CHECK(peer_opens(text) == TLSR_EVENT_KEY_UPDATE);
    /* What is sealed through the tlsr_connection is sent by the next call. */
    CHECK_STATUS(TLSR_OK, tlsr_connection_update_keys(tlsr_gsk_socket_connection(handle), 0));
    CHECK_CODE(GSK_WOULD_BLOCK, read_once());
    CHECK(peer_opens(text) == TLSR_EVENT_KEY_UPDATE);
    finish();
}

static void session_tickets_are_skipped_and_renegotiation_is_refused(void) {
    static const uint8_t ticket[] = {4, 0, 0, 14, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 9, 0, 0};
    static const uint8_t hello_request[] = {0, 0, 0, 0};
    char text[64];
    begin();
    CHECK_STATUS(TLSR_OK, tlsr_connection_write_handshake(&peer, ticket, sizeof ticket));
    peer_sends();
    peer_writes("data");
    CHECK_CODE(GSK_WOULD_BLOCK, read_all(text, 64));
    CHECK(strcmp(text, "data") == 0 && transport.sent_len == 0);
    finish();

    begin_tls_1_2(UINT32_MAX);
    CHECK_STATUS(TLSR_OK, tlsr_connection_write_handshake(&peer, hello_request, sizeof hello_request));
    peer_sends();
    peer_writes("data");
    CHECK_CODE(GSK_WOULD_BLOCK, read_all(text, 64));
    CHECK(strcmp(text, "data") == 0);
    CHECK(peer_opens(text) == TLSR_EVENT_WARNING);
    finish();
}

/* A ClientHello in three records, in TLS 1.2: refused once all of it has arrived. */
static void a_request_to_renegotiate_is_refused_at_its_last_record(void) {
    static const uint8_t key[2][16] = {{1}, {2}}, salt[2][4] = {{3}, {4}};
    const tlsr_secret client = {key[0], 16, salt[0], 4, NULL, 0, 1, 0xc02f};
    const tlsr_secret server = {key[1], 16, salt[1], 4, NULL, 0, 1, 0xc02f};
    const uint8_t client_hello[60] = {1, 0, 0, 56};
    char text[64];
    tlsr_config config = configured(TLSR_SERVER);
    open_handle();
    CHECK_STATUS(TLSR_OK, tlsr_gsk_socket_init(handle, &config, &client, &server));
    config = configured(TLSR_CLIENT);
    config.fragment_limit = 20;
    make_peer(&config, &client, &server);
    CHECK_STATUS(TLSR_OK, tlsr_connection_write_handshake(&peer, client_hello, sizeof client_hello));
    size_t len = peer_sends();
    transport.arriving_len = len - 1;
    CHECK_CODE(GSK_WOULD_BLOCK, read_once());
    CHECK(transport.sent_len == 0);
    transport.arriving_len = len;
    CHECK_CODE(GSK_WOULD_BLOCK, read_once());
    CHECK(peer_opens(text) == TLSR_EVENT_WARNING);
    finish();
}

static void each_end_of_reading_has_its_code(void) {
    uint8_t wrong_type[] = {99, 3, 3, 0, 1, 0};
    char text[64];

    begin();
    peer_writes("data");
    transport.arriving[transport.arriving_len - 1] ^= 1;
    CHECK_CODE(GSK_ERR_BAD_MAC, read_once());
    CHECK_CODE(GSK_ERR_BAD_MAC, read_once());
    /* Our alert was sent, once. */
    tlsr_opened opened;
    CHECK(transport.sent_len == CLOSE_NOTIFY_LEN);
    CHECK_STATUS(TLSR_ERR_PEER_ALERT,
                 tlsr_connection_received(&peer, transport.sent, transport.sent_len, &opened));
    CHECK_CODE(GSK_INVALID_STATE, write_text("late"));
    finish();

    /* The transport had no room for the alert: the next call sends it. */
    begin();
    peer_writes("data");
    transport.arriving[transport.arriving_len - 1] ^= 1;
    transport.room = 5;
    CHECK_CODE(GSK_ERR_BAD_MAC, read_once());
    CHECK(transport.sent_len == 5);
    transport.room = 100;
    CHECK_CODE(GSK_ERR_BAD_MAC, read_once());
    CHECK(transport.sent_len == CLOSE_NOTIFY_LEN);
    finish();

    begin();
    peer_writes("data");
    memcpy(transport.arriving + transport.arriving_len, wrong_type, sizeof wrong_type);
    transport.arriving_len += sizeof wrong_type;
    CHECK_CODE(GSK_OK, read_once());
    CHECK_CODE(GSK_ERR_BAD_PEER, read_once());
    finish();

    begin();
    peer_writes("data");
    transport.arriving[3] = 0xff; /* the length */
    CHECK_CODE(GSK_ERR_BAD_MESSAGE, read_once());
    finish();

    begin();
    CHECK_STATUS(TLSR_OK, tlsr_connection_abort(&peer, TLSR_ALERT_INTERNAL_ERROR));
    peer_sends();
    CHECK_CODE(GSK_ERR_BAD_PEER, read_once());
    tlsr_end end;
    CHECK_STATUS(TLSR_OK, tlsr_connection_end(tlsr_gsk_socket_connection(handle), &end));
    CHECK(end.read == TLSR_READ_PEER_ALERT && end.read_alert == TLSR_ALERT_INTERNAL_ERROR);
    finish();

    begin();
    transport.read_errno = ECONNRESET;
    errno = 0;
    CHECK_CODE(GSK_ERR_IO, read_once());
    CHECK(errno == ECONNRESET);
    CHECK_CODE(GSK_ERR_IO, read_once());
    CHECK_CODE(GSK_ERR_IO, write_text("late"));
    CHECK_STATUS(TLSR_OK, tlsr_connection_end(tlsr_gsk_socket_connection(handle), &end));
    CHECK(end.read == TLSR_READ_TRUNCATED);
    finish();

    begin();
    peer_writes("data");
    transport.lies = 1;
    errno = EWOULDBLOCK;
    CHECK_CODE(GSK_ERR_IO, read_once());
    CHECK(errno == EIO);
    finish();

    begin();
    CHECK_STATUS(TLSR_OK, tlsr_connection_abort(tlsr_gsk_socket_connection(handle), TLSR_ALERT_INTERNAL_ERROR));
    CHECK_CODE(GSK_INVALID_STATE, read_once());
    finish();

    /* Longer than the receive buffer. */
    static char data[600];
    memset(data, 'a', sizeof data - 1);
    begin();
    peer_writes(data);
    CHECK_CODE(GSK_INSUFFICIENT_STORAGE, read_all(text, 64));
    CHECK_CODE(GSK_INSUFFICIENT_STORAGE, read_once());
    CHECK(transport.sent_len == CLOSE_NOTIFY_LEN);
    finish();
}

static void each_end_of_writing_has_its_code(void) {
    char text[64];

    begin();
    transport.room = 10;
    transport.write_errno = EPIPE;
    CHECK_CODE(GSK_ERR_IO, write_text("data"));
    CHECK(errno == EPIPE);
    transport.room = 100;
    CHECK_CODE(GSK_ERR_IO, write_text("data"));
    CHECK(transport.sent_len == 10);
    CHECK_CODE(GSK_ERR_IO, gsk_secure_socket_shutdown(handle));
    /* What the peer has sent before is still there. */
    peer_writes("an answer");
    CHECK_CODE(GSK_WOULD_BLOCK, read_all(text, 64));
    CHECK(strcmp(text, "an answer") == 0);
    CHECK_CODE(GSK_OK, gsk_secure_socket_close(&handle));

    /* A routine that is wrong has taken nobody knows what: nothing is sent again. */
    begin();
    transport.lies = 1;
    CHECK_CODE(GSK_ERR_IO, write_text("data"));
    CHECK(errno == EIO);
    size_t sent_len = transport.sent_len;
    CHECK_CODE(GSK_ERR_IO, write_text("data"));
    CHECK_CODE(GSK_OK, gsk_secure_socket_close(&handle));
    CHECK(transport.sent_len == sent_len);

    begin();
    transport.room = 0;
    transport.write_errno = 0;
    CHECK_CODE(GSK_ERR_SOCKET_CLOSED, write_text("data"));
    CHECK_CODE(GSK_ERR_SOCKET_CLOSED, write_text("data"));
    CHECK_CODE(GSK_ERR_SOCKET_CLOSED, gsk_secure_socket_shutdown(handle));
    finish();

    begin_tls_1_2(3);
    gsk_status code = GSK_OK;
    for (int i = 0; i < 10 && code == GSK_OK; i++) {
        code = write_text("data");
    }
    CHECK_CODE(GSK_ERR_CRYPTO, code);
    CHECK_CODE(GSK_OK, gsk_secure_socket_shutdown(handle));
    finish();

    /* TLS 1.2: the close_notify of the peer is answered (RFC 5246 section 7.2.1). */
    begin_tls_1_2(UINT32_MAX);
    peer_closes();
    CHECK_CODE(GSK_ERR_CONNECTION_CLOSED, read_once());
    CHECK_CODE(GSK_ERR_CONNECTION_CLOSED, write_text("late"));
    CHECK(peer_opens(text) == TLSR_EVENT_CLOSED);
    CHECK_CODE(GSK_OK, gsk_secure_socket_shutdown(handle));
    CHECK_CODE(GSK_ERR_CONNECTION_CLOSED, gsk_secure_socket_shutdown(handle));
    finish();

    tlsr_slice_mut slot;
    begin();
    CHECK_STATUS(TLSR_OK, tlsr_connection_reserve(tlsr_gsk_socket_connection(handle), 8, &slot));
    CHECK_CODE(GSK_CONNECTION_ACTIVE, write_text("data"));
    memcpy(slot.data, "the slot", 8);
    CHECK_STATUS(TLSR_OK, tlsr_connection_commit(tlsr_gsk_socket_connection(handle), 8));
    CHECK_CODE(GSK_OK, write_text(", and data"));
    peer_opens(text);
    CHECK(strcmp(text, "the slot, and data") == 0);
    finish();
}

/* The first record is sealed, and then the key store fails. */
static void a_cipher_that_fails_within_a_request_is_told_by_every_write(void) {
    static failing_store failing;
    static char data[300];
    tlsr_secret secrets[2];
    int length;
    tlsr_config config = configured(TLSR_CLIENT);
    config.fragment_limit = 100;
    open_handle();
    in_store(&failing, secrets);
    if (tlsr_gsk_socket_init(handle, &config, &secrets[0], &secrets[1]) == TLSR_ERR_UNSUPPORTED) {
        finish(); /* A library without key stores. */
        return;
    }
    failing.left[STORE_SEAL] = 1;
    CHECK_CODE(GSK_ERR_CRYPTO, gsk_secure_socket_write(handle, data, sizeof data, &length));
    CHECK(transport.sent_len == 5 + 100 + 1 + 16);
    CHECK_CODE(GSK_ERR_CRYPTO, gsk_secure_socket_write(handle, data, sizeof data, &length));
    CHECK_CODE(GSK_INVALID_STATE, gsk_secure_socket_shutdown(handle));
    finish();
    CHECK(failing.alive == 0);
}

/* ---------------------------------------------------------------------------------------------------
 * Shutdown and close
 */

static void one_step_is_done_when_the_transport_has_the_close_notify(void) {
    char text[64];
    begin();
    CHECK_CODE(GSK_OK, write_text("the last data"));
    CHECK_CODE(GSK_OK, gsk_secure_socket_shutdown(handle));
    CHECK_CODE(GSK_ERR_CONNECTION_CLOSED, gsk_secure_socket_shutdown(handle));
    CHECK_CODE(GSK_ERR_CONNECTION_CLOSED, write_text("late"));
    CHECK_CODE(GSK_OK, gsk_secure_socket_close(&handle));
    CHECK(handle == NULL);
    CHECK(peer_opens(text) == TLSR_EVENT_CLOSED && strcmp(text, "the last data") == 0);
}

static void two_steps_read_what_is_under_way_until_the_close_notify_of_the_peer(void) {
    for (size_t piece = 1; piece < 80; piece++) {
        char text[64];
        begin();
        transport.piece = piece;
        peer_writes("data ");
        CHECK_CODE(GSK_OK, gsk_secure_socket_shutdown(handle));
        CHECK_CODE(GSK_WOULD_BLOCK, read_all(text, 3));
        CHECK(strcmp(text, "data ") == 0);
        CHECK(peer_opens(text) == TLSR_EVENT_CLOSED);
        peer_writes("under way");
        peer_closes();
        CHECK_CODE(GSK_ERR_CONNECTION_CLOSED, read_all(text, 3));
        CHECK(strcmp(text, "under way") == 0);
        tlsr_end end;
        CHECK_STATUS(TLSR_OK, tlsr_connection_end(tlsr_gsk_socket_connection(handle), &end));
        CHECK(end.is_clean);
        CHECK_CODE(GSK_OK, gsk_secure_socket_close(&handle));
    }
}

/* Would-block at every byte of the close_notify, and of a record before it. */
static void the_close_notify_is_sent_once_however_often_the_transport_blocks(void) {
    const size_t len = 22 + 4 + CLOSE_NOTIFY_LEN;
    for (size_t cut = 0; cut < len; cut++) {
        char text[64];
        begin();
        transport.room = 0;
        CHECK_CODE(GSK_WOULD_BLOCK, write_text("data"));
        transport.room = cut;
        CHECK_CODE(GSK_WOULD_BLOCK_WRITE, gsk_secure_socket_shutdown(handle));
        CHECK_CODE(GSK_WOULD_BLOCK_WRITE, gsk_secure_socket_shutdown(handle));
        CHECK(transport.sent_len == cut);
        CHECK_CODE(GSK_ERR_CONNECTION_CLOSED, write_text("late"));
        /* One byte at a time. */
        while (transport.sent_len < len - 1) {
            transport.room = 1;
            CHECK_CODE(GSK_WOULD_BLOCK_WRITE, gsk_secure_socket_shutdown(handle));
        }
        transport.room = 100;
        CHECK_CODE(GSK_OK, gsk_secure_socket_shutdown(handle));
        CHECK_CODE(GSK_ERR_CONNECTION_CLOSED, gsk_secure_socket_shutdown(handle));
        CHECK(transport.sent_len == len);
        CHECK(peer_opens(text) == TLSR_EVENT_CLOSED && strcmp(text, "data") == 0);
        finish();
    }
}

/* The answers of a shutdown that the tests above have not: the connection active, and what cannot be closed. */
static void each_answer_of_a_shutdown_has_its_cause(void) {
    static char data[2000];
    int length;
    begin();
    transport.room = 0;
    CHECK_CODE(GSK_WOULD_BLOCK, gsk_secure_socket_write(handle, data, sizeof data, &length));
    CHECK_CODE(GSK_CONNECTION_ACTIVE, gsk_secure_socket_shutdown(handle));
    transport.room = 4000;
    CHECK_CODE(GSK_OK, gsk_secure_socket_write(handle, data, sizeof data, &length));
    tlsr_slice_mut slot;
    CHECK_STATUS(TLSR_OK, tlsr_connection_reserve(tlsr_gsk_socket_connection(handle), 8, &slot));
    size_t sent_before = transport.sent_len;
    CHECK_CODE(GSK_CONNECTION_ACTIVE, gsk_secure_socket_shutdown(handle));
    CHECK(transport.sent_len == sent_before);
    CHECK_STATUS(TLSR_OK, tlsr_connection_discard(tlsr_gsk_socket_connection(handle)));
    CHECK_CODE(GSK_OK, gsk_secure_socket_shutdown(handle));
    finish();

    begin();
    transport.room = CLOSE_NOTIFY_LEN - 1;
    transport.write_errno = EPIPE;
    CHECK_CODE(GSK_ERR_IO, gsk_secure_socket_shutdown(handle));
    CHECK_CODE(GSK_ERR_IO, gsk_secure_socket_shutdown(handle));
    finish();

    begin();
    transport.read_errno = ETIMEDOUT;
    CHECK_CODE(GSK_ERR_IO, read_once());
    CHECK_CODE(GSK_ERR_IO, gsk_secure_socket_shutdown(handle));
    CHECK(transport.sent_len == 0);
    finish();

    tlsr_config config = configured(TLSR_SERVER);
    tlsr_layer layer;
    CHECK_STATUS(TLSR_OK, tlsr_layer_init(&layer, sizeof layer, &config));
    open_handle();
    CHECK_STATUS(TLSR_OK, tlsr_gsk_socket_init_from_layer(handle, &layer));
    CHECK_CODE(GSK_INVALID_STATE, gsk_secure_socket_shutdown(handle));
    memcpy(transport.arriving, "GET / HTTP/1.1\r\n\r\n", 18);
    transport.arriving_len = 18;
    CHECK_CODE(GSK_ERR_BAD_MESSAGE, read_once());
    CHECK_CODE(GSK_ERR_NOT_SSLV3, gsk_secure_socket_shutdown(handle));
    finish();

    begin();
    transport.read_errno = 0;
    CHECK_CODE(GSK_ERR_SOCKET_CLOSED, read_once());
    CHECK_CODE(GSK_ERR_SOCKET_CLOSED, gsk_secure_socket_shutdown(handle));
    /* A transport may end in one direction only: ours was sent. */
    char text[64];
    CHECK(peer_opens(text) == TLSR_EVENT_CLOSED);
    finish();

    begin();
    transport.read_errno = 0;
    transport.room = 3;
    CHECK_CODE(GSK_ERR_SOCKET_CLOSED, read_once());
    CHECK_CODE(GSK_ERR_SOCKET_CLOSED, gsk_secure_socket_shutdown(handle));
    CHECK_CODE(GSK_WOULD_BLOCK_WRITE, gsk_secure_socket_close(&handle));
    transport.room = 100;
    CHECK_CODE(GSK_OK, gsk_secure_socket_close(&handle));
    CHECK(peer_opens(text) == TLSR_EVENT_CLOSED);

    begin();
    peer_closes();
    CHECK_CODE(GSK_ERR_CONNECTION_CLOSED, read_once());
    transport.read_errno = 0;
    CHECK_CODE(GSK_OK, gsk_secure_socket_shutdown(handle));
    finish();

    begin();
    CHECK_STATUS(TLSR_OK, tlsr_connection_abort(tlsr_gsk_socket_connection(handle), TLSR_ALERT_INTERNAL_ERROR));
    CHECK_CODE(GSK_INVALID_STATE, gsk_secure_socket_shutdown(handle));
    CHECK(transport.sent_len == CLOSE_NOTIFY_LEN);
    finish();

    open_handle();
    CHECK_CODE(GSK_INVALID_STATE, gsk_secure_socket_shutdown(handle));
    CHECK_CODE(GSK_INVALID_STATE, read_once());
    CHECK_CODE(GSK_INVALID_STATE, write_text("early"));
    CHECK(tlsr_gsk_socket_connection(handle) == NULL);
    finish();
    CHECK_CODE(GSK_INVALID_HANDLE, gsk_secure_socket_shutdown(handle));
}

/* Else a caller that repeats the write, as a shutdown asks, never comes to an end. */
static void a_transport_that_fails_within_a_request_ends_it(void) {
    static char data[2000];
    int length;
    /* Seen by a read that receives, by a read that sends, and by the write that is repeated. */
    for (int seen_by = 0; seen_by < 3; seen_by++) {
        for (int is_repeated = 0; is_repeated < 2; is_repeated++) {
            begin();
            transport.room = 0;
            CHECK_CODE(GSK_WOULD_BLOCK, gsk_secure_socket_write(handle, data, sizeof data, &length));
            CHECK_CODE(GSK_CONNECTION_ACTIVE, gsk_secure_socket_shutdown(handle));
            if (seen_by == 0) {
                transport.read_errno = ECONNRESET;
                CHECK_CODE(GSK_ERR_IO, read_once());
            } else {
                transport.write_errno = EPIPE;
                if (seen_by == 1) {
                    CHECK_CODE(GSK_WOULD_BLOCK, read_once());
                } else {
                    CHECK_CODE(GSK_ERR_IO, gsk_secure_socket_write(handle, data, sizeof data, &length));
                }
            }
            if (is_repeated) {
                CHECK_CODE(GSK_ERR_IO, gsk_secure_socket_write(handle, data, sizeof data, &length));
            }
            CHECK_CODE(GSK_ERR_IO, gsk_secure_socket_shutdown(handle));
            CHECK_CODE(GSK_ERR_IO, gsk_secure_socket_write(handle, data, sizeof data, &length));
            CHECK_CODE(GSK_ERR_IO, gsk_secure_socket_shutdown(handle));
            CHECK_CODE(GSK_OK, gsk_secure_socket_close(&handle));
        }
    }

    begin();
    transport.room = 0;
    CHECK_CODE(GSK_WOULD_BLOCK, gsk_secure_socket_write(handle, data, sizeof data, &length));
    transport.write_errno = 0;
    CHECK_CODE(GSK_WOULD_BLOCK, read_once());
    CHECK_CODE(GSK_ERR_SOCKET_CLOSED, gsk_secure_socket_shutdown(handle));
    finish();

    /* The connection fails, and the transport works: the write says why, and ends the request. */
    begin();
    transport.room = 0;
    CHECK_CODE(GSK_WOULD_BLOCK, gsk_secure_socket_write(handle, data, sizeof data, &length));
    CHECK_STATUS(TLSR_OK, tlsr_connection_abort(tlsr_gsk_socket_connection(handle), TLSR_ALERT_INTERNAL_ERROR));
    CHECK_CODE(GSK_CONNECTION_ACTIVE, gsk_secure_socket_shutdown(handle));
    CHECK_CODE(GSK_INVALID_STATE, gsk_secure_socket_write(handle, data, sizeof data, &length));
    CHECK_CODE(GSK_INVALID_STATE, gsk_secure_socket_shutdown(handle));
    finish();
}

static void a_transport_that_is_cut_at_any_byte_is_no_clean_end(void) {
    size_t len = CLOSE_NOTIFY_LEN;
    for (size_t cut = 0; cut <= len; cut++) {
        char text[64];
        begin();
        size_t data = peer_writes("data");
        len = data + peer_closes();
        transport.arriving_len = cut;
        transport.read_errno = 0;
        CHECK_CODE(cut == len ? GSK_ERR_CONNECTION_CLOSED : GSK_ERR_SOCKET_CLOSED, read_all(text, 64));
        CHECK(strcmp(text, cut < data ? "" : "data") == 0);
        CHECK_CODE(cut == len ? GSK_ERR_CONNECTION_CLOSED : GSK_ERR_SOCKET_CLOSED, read_once());
        CHECK_CODE(cut == len ? GSK_OK : GSK_ERR_SOCKET_CLOSED, gsk_secure_socket_shutdown(handle));
        finish();
    }
}

/* An alert without keys, which anyone can send. */
static void a_close_notify_that_could_be_forged_is_no_clean_end(void) {
    tlsr_config config = configured(TLSR_CLIENT);
    tlsr_layer layer;
    CHECK_STATUS(TLSR_OK, tlsr_layer_init(&layer, sizeof layer, &config));
    open_handle();
    CHECK_STATUS(TLSR_OK, tlsr_gsk_socket_init_from_layer(handle, &layer));
    CHECK_STATUS(TLSR_OK, tlsr_alert_record(TLSR_ALERT_CLOSE_NOTIFY, transport.arriving));
    transport.arriving_len = 7;
    CHECK_CODE(GSK_ERR_SOCKET_CLOSED, read_once());
    CHECK_CODE(GSK_ERR_SOCKET_CLOSED, read_once());
    finish();
}

static void a_close_sends_what_is_unsent_and_no_close_notify(void) {
    char text[64];
    begin();
    CHECK_CODE(GSK_OK, write_text("first"));
    CHECK_CODE(GSK_OK, gsk_secure_socket_close(&handle));
    CHECK(peer_opens(text) == TLSR_EVENT_APPLICATION_DATA);

    begin();
    transport.room = 5;
    CHECK_CODE(GSK_WOULD_BLOCK, write_text("first"));
    gsk_handle before = handle;
    CHECK_CODE(GSK_WOULD_BLOCK_WRITE, gsk_secure_socket_close(&handle));
    CHECK(handle == before);
    transport.room = 100;
    CHECK_CODE(GSK_OK, gsk_secure_socket_close(&handle));
    CHECK(handle == NULL);
    CHECK(peer_opens(text) == TLSR_EVENT_APPLICATION_DATA && strcmp(text, "first") == 0);

    /* To give up. */
    begin();
    transport.room = 5;
    CHECK_CODE(GSK_WOULD_BLOCK, write_text("first"));
    CHECK_STATUS(TLSR_OK, tlsr_connection_transport_failed(tlsr_gsk_socket_connection(handle)));
    CHECK_CODE(GSK_ERR_SOCKET_CLOSED, read_once());
    CHECK_CODE(GSK_ERR_IO, gsk_secure_socket_shutdown(handle));
    CHECK_CODE(GSK_OK, gsk_secure_socket_close(&handle));
    CHECK(transport.sent_len == 5);

    begin();
    transport.room = 5;
    CHECK_CODE(GSK_WOULD_BLOCK, write_text("first"));
    transport.write_errno = EPIPE;
    CHECK_CODE(GSK_OK, gsk_secure_socket_close(&handle));
}

static void a_connection_that_was_wiped_can_only_be_closed(void) {
    begin();
    CHECK_STATUS(TLSR_OK, tlsr_connection_wipe(tlsr_gsk_socket_connection(handle)));
    CHECK_CODE(GSK_INVALID_STATE, write_text("late"));
    CHECK_CODE(GSK_INVALID_STATE, read_once());
    CHECK_CODE(GSK_INVALID_STATE, gsk_secure_socket_shutdown(handle));
    CHECK_CODE(GSK_OK, gsk_secure_socket_close(&handle));
}

static void nothing_secret_is_left_after_a_close(void) {
    char part[3];
    int length;
    begin();
    peer_writes("a secret");
    CHECK_CODE(GSK_OK, gsk_secure_socket_read(handle, part, sizeof part, &length));
    CHECK_CODE(GSK_OK, gsk_secure_socket_close(&handle));
    for (size_t i = 0; i < sizeof sockets_receive_buffers; i++) {
        CHECK(sockets_receive_buffers[i] == 0);
    }
    for (size_t i = 0; i < sizeof sockets_send_buffers; i++) {
        CHECK(sockets_send_buffers[i] == 0);
    }
    for (size_t i = 0; i < sizeof sockets_sockets[0].connection; i++) {
        CHECK(sockets_sockets[0].connection.opaque[i] == 0);
    }
}

/* ---------------------------------------------------------------------------------------------------
 * Handles
 */

static int calls_within;

static void every_call_is_refused(void) {
    char text[8];
    int length;
    const char *value;
    gsk_handle copy = handle;
    GSK_ENUM_VALUE type;
    calls_within++;
    CHECK_CODE(GSK_CONNECTION_ACTIVE, gsk_secure_socket_read(handle, text, sizeof text, &length));
    CHECK_CODE(GSK_CONNECTION_ACTIVE, gsk_secure_socket_write(handle, text, sizeof text, &length));
    CHECK_CODE(GSK_CONNECTION_ACTIVE, gsk_secure_socket_shutdown(handle));
    CHECK_CODE(GSK_CONNECTION_ACTIVE, gsk_secure_socket_close(&copy));
    CHECK(copy == handle && tlsr_gsk_socket_connection(handle) == NULL);
    CHECK_CODE(GSK_INVALID_STATE, gsk_attribute_set_numeric_value(handle, GSK_FD, 1));
    /* Attributes can be read. */
    CHECK_CODE(GSK_OK, gsk_attribute_get_numeric_value(handle, GSK_FD, &length));
    CHECK_CODE(GSK_OK, gsk_attribute_get_buffer(handle, GSK_USER_DATA, &value, &length));
    CHECK_CODE(GSK_OK, gsk_attribute_get_enum(handle, GSK_SESSION_TYPE, &type));
}

static void an_io_routine_cannot_use_its_connection(void) {
    char text[64];
    begin();
    transport.within = every_call_is_refused;
    CHECK_CODE(GSK_WOULD_BLOCK, read_once());
    CHECK_CODE(GSK_OK, write_text("data"));
    CHECK_CODE(GSK_OK, gsk_secure_socket_shutdown(handle));
    CHECK(calls_within == 3);
    CHECK(peer_opens(text) == TLSR_EVENT_CLOSED && strcmp(text, "data") == 0);
    finish();
}

static void check_invalid(gsk_handle wrong) {
    char text[8];
    int length;
    const char *value;
    GSK_ENUM_VALUE type;
    gsk_iocallback io = {io_read, io_write, NULL, NULL, NULL, NULL};
    gsk_handle copy = wrong;
    tlsr_layer layers[2];
    make_layers(&layers[0], &layers[1]);
    CHECK_CODE(GSK_INVALID_HANDLE, gsk_secure_socket_read(wrong, text, sizeof text, &length));
    CHECK_CODE(GSK_INVALID_HANDLE, gsk_secure_socket_write(wrong, text, sizeof text, &length));
    CHECK_CODE(GSK_INVALID_HANDLE, gsk_secure_socket_shutdown(wrong));
    CHECK_CODE(GSK_INVALID_HANDLE, gsk_secure_socket_close(&copy));
    CHECK(copy == wrong && tlsr_gsk_socket_connection(wrong) == NULL);
    CHECK_CODE(GSK_INVALID_HANDLE, gsk_attribute_set_callback(wrong, GSK_IO_CALLBACK, &io));
    CHECK_CODE(GSK_INVALID_HANDLE, gsk_attribute_set_numeric_value(wrong, GSK_FD, 1));
    CHECK_CODE(GSK_INVALID_HANDLE, gsk_attribute_get_numeric_value(wrong, GSK_FD, &length));
    CHECK_CODE(GSK_INVALID_HANDLE, gsk_attribute_set_buffer(wrong, GSK_USER_DATA, "", 1));
    CHECK_CODE(GSK_INVALID_HANDLE, gsk_attribute_get_buffer(wrong, GSK_USER_DATA, &value, &length));
    CHECK_CODE(GSK_INVALID_HANDLE, gsk_attribute_set_enum(wrong, GSK_SESSION_TYPE, GSK_CLIENT_SESSION));
    CHECK_CODE(GSK_INVALID_HANDLE, gsk_attribute_get_enum(wrong, GSK_SESSION_TYPE, &type));
    CHECK_STATUS(TLSR_ERR_INVALID_HANDLE, tlsr_gsk_socket_init(wrong, NULL, &client_secret, &server_secret));
    CHECK_STATUS(TLSR_ERR_INVALID_HANDLE, tlsr_gsk_socket_init_from_layer(wrong, &layers[0]));
}

static void a_handle_that_is_not_open_is_not_followed(void) {
    int on_the_stack = 0;
    gsk_handle stale, twice, of_other;
    begin();
    stale = twice = handle;
    CHECK_CODE(GSK_OK, gsk_secure_socket_close(&handle));
    CHECK_CODE(GSK_INVALID_HANDLE, gsk_secure_socket_close(&twice));
    CHECK(twice == stale);
    check_invalid(stale);
    /* Its place is in use again. */
    begin();
    CHECK(handle != stale);
    check_invalid(stale);
    check_invalid(NULL);
    check_invalid(&on_the_stack);
    check_invalid((gsk_handle)UINTPTR_MAX);
    CHECK_CODE(GSK_INVALID_HANDLE, gsk_secure_socket_close(NULL));
    /* Each place and set has handles of its own. */
    CHECK_STATUS(TLSR_OK, tlsr_gsk_socket_open(&other_sockets, &of_other));
    CHECK(of_other != handle);
    CHECK_CODE(GSK_OK, gsk_secure_socket_close(&of_other));
    for (uintptr_t place = 0; place < TLSR_GSK_MAX; place++) {
        uintptr_t number = ((uintptr_t)handle & ~(uintptr_t)(TLSR_GSK_MAX - 1)) | place;
        if ((gsk_handle)number != handle) {
            CHECK_CODE(GSK_INVALID_HANDLE, gsk_secure_socket_shutdown((gsk_handle)number));
        }
    }
    CHECK_CODE(GSK_WOULD_BLOCK, read_once());
    finish();
}

static void a_handle_comes_again_only_when_all_generations_were_used(void) {
    gsk_handle first, again;
    CHECK_STATUS(TLSR_OK, tlsr_gsk_socket_open(&other_sockets, &first));
    /* The next opening is the last of this place. */
    other_sockets_sockets[1].generation = (UINTPTR_MAX >> 10) - 1;
    CHECK_STATUS(TLSR_OK, tlsr_gsk_socket_open(&other_sockets, &again));
    CHECK(again != NULL && (uintptr_t)again >> 10 == UINTPTR_MAX >> 10);
    CHECK_CODE(GSK_OK, gsk_secure_socket_close(&again));
    CHECK_STATUS(TLSR_OK, tlsr_gsk_socket_open(&other_sockets, &again));
    CHECK(again != NULL && (uintptr_t)again >> 10 == 1);
    CHECK_CODE(GSK_OK, gsk_secure_socket_close(&again));
    CHECK_CODE(GSK_OK, gsk_secure_socket_close(&first));
}

TLSR_GSK_SET(short_set, 1, TLSR_MIN_BUFFER - 1, 64);
TLSR_GSK_SET(closed_set, 1, TLSR_MIN_BUFFER, 64);

static void sets_are_opened_once(void) {
    gsk_handle one, handles[3];
    CHECK_STATUS(TLSR_ERR_INVALID_HANDLE, tlsr_gsk_socket_open(&sockets, &one));
    CHECK_STATUS(TLSR_OK, tlsr_gsk_set_open(&sockets));
    CHECK_STATUS(TLSR_OK, tlsr_gsk_set_open(&other_sockets));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_gsk_set_open(&sockets));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_gsk_set_open(NULL));
    CHECK_STATUS(TLSR_ERR_NO_SPACE, tlsr_gsk_set_open(&short_set));
    tlsr_gsk_set too_many = closed_set;
    too_many.count = TLSR_GSK_MAX - 4;
    CHECK_STATUS(TLSR_ERR_NO_SPACE, tlsr_gsk_set_open(&too_many));
    CHECK_STATUS(TLSR_ERR_INVALID_HANDLE, tlsr_gsk_socket_open(&closed_set, &one));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_gsk_socket_open(NULL, &one));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_gsk_socket_open(&sockets, NULL));
    for (int i = 0; i < 3; i++) {
        CHECK_STATUS(TLSR_OK, tlsr_gsk_socket_open(&sockets, &handles[i]));
    }
    CHECK_STATUS(TLSR_ERR_NO_SPACE, tlsr_gsk_socket_open(&sockets, &one));
    CHECK_CODE(GSK_OK, gsk_secure_socket_close(&handles[1]));
    CHECK_STATUS(TLSR_OK, tlsr_gsk_socket_open(&sockets, &handles[1]));
    for (int i = 0; i < 3; i++) {
        CHECK_CODE(GSK_OK, gsk_secure_socket_close(&handles[i]));
    }
}

static void a_connection_is_initialized_once(void) {
    tlsr_layer client, server;
    char text[64];
    tlsr_secret wrong = client_secret;
    wrong.secret_len = 31;
    tlsr_config config = configured(TLSR_SERVER), no_role = config;
    no_role.role = 0;

    open_handle();
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_gsk_socket_init(handle, &no_role, &client_secret, &server_secret));
    CHECK_STATUS(TLSR_ERR_LENGTH, tlsr_gsk_socket_init(handle, NULL, &wrong, &server_secret));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_gsk_socket_init(handle, NULL, NULL, &server_secret));
    CHECK_CODE(GSK_INVALID_STATE, write_text("early"));
    CHECK_STATUS(TLSR_OK, tlsr_gsk_socket_init(handle, NULL, &client_secret, &server_secret));
    CHECK_STATUS(TLSR_ERR_EPOCH, tlsr_gsk_socket_init(handle, NULL, &client_secret, &server_secret));
    make_layers(&client, &server);
    CHECK_STATUS(TLSR_ERR_EPOCH, tlsr_gsk_socket_init_from_layer(handle, &client));
    /* Secrets of a key store stay the caller's. */
    failing_store store;
    tlsr_secret secrets[2];
    in_store(&store, secrets);
    CHECK_STATUS(TLSR_ERR_EPOCH, tlsr_gsk_socket_init(handle, NULL, &secrets[0], &secrets[1]));
    CHECK(store.alive == 2);
    finish();

    /* A server, whose layer comes from elsewhere. */
    open_handle();
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_gsk_socket_init_from_layer(handle, NULL));
    CHECK_STATUS(TLSR_OK, tlsr_gsk_socket_init_from_layer(handle, &server));
    CHECK_STATUS(TLSR_ERR_INVALID_HANDLE, tlsr_layer_close(&server));
    config = configured(TLSR_CLIENT);
    make_peer(&config, &client_secret, &server_secret);
    peer_writes("data");
    CHECK_CODE(GSK_WOULD_BLOCK, read_all(text, 64));
    CHECK(strcmp(text, "data") == 0);
    CHECK_CODE(GSK_OK, gsk_secure_socket_shutdown(handle));
    CHECK(peer_opens(text) == TLSR_EVENT_CLOSED);
    finish();

    /* The session type, without a configuration. */
    for (int type = GSK_CLIENT_SESSION; type <= GSK_SERVER_SESSION_WITH_CL_AUTH; type++) {
        open_handle();
        CHECK_CODE(GSK_OK, gsk_attribute_set_enum(handle, GSK_SESSION_TYPE, (GSK_ENUM_VALUE)type));
        CHECK_STATUS(TLSR_OK, tlsr_gsk_socket_init(handle, NULL, &client_secret, &server_secret));
        config = configured(type == GSK_CLIENT_SESSION ? TLSR_SERVER : TLSR_CLIENT);
        make_peer(&config, &client_secret, &server_secret);
        CHECK_CODE(GSK_OK, write_text("data"));
        CHECK(peer_opens(text) == TLSR_EVENT_APPLICATION_DATA);
        finish();
    }
}

/* ---------------------------------------------------------------------------------------------------
 * Attributes, texts, wrong calls
 */

static void attributes_are_set_before_and_read_after_the_initialization(void) {
    gsk_iocallback io = {io_read, io_write, NULL, NULL, NULL, NULL};
    char user_data[TLSR_GSK_USER_DATA + 1];
    int number;
    const char *value;
    GSK_ENUM_VALUE type;
    memset(user_data, 'u', sizeof user_data);
    CHECK_STATUS(TLSR_OK, tlsr_gsk_socket_open(&sockets, &handle));
    CHECK_CODE(GSK_OK, gsk_attribute_get_numeric_value(handle, GSK_FD, &number));
    CHECK(number == -1);
    CHECK_CODE(GSK_OK, gsk_attribute_get_buffer(handle, GSK_USER_DATA, &value, &number));
    CHECK(value == NULL && number == 0);
    CHECK_CODE(GSK_OK, gsk_attribute_get_enum(handle, GSK_SESSION_TYPE, &type));
    CHECK(type == GSK_CLIENT_SESSION);

    CHECK_CODE(GSK_ATTRIBUTE_INVALID_NUMERIC_VALUE, gsk_attribute_set_numeric_value(handle, GSK_FD, -1));
    CHECK_CODE(GSK_ATTRIBUTE_INVALID_LENGTH, gsk_attribute_set_buffer(handle, GSK_USER_DATA, user_data, -1));
    CHECK_CODE(GSK_INSUFFICIENT_STORAGE,
               gsk_attribute_set_buffer(handle, GSK_USER_DATA, user_data, sizeof user_data));
    CHECK_CODE(GSK_ATTRIBUTE_INVALID_ENUMERATION,
               gsk_attribute_set_enum(handle, GSK_SESSION_TYPE, (GSK_ENUM_VALUE)510));
    CHECK_CODE(GSK_ATTRIBUTE_INVALID_PARAMETER, gsk_attribute_set_callback(handle, GSK_IO_CALLBACK, NULL));
    CHECK_CODE(GSK_ATTRIBUTE_INVALID_PARAMETER, gsk_attribute_get_numeric_value(handle, GSK_FD, NULL));
    CHECK_CODE(GSK_ATTRIBUTE_INVALID_PARAMETER, gsk_attribute_get_buffer(handle, GSK_USER_DATA, NULL, &number));
    CHECK_CODE(GSK_ATTRIBUTE_INVALID_PARAMETER, gsk_attribute_get_buffer(handle, GSK_USER_DATA, &value, NULL));
    CHECK_CODE(GSK_ATTRIBUTE_INVALID_PARAMETER, gsk_attribute_get_enum(handle, GSK_SESSION_TYPE, NULL));
    CHECK_CODE(GSK_ATTRIBUTE_INVALID_ID, gsk_attribute_set_callback(handle, (GSK_CALLBACK_ID)800, &io));
    CHECK_CODE(GSK_ATTRIBUTE_INVALID_ID, gsk_attribute_set_numeric_value(handle, (GSK_NUM_ID)301, 1));
    CHECK_CODE(GSK_ATTRIBUTE_INVALID_ID, gsk_attribute_get_numeric_value(handle, (GSK_NUM_ID)301, &number));
    CHECK_CODE(GSK_ATTRIBUTE_INVALID_ID, gsk_attribute_set_buffer(handle, (GSK_BUF_ID)201, "a", 1));
    CHECK_CODE(GSK_ATTRIBUTE_INVALID_ID, gsk_attribute_get_buffer(handle, (GSK_BUF_ID)201, &value, &number));
    CHECK_CODE(GSK_ATTRIBUTE_INVALID_ID, gsk_attribute_set_enum(handle, (GSK_ENUM_ID)403, GSK_CLIENT_SESSION));
    CHECK_CODE(GSK_ATTRIBUTE_INVALID_ID, gsk_attribute_get_enum(handle, (GSK_ENUM_ID)403, &type));

    CHECK_CODE(GSK_OK, gsk_attribute_set_buffer(handle, GSK_USER_DATA, "a string", 0));
    CHECK_CODE(GSK_OK, gsk_attribute_get_buffer(handle, GSK_USER_DATA, &value, &number));
    CHECK(number == 8 && strcmp(value, "a string") == 0);
    CHECK_CODE(GSK_OK, gsk_attribute_set_buffer(handle, GSK_USER_DATA, NULL, 5));
    CHECK_CODE(GSK_OK, gsk_attribute_get_buffer(handle, GSK_USER_DATA, &value, &number));
    CHECK(value == NULL && number == 0);
    CHECK_CODE(GSK_OK, gsk_attribute_set_buffer(handle, GSK_USER_DATA, user_data, TLSR_GSK_USER_DATA));
    CHECK_CODE(GSK_OK, gsk_attribute_set_numeric_value(handle, GSK_FD, 0));
    CHECK_CODE(GSK_OK, gsk_attribute_set_enum(handle, GSK_SESSION_TYPE, GSK_SERVER_SESSION));
    CHECK_CODE(GSK_OK, gsk_attribute_set_callback(handle, GSK_IO_CALLBACK, &io));
    CHECK_STATUS(TLSR_OK, tlsr_gsk_socket_init(handle, NULL, &client_secret, &server_secret));

    CHECK_CODE(GSK_INVALID_STATE, gsk_attribute_set_callback(handle, GSK_IO_CALLBACK, &io));
    CHECK_CODE(GSK_INVALID_STATE, gsk_attribute_set_numeric_value(handle, GSK_FD, 1));
    CHECK_CODE(GSK_INVALID_STATE, gsk_attribute_set_buffer(handle, GSK_USER_DATA, "a", 1));
    CHECK_CODE(GSK_INVALID_STATE, gsk_attribute_set_enum(handle, GSK_SESSION_TYPE, GSK_CLIENT_SESSION));
    CHECK_CODE(GSK_OK, gsk_attribute_get_numeric_value(handle, GSK_FD, &number));
    CHECK(number == 0);
    CHECK_CODE(GSK_OK, gsk_attribute_get_buffer(handle, GSK_USER_DATA, &value, &number));
    CHECK(number == TLSR_GSK_USER_DATA && value != user_data && memcmp(value, user_data, TLSR_GSK_USER_DATA) == 0);
    CHECK((uintptr_t)value % sizeof(void *) == 0);
    CHECK_CODE(GSK_OK, gsk_attribute_get_enum(handle, GSK_SESSION_TYPE, &type));
    CHECK(type == GSK_SERVER_SESSION);
    finish();
}

static void wrong_buffers_are_refused(void) {
    char text[8];
    int length = 5;
    begin();
    CHECK_CODE(GSK_INVALID_BUFFER_SIZE, gsk_secure_socket_read(handle, NULL, 8, &length));
    CHECK(length == 0);
    CHECK_CODE(GSK_INVALID_BUFFER_SIZE, gsk_secure_socket_read(handle, text, 0, &length));
    CHECK_CODE(GSK_INVALID_BUFFER_SIZE, gsk_secure_socket_read(handle, text, -1, &length));
    CHECK_CODE(GSK_INVALID_BUFFER_SIZE, gsk_secure_socket_read(handle, text, 8, NULL));
    length = 5;
    CHECK_CODE(GSK_INVALID_BUFFER_SIZE, gsk_secure_socket_write(handle, NULL, 8, &length));
    CHECK(length == 0);
    CHECK_CODE(GSK_INVALID_BUFFER_SIZE, gsk_secure_socket_write(handle, text, 0, &length));
    CHECK_CODE(GSK_INVALID_BUFFER_SIZE, gsk_secure_socket_write(handle, text, -1, &length));
    CHECK_CODE(GSK_INVALID_BUFFER_SIZE, gsk_secure_socket_write(handle, text, 8, NULL));
    CHECK(transport.sent_len == 0);
    finish();
}

static void every_code_has_a_text(void) {
    static const gsk_status codes[] = {
        GSK_OK, GSK_INVALID_HANDLE, GSK_INSUFFICIENT_STORAGE, GSK_INVALID_STATE, GSK_ERR_CRYPTO,
        GSK_CONNECTION_ACTIVE, GSK_ERR_IO, GSK_ERR_BAD_MESSAGE, GSK_ERR_BAD_MAC, GSK_ERR_BAD_PEER,
        GSK_ERR_SOCKET_CLOSED, GSK_ERR_CONNECTION_CLOSED, GSK_INVALID_BUFFER_SIZE, GSK_WOULD_BLOCK,
        GSK_WOULD_BLOCK_WRITE, GSK_ERR_NOT_SSLV3, GSK_ATTRIBUTE_INVALID_ID, GSK_ATTRIBUTE_INVALID_LENGTH,
        GSK_ATTRIBUTE_INVALID_ENUMERATION, GSK_ATTRIBUTE_INVALID_NUMERIC_VALUE, GSK_ATTRIBUTE_INVALID_PARAMETER,
    };
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        CHECK(strcmp(gsk_strerror(codes[i]), "N/A") != 0);
        for (size_t j = 0; j < i; j++) {
            CHECK(strcmp(gsk_strerror(codes[i]), gsk_strerror(codes[j])) != 0);
        }
    }
    CHECK(strcmp(gsk_strerror(-1), "N/A") == 0 && strcmp(gsk_strerror(2), "N/A") == 0);
}

/* ---------------------------------------------------------------------------------------------------
 * Sockets
 */

#ifdef TLSR_GSK_NO_SOCKETS
static void without_sockets_both_routines_are_needed(void) {
    gsk_iocallback reading = {io_read, NULL, NULL, NULL, NULL, NULL};
    gsk_iocallback writing = {NULL, io_write, NULL, NULL, NULL, NULL};
    CHECK_STATUS(TLSR_OK, tlsr_gsk_socket_open(&sockets, &handle));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_gsk_socket_init(handle, NULL, &client_secret, &server_secret));
    CHECK_CODE(GSK_ATTRIBUTE_INVALID_PARAMETER, gsk_attribute_set_callback(handle, GSK_IO_CALLBACK, &reading));
    CHECK_CODE(GSK_ATTRIBUTE_INVALID_PARAMETER, gsk_attribute_set_callback(handle, GSK_IO_CALLBACK, &writing));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_gsk_socket_init(handle, NULL, &client_secret, &server_secret));
    finish();
}
#else

/* Two handles over a pair of sockets, with the routines of the library. */
static void sockets_are_the_default_transport(void) {
    for (int blocking = 0; blocking < 2; blocking++) {
        int fds[2];
        gsk_handle ends[2];
        char text[64];
        int length;
        CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
        for (int i = 0; i < 2; i++) {
            CHECK(blocking || fcntl(fds[i], F_SETFL, O_NONBLOCK) == 0);
            CHECK_STATUS(TLSR_OK, tlsr_gsk_socket_open(&sockets, &ends[i]));
            CHECK_CODE(GSK_OK, gsk_attribute_set_enum(ends[i], GSK_SESSION_TYPE,
                                                      i == 0 ? GSK_CLIENT_SESSION : GSK_SERVER_SESSION));
            CHECK_CODE(GSK_OK, gsk_attribute_set_numeric_value(ends[i], GSK_FD, fds[i]));
            CHECK_STATUS(TLSR_OK, tlsr_gsk_socket_init(ends[i], NULL, &client_secret, &server_secret));
        }
        if (!blocking) {
            CHECK_CODE(GSK_WOULD_BLOCK, gsk_secure_socket_read(ends[1], text, sizeof text, &length));
        }
        CHECK_CODE(GSK_OK, gsk_secure_socket_write(ends[0], (char *)"a request", 9, &length));
        CHECK_CODE(GSK_OK, gsk_secure_socket_shutdown(ends[0]));
        CHECK_CODE(GSK_OK, gsk_secure_socket_read(ends[1], text, sizeof text, &length));
        CHECK(length == 9 && memcmp(text, "a request", 9) == 0);
        CHECK_CODE(GSK_ERR_CONNECTION_CLOSED, gsk_secure_socket_read(ends[1], text, sizeof text, &length));
        CHECK_CODE(GSK_OK, gsk_secure_socket_write(ends[1], (char *)"an answer", 9, &length));
        CHECK_CODE(GSK_OK, gsk_secure_socket_shutdown(ends[1]));
        CHECK_CODE(GSK_OK, gsk_secure_socket_close(&ends[1]));
        CHECK(close(fds[1]) == 0);
        CHECK_CODE(GSK_OK, gsk_secure_socket_read(ends[0], text, sizeof text, &length));
        CHECK(length == 9 && memcmp(text, "an answer", 9) == 0);
        CHECK_CODE(GSK_ERR_CONNECTION_CLOSED, gsk_secure_socket_read(ends[0], text, sizeof text, &length));
        CHECK_CODE(GSK_OK, gsk_secure_socket_close(&ends[0]));
        CHECK(close(fds[0]) == 0);
    }
}

static void a_closed_socket_is_no_signal(void) {
    int fds[2], length;
    gsk_iocallback io = {NULL, NULL, NULL, NULL, NULL, NULL};
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
    CHECK_STATUS(TLSR_OK, tlsr_gsk_socket_open(&sockets, &handle));
    /* Null routines are those of the library. */
    CHECK_CODE(GSK_OK, gsk_attribute_set_callback(handle, GSK_IO_CALLBACK, &io));
    CHECK_CODE(GSK_OK, gsk_attribute_set_numeric_value(handle, GSK_FD, fds[0]));
    CHECK_STATUS(TLSR_OK, tlsr_gsk_socket_init(handle, NULL, &client_secret, &server_secret));
    CHECK(close(fds[1]) == 0);
    CHECK_CODE(GSK_ERR_SOCKET_CLOSED, read_once());
    CHECK_CODE(GSK_ERR_IO, gsk_secure_socket_write(handle, (char *)"data", 4, &length));
    CHECK(errno == EPIPE);
    CHECK_CODE(GSK_OK, gsk_secure_socket_close(&handle));
    CHECK(close(fds[0]) == 0);
}
#endif

void test_gsk(void) {
    sets_are_opened_once();
    data_goes_both_ways_in_pieces_of_any_length();
    a_write_that_would_block_is_repeated_and_sent_once();
    a_slot_within_a_request_takes_nothing_from_it();
    key_updates_of_the_peer_are_answered_by_reading();
    session_tickets_are_skipped_and_renegotiation_is_refused();
    a_request_to_renegotiate_is_refused_at_its_last_record();
    each_end_of_reading_has_its_code();
    each_end_of_writing_has_its_code();
    a_cipher_that_fails_within_a_request_is_told_by_every_write();
    one_step_is_done_when_the_transport_has_the_close_notify();
    two_steps_read_what_is_under_way_until_the_close_notify_of_the_peer();
    the_close_notify_is_sent_once_however_often_the_transport_blocks();
    each_answer_of_a_shutdown_has_its_cause();
    a_transport_that_fails_within_a_request_ends_it();
    a_transport_that_is_cut_at_any_byte_is_no_clean_end();
    a_close_notify_that_could_be_forged_is_no_clean_end();
    a_close_sends_what_is_unsent_and_no_close_notify();
    a_connection_that_was_wiped_can_only_be_closed();
    nothing_secret_is_left_after_a_close();
    an_io_routine_cannot_use_its_connection();
    a_handle_that_is_not_open_is_not_followed();
    a_handle_comes_again_only_when_all_generations_were_used();
    a_connection_is_initialized_once();
    attributes_are_set_before_and_read_after_the_initialization();
    wrong_buffers_are_refused();
    every_code_has_a_text();
#ifdef TLSR_GSK_NO_SOCKETS
    without_sockets_both_routines_are_needed();
#else
    sockets_are_the_default_transport();
    a_closed_socket_is_no_signal();
#endif
}
