/* Runs the code of FIRMWARE.md, which make has put into firmware_page.c, against a second connection. */
/* check.h has another function of this name. */
#define receive receive_of_page
#include "firmware_page.c"
#undef receive

#include "../check.h"

static tlsr_layer server;
static uint8_t to_server[4096], to_client[4096];
static size_t to_server_len, to_client_len, used;
static size_t bytes_a_call;
static int steps;
static bool transport_ends;

size_t uart_write(const uint8_t *bytes, size_t len) {
    size_t now = len < bytes_a_call ? len : bytes_a_call;
    if (now > sizeof to_server - to_server_len) {
        now = sizeof to_server - to_server_len;
    }
    if (now != 0) {
        memcpy(to_server + to_server_len, bytes, now);
    }
    to_server_len += now;
    return now;
}

/* What the server does with what has arrived: it sends data back, and closes when the client has. */
static void serve(void) {
    tlsr_opened opened;
    tlsr_sealed sealed;
    for (;;) {
        CHECK_STATUS(TLSR_OK, tlsr_layer_open(&server, to_server, to_server_len, &opened));
        if (opened.event == TLSR_EVENT_NEED_MORE) {
            return;
        }
        uint8_t *out = to_client + to_client_len;
        size_t room = sizeof to_client - to_client_len;
        if (opened.event == TLSR_EVENT_APPLICATION_DATA) {
            uint8_t *data = to_server + opened.offset;
            CHECK_STATUS(TLSR_OK, tlsr_layer_seal(&server, data, opened.len, out, room, &sealed));
            CHECK(sealed.taken == opened.len);
            to_client_len += sealed.written;
        } else if (opened.event == TLSR_EVENT_CLOSED) {
            tlsr_end end;
            CHECK_STATUS(TLSR_OK, tlsr_layer_end(&server, &end));
            if (end.write == TLSR_WRITE_OPEN) {
                CHECK_STATUS(TLSR_OK, tlsr_layer_close(&server));
                CHECK_STATUS(TLSR_OK, tlsr_layer_poll_control(&server, out, room, &sealed));
                to_client_len += sealed.written;
            }
        }
        to_server_len -= opened.consumed;
        memmove(to_server, to_server + opened.consumed, to_server_len);
        if (opened.event == TLSR_EVENT_CLOSED) {
            return;
        }
    }
}

ptrdiff_t uart_read(uint8_t *bytes, size_t len) {
    if (transport_ends && to_client_len == 0) {
        return -1;
    }
    serve();
    size_t now = to_client_len < bytes_a_call ? to_client_len : bytes_a_call;
    now = now < len ? now : len;
    if (now != 0) {
        memcpy(bytes, to_client, now);
    }
    to_client_len -= now;
    memmove(to_client, to_client + now, to_client_len);
    return (ptrdiff_t)now;
}

void use(const uint8_t *data, size_t len) {
    CHECK(data[0] == 7 && data[len - 1] == 7);
    used += len;
}

static const uint8_t client_bytes[32] = {1}, server_bytes[32] = {2};

static void make_server(void) {
    tlsr_config config;
    tlsr_secret keys[2];
    memset(keys, 0, sizeof keys);
    keys[0].suite = keys[1].suite = 0x1301;
    keys[0].secret = client_bytes;
    keys[1].secret = server_bytes;
    keys[0].secret_len = keys[1].secret_len = 32;
    CHECK_STATUS(TLSR_OK, tlsr_config_init(&config, TLSR_SERVER));
    CHECK_STATUS(TLSR_OK, tlsr_layer_init(&server, sizeof server, &config));
    CHECK_STATUS(TLSR_OK, tlsr_layer_install(&server, TLSR_EPOCH_APPLICATION, &keys[0], &keys[1]));
}

bool out_of_time(void) { return ++steps > 100000; }

/* What is unsent leaves before the connection is wiped, also if it was cut off or has failed. */
static void finish_sends_everything(bool fails) {
    static uint8_t data[59], forged[37] = {0x17, 3, 3, 0, 32};
    memset(data, 7, sizeof data);
    to_server_len = to_client_len = used = 0;
    steps = 0;
    bytes_a_call = 10;
    make_server();
    CHECK(begin(client_bytes, server_bytes));
    CHECK(write_all(data, sizeof data));
    memcpy(to_client, forged, sizeof forged);
    to_client_len = fails ? sizeof forged : 0;
    transport_ends = true;
    while (receive_of_page()) {
    }
    CHECK_STATUS(fails ? TLSR_ERR_FAILED : TLSR_ERR_SOCKET_CLOSED, finish());
    transport_ends = false;
    tlsr_opened opened;
    CHECK_STATUS(TLSR_OK, tlsr_layer_open(&server, to_server, to_server_len, &opened));
    CHECK(opened.event == TLSR_EVENT_APPLICATION_DATA && opened.len == sizeof data);
    uint8_t *last = to_server + opened.consumed;
    if (fails) {
        CHECK_STATUS(TLSR_ERR_PEER_ALERT, tlsr_layer_open(&server, last, to_server_len - opened.consumed, &opened));
    } else {
        CHECK_STATUS(TLSR_OK, tlsr_layer_open(&server, last, to_server_len - opened.consumed, &opened));
        CHECK(opened.event == TLSR_EVENT_CLOSED);
    }
}

int main(void) {
    static const size_t lengths[] = {1, 3, 30, 5000};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        for (int server_closes_first = 0; server_closes_first < 2; server_closes_first++) {
            static uint8_t data[2000];
            tlsr_sealed sealed;
            bytes_a_call = lengths[i];
            to_server_len = to_client_len = used = 0;
            steps = 0;
            memset(data, 7, sizeof data);
            make_server();
            CHECK(begin(client_bytes, server_bytes));
            CHECK(write_all(data, sizeof data));
            for (int calls = 0; used < sizeof data; calls++) {
                CHECK(calls < 100000 && receive_of_page());
                send_unsent();
            }
            if (server_closes_first) {
                CHECK_STATUS(TLSR_OK, tlsr_layer_close(&server));
                CHECK_STATUS(TLSR_OK, tlsr_layer_poll_control(&server, to_client, sizeof to_client, &sealed));
                to_client_len = sealed.written;
                while (receive_of_page()) {
                }
            }
            CHECK_STATUS(TLSR_OK, finish());
            serve();
            tlsr_end end;
            CHECK_STATUS(TLSR_OK, tlsr_layer_end(&server, &end));
            CHECK(end.is_clean == 1);
        }
    }
    finish_sends_everything(false);
    finish_sends_everything(true);
    printf("the code of FIRMWARE.md: passed\n");
    return 0;
}
