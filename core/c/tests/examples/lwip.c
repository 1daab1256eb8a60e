/*
 * The example over lwIP: two interfaces of one stack, joined by a wire in memory. Time is a variable.
 */
#include <lwip/init.h>
#include <lwip/ip.h>
#include <lwip/sys.h>
#include <lwip/timeouts.h>

#include "../check.h"
#include "echo.h"

/* The wire */

#define MOST_PACKETS 1024

static struct netif client_netif, server_netif;
static struct {
    struct pbuf *packet;
    struct netif *to;
} wire[MOST_PACKETS];
static unsigned first_packet, next_packet;
static size_t pbuf_len = 1460; /* most bytes of payload in one pbuf */
static int is_cut;             /* all packets are lost */
static unsigned lost_one_of;   /* so many packets, if not 0 */

/* Replaces the clock of lwIP's port. */
static u32_t now;
u32_t sys_now(void) { return now; }

/* What lwIP was given without a copy, which must not change until it was acknowledged. Checked here, because a build
 * with LWIP_NETIF_TX_SINGLE_PBUF, as that of Debian, makes a copy all the same. */
static struct {
    struct tcp_pcb *tcp;
    const void *data;
    size_t len;
    uint8_t copy[4096];
} lent[2];

static void check_lent(void) {
    for (int i = 0; i < 2; i++) {
        if (lent[i].tcp != NULL && tcp_sndqueuelen(lent[i].tcp) == 0) {
            lent[i].tcp = NULL;
        }
        CHECK(lent[i].tcp == NULL || memcmp(lent[i].data, lent[i].copy, lent[i].len) == 0);
    }
}

/* lwIP has segments for writes of so many bytes at most. */
static u16_t most_to_write = 0xffff;

err_t __real_tcp_write(struct tcp_pcb *tcp, const void *data, u16_t len, u8_t flags);
err_t __wrap_tcp_write(struct tcp_pcb *tcp, const void *data, u16_t len, u8_t flags);

/* The linker puts this in front of tcp_write. */
err_t __wrap_tcp_write(struct tcp_pcb *tcp, const void *data, u16_t len, u8_t flags) {
    if (len > most_to_write) {
        return ERR_MEM;
    }
    if (!(flags & TCP_WRITE_FLAG_COPY)) {
        check_lent();
        int i = lent[0].tcp == NULL ? 0 : 1;
        CHECK(lent[i].tcp == NULL && len <= sizeof lent[i].copy);
        lent[i].tcp = tcp;
        lent[i].data = data;
        lent[i].len = len;
        memcpy(lent[i].copy, data, len);
    }
    return __real_tcp_write(tcp, data, len, flags);
}

/* Takes a packet, and makes a chain of it: the headers, then pbufs of `pbuf_len`. */
static err_t carry(struct netif *to, struct pbuf *p) {
    static unsigned count;
    check_lent();
    if (is_cut || (lost_one_of != 0 && ++count % lost_one_of == 0)) {
        return ERR_OK;
    }
    size_t tcp_header = (size_t)(pbuf_get_at(p, 20 + 12) >> 4) * 4, at = 20 + tcp_header;
    struct pbuf *copy = pbuf_alloc(PBUF_RAW, (u16_t)at, PBUF_RAM);
    CHECK(copy != NULL);
    pbuf_copy_partial(p, copy->payload, (u16_t)at, 0);
    for (size_t len; at < p->tot_len; at += len) {
        len = p->tot_len - at < pbuf_len ? p->tot_len - at : pbuf_len;
        struct pbuf *piece = pbuf_alloc(PBUF_RAW, (u16_t)len, PBUF_RAM);
        CHECK(piece != NULL);
        pbuf_copy_partial(p, piece->payload, (u16_t)len, (u16_t)at);
        pbuf_cat(copy, piece);
    }
    CHECK(next_packet - first_packet < MOST_PACKETS);
    wire[next_packet % MOST_PACKETS].packet = copy;
    wire[next_packet++ % MOST_PACKETS].to = to;
    return ERR_OK;
}

static err_t transmit(struct netif *from, struct pbuf *p, const ip4_addr_t *address) {
    (void)address;
    return carry(from == &client_netif ? &server_netif : &client_netif, p);
}

/* Replaces that of lwIP, which takes a packet that belongs to no connection here, a RST, because both addresses are
 * those of this stack. */
err_t netif_loop_output(struct netif *netif, struct pbuf *p) { return carry(netif, p); }

/* Lets so many milliseconds pass. */
static void run(u32_t milliseconds) {
    u32_t end = now + milliseconds;
    do {
        while (first_packet != next_packet) {
            unsigned i = first_packet++ % MOST_PACKETS;
            ip_input(wire[i].packet, wire[i].to);
        }
        now += 10;
        sys_check_timeouts();
    } while (now < end);
}

static err_t init_netif(struct netif *netif) {
    netif->output = transmit;
    netif->mtu = 1500;
    return ERR_OK;
}

static void make_wire(void) {
    ip4_addr_t client, server, mask;
    IP4_ADDR(&client, 10, 0, 0, 1);
    IP4_ADDR(&server, 10, 0, 0, 2);
    IP4_ADDR(&mask, 255, 255, 255, 0);
    lwip_init();
    netif_add(&client_netif, &client, &mask, &server, NULL, init_netif, ip_input);
    netif_add(&server_netif, &server, &mask, &client, NULL, init_netif, ip_input);
    netif_set_up(&client_netif);
    netif_set_up(&server_netif);
    netif_set_link_up(&client_netif);
    netif_set_link_up(&server_netif);
}

static struct tcp_pcb *accepted;

static err_t on_accept(void *arg, struct tcp_pcb *tcp, err_t err) {
    (void)arg, (void)err;
    accepted = tcp;
    return ERR_OK;
}

static err_t on_connected(void *arg, struct tcp_pcb *tcp, err_t err) {
    (void)arg, (void)tcp, (void)err;
    return ERR_OK;
}

/* Makes a TCP connection, and returns both of its ends. */
static struct tcp_pcb *connect_tcp(struct tcp_pcb **server) {
    static u16_t port = 1000; /* another one each time: old connections are in TIME_WAIT */
    port++;
    struct tcp_pcb *listener = tcp_new(), *client = tcp_new();
    tcp_bind_netif(listener, &server_netif);
    CHECK(tcp_bind(listener, &server_netif.ip_addr, port) == ERR_OK);
    listener = tcp_listen(listener);
    tcp_accept(listener, on_accept);
    tcp_bind_netif(client, &client_netif);
    accepted = NULL;
    CHECK(tcp_bind(client, &client_netif.ip_addr, 0) == ERR_OK);
    CHECK(tcp_connect(client, &server_netif.ip_addr, port, on_connected) == ERR_OK);
    run(100);
    CHECK(accepted != NULL);
    tcp_close(listener);
    *server = accepted;
    return client;
}

/* An end with TLS. It receives a stream of bytes that are known by their position. */

typedef struct end {
    tls_pcb tls;
    uint8_t sealed[4096], opened[TLSR_MAX_RECORD];
    size_t may_take, taken;
    size_t to_write, written;
    int has_peer_closed, has_ended;
    tlsr_status why;
    tlsr_end how;
} end;

static end client, server;

static uint8_t byte_at(size_t position) { return (uint8_t)(position * 31 + position / 256); }

static size_t on_data(void *arg, tls_pcb *tls, const uint8_t *data, size_t len) {
    end *e = arg;
    CHECK(&e->tls == tls && !e->has_peer_closed && !e->has_ended);
    if (len == 0) {
        e->has_peer_closed = 1;
        return 0;
    }
    size_t now_taken = len < e->may_take ? len : e->may_take;
    for (size_t i = 0; i < now_taken; i++) {
        CHECK(data[i] == byte_at(e->taken + i));
    }
    e->may_take -= now_taken;
    e->taken += now_taken;
    return now_taken;
}

/* Writes as much as there is room for. */
static void on_room(void *arg, tls_pcb *tls) {
    end *e = arg;
    uint8_t data[1000];
    while (e->written < e->to_write) {
        size_t left = e->to_write - e->written, len = left < sizeof data ? left : sizeof data, taken;
        for (size_t i = 0; i < len; i++) {
            data[i] = byte_at(e->written + i);
        }
        err_t err = tls_write(tls, data, len, &taken);
        CHECK(err == ERR_OK || (err == ERR_MEM && taken == 0) || err == ERR_CLSD);
        if (err != ERR_OK) {
            break;
        }
        e->written += taken;
    }
}

static void on_end(void *arg, tls_pcb *tls, tlsr_status why, const tlsr_end *how) {
    end *e = arg;
    uint8_t bytes[1] = {0};
    size_t taken;
    CHECK(&e->tls == tls && !e->has_ended);
    CHECK_STATUS(TLSR_ERR_INVALID_HANDLE, tlsr_connection_write(&tls->connection, bytes, 1, &taken));
    /* The memory is ours again. */
    for (int i = 0; i < 2; i++) {
        const uint8_t *data = lent[i].data;
        if (data >= e->sealed && data < e->sealed + sizeof e->sealed) {
            lent[i].tcp = NULL; /* and lwIP's, if it had to be: this was the end of the tcp_pcb */
        }
    }
    memset(e->sealed, 0x55, sizeof e->sealed);
    memset(e->opened, 0x55, sizeof e->opened);
    /* Nothing follows the end, whatever the application calls. */
    taken = 1;
    CHECK(tls_write(tls, bytes, 1, &taken) == ERR_CONN && taken == 0);
    tls_shutdown(tls);
    tls_close(tls, 0, 10);
    CHECK(tls_resume(tls) == ERR_OK);
    e->has_ended = 1;
    e->why = why;
    e->how = *how;
}

static int is_tls12;

static void make_layer(tlsr_layer *layer, uint8_t role) {
    static const uint8_t client_bytes[32] = {1}, server_bytes[32] = {2}, salt[4] = {3};
    tlsr_secret from_client = {client_bytes, 32, NULL, 0, NULL, 0, 0, 0x1301};
    tlsr_secret from_server = {server_bytes, 32, NULL, 0, NULL, 0, 0, 0x1301};
    tlsr_config config;
    if (is_tls12) {
        const tlsr_secret client_key = {client_bytes, 16, salt, 4, NULL, 0, 1, 0xc02f};
        const tlsr_secret server_key = {server_bytes, 16, salt, 4, NULL, 0, 1, 0xc02f};
        from_client = client_key;
        from_server = server_key;
    }
    CHECK_STATUS(TLSR_OK, tlsr_config_init(&config, role));
    CHECK_STATUS(TLSR_OK, tlsr_layer_init(layer, sizeof *layer, &config));
    CHECK_STATUS(TLSR_OK, tlsr_layer_install(layer, TLSR_EPOCH_APPLICATION, &from_client, &from_server));
}

static void make_end(end *e, struct tcp_pcb *tcp, uint8_t role, u8_t write_flags, size_t opened_len) {
    tls_memory memory = {e->sealed, sizeof e->sealed, e->opened, opened_len, write_flags};
    tlsr_layer layer;
    memset(e, 0, sizeof *e);
    make_layer(&layer, role);
    CHECK_STATUS(TLSR_OK, tls_init(&e->tls, tcp, &layer, &memory, NULL));
    tls_arg(&e->tls, e);
    tls_recv(&e->tls, on_data);
    tls_sent(&e->tls, on_room);
    tls_end(&e->tls, on_end);
    e->may_take = SIZE_MAX;
}

static void connect_ends(u8_t write_flags) {
    struct tcp_pcb *at_server, *at_client = connect_tcp(&at_server);
    make_end(&client, at_client, TLSR_CLIENT, write_flags, TLSR_MAX_RECORD);
    make_end(&server, at_server, TLSR_SERVER, write_flags, TLSR_MAX_RECORD);
}

static void write_stream(end *e, size_t len) {
    e->to_write += len;
    on_room(e, &e->tls);
}

static void check_ended(end *e, tlsr_status why) {
    CHECK(e->has_ended);
    CHECK_STATUS(why, e->why);
    CHECK(e->how.is_clean == (why == TLSR_OK));
}

/* A server that has TCP alone, and seals records by hand. */

static struct {
    struct tcp_pcb *tcp;
    tlsr_layer layer;
    uint8_t received[4096];
    size_t len;
    int has_fin, was_reset;
    size_t position; /* in the stream of data */
} raw;

static err_t on_raw_recv(void *arg, struct tcp_pcb *tcp, struct pbuf *p, err_t err) {
    (void)arg, (void)err;
    if (p == NULL) {
        raw.has_fin = 1;
        return ERR_OK;
    }
    CHECK(raw.len + p->tot_len <= sizeof raw.received);
    pbuf_copy_partial(p, raw.received + raw.len, p->tot_len, 0);
    raw.len += p->tot_len;
    tcp_recved(tcp, p->tot_len);
    pbuf_free(p);
    return ERR_OK;
}

static void on_raw_err(void *arg, err_t err) {
    (void)arg, (void)err;
    raw.tcp = NULL;
    raw.was_reset = 1;
}

/* A client with TLS, and the server above. */
static void connect_raw_as(uint8_t role, u8_t write_flags, size_t opened_len) {
    memset(&raw, 0, sizeof raw);
    struct tcp_pcb *at_client = connect_tcp(&raw.tcp);
    make_end(&client, at_client, role == TLSR_SERVER ? TLSR_CLIENT : TLSR_SERVER, write_flags, opened_len);
    make_layer(&raw.layer, role);
    tcp_recv(raw.tcp, on_raw_recv);
    tcp_err(raw.tcp, on_raw_err);
    tcp_nagle_disable(raw.tcp);
}

static void connect_raw(u8_t write_flags, size_t opened_len) { connect_raw_as(TLSR_SERVER, write_flags, opened_len); }

static void send_raw(const uint8_t *bytes, size_t len) {
    CHECK(tcp_write(raw.tcp, bytes, (u16_t)len, TCP_WRITE_FLAG_COPY) == ERR_OK);
    tcp_output(raw.tcp);
    run(10);
}

/* Seals a record with the next bytes of the stream. Returns its length. */
static size_t seal_raw(size_t content, uint8_t *record, size_t len) {
    uint8_t data[2048];
    tlsr_sealed sealed;
    CHECK(content <= sizeof data);
    for (size_t i = 0; i < content; i++) {
        data[i] = byte_at(raw.position + i);
    }
    CHECK_STATUS(TLSR_OK, tlsr_layer_seal(&raw.layer, data, content, record, len, &sealed));
    CHECK(sealed.taken == content);
    raw.position += content;
    return sealed.written;
}

static void close_raw(void) {
    if (raw.tcp != NULL) {
        tcp_recv(raw.tcp, NULL);
        tcp_err(raw.tcp, NULL);
        CHECK(tcp_close(raw.tcp) == ERR_OK);
    }
    tlsr_layer_wipe(&raw.layer);
    run(1000);
}

/* Opens what the client has sent, and returns the status of the last record. */
static tlsr_status open_raw(tlsr_opened *opened) {
    tlsr_status status = TLSR_OK;
    for (size_t at = 0; at < raw.len && status == TLSR_OK; at += opened->consumed) {
        status = tlsr_layer_open(&raw.layer, raw.received + at, raw.len - at, opened);
    }
    return status;
}

/* Tests */

static void a_mebibyte_goes_each_way_through_the_echo_server(void) {
    static const size_t lens[] = {1460, 592, 100};
    for (size_t i = 0; i < 6; i++) {
        struct tcp_pcb *at_server, *at_client = connect_tcp(&at_server);
        tlsr_layer layer;
        pbuf_len = lens[i / 2];
        lost_one_of = i < 4 ? 0 : 50;
        make_end(&client, at_client, TLSR_CLIENT, i % 2 == 0 ? TCP_WRITE_FLAG_COPY : 0, TLSR_MAX_RECORD);
        make_layer(&layer, TLSR_SERVER);
        CHECK(echo_serve(at_server, &layer, NULL) == ERR_OK);
        write_stream(&client, 1 << 20);
        for (u32_t start = now; client.taken < 1 << 20;) {
            run(10);
            CHECK(now - start < 10000000);
        }
        lost_one_of = 0;
        tls_close(&client.tls, 0, 10);
        run(1000);
        check_ended(&client, TLSR_OK);
        CHECK(client.taken == 1 << 20 && client.has_peer_closed && echo_sessions() == 0);
    }
    pbuf_len = 1460;
}

/* Three records, cut into two segments at each place, in pbufs of each length. */
static void records_are_opened_however_they_are_cut(void) {
    connect_raw(0, 512);
    for (size_t cut = 1; cut < 112; cut++) {
        pbuf_len = cut;
        for (int i = 0; i < 2; i++) {
            uint8_t records[112];
            size_t len = seal_raw(5, records, sizeof records);
            len += seal_raw(40, records + len, sizeof records - len);
            len += seal_raw(1, records + len, sizeof records - len);
            CHECK(len == 112);
            send_raw(records, cut);
            send_raw(records + cut, len - cut);
            CHECK(client.taken == raw.position);
            pbuf_len = 4;
        }
    }
    pbuf_len = 1460;
    tls_close(&client.tls, 0, 0);
    run(1000);
    CHECK(client.has_ended);
    close_raw();
}

/* Each call opens one message, and goes on where the one before it stopped. */
static void a_record_of_several_messages_is_opened_in_any_number_of_pbufs(void) {
    connect_raw(0, 512);
    for (pbuf_len = 1; pbuf_len < 100; pbuf_len++) {
        /* NewSessionTicket, with anything inside. */
        uint8_t tickets[60] = {0}, record[128];
        tickets[0] = tickets[20] = tickets[40] = 4;
        tickets[3] = tickets[23] = tickets[43] = 16;
        tlsr_sealed sealed;
        CHECK_STATUS(TLSR_OK, tlsr_layer_seal_handshake(&raw.layer, tickets, sizeof tickets, record, sizeof record,
                                                        &sealed));
        size_t len = sealed.written;
        len += seal_raw(3, record + len, sizeof record - len);
        send_raw(record, len);
        CHECK(client.taken == raw.position);
    }
    pbuf_len = 1460;
    tls_close(&client.tls, 0, 0);
    run(1000);
    close_raw();
}

static void a_peer_that_stops_reading_stops_the_writer_and_nothing_is_lost(void) {
    for (u8_t flags = 0; flags <= TCP_WRITE_FLAG_COPY; flags++) {
        connect_ends(flags);
        server.may_take = 10;
        write_stream(&client, 1 << 20);
        run(20000);
        size_t written = client.written;
        CHECK(server.taken == 10);
        CHECK(written > TCP_WND / 2 && written < TCP_WND + TCP_SND_BUF + sizeof client.sealed);
        run(60000);
        CHECK(client.written == written && !client.has_ended && !server.has_ended);
        server.may_take = SIZE_MAX;
        tls_resume(&server.tls);
        for (u32_t start = now; server.taken < 1 << 20;) {
            run(10);
            CHECK(now - start < 1000000);
        }
        CHECK(client.written == 1 << 20);
        tls_close(&client.tls, 0, 10);
        tls_close(&server.tls, 0, 10);
        run(2000);
        check_ended(&client, TLSR_OK);
        check_ended(&server, TLSR_OK);
    }
}

static void a_short_record_does_not_wait_for_an_acknowledgement(void) {
    connect_ends(TCP_WRITE_FLAG_COPY);
    for (size_t i = 1; i <= 4; i++) {
        write_stream(&client, 10);
    }
    run(10);
    CHECK(server.taken == 40);
    tls_close(&client.tls, 0, 10);
    tls_close(&server.tls, 0, 10);
    run(1000);
    check_ended(&client, TLSR_OK);
}

static void what_lwip_has_no_memory_for_is_sent_later(void) {
    for (u8_t flags = 0; flags <= TCP_WRITE_FLAG_COPY; flags++) {
        connect_ends(flags);
        most_to_write = 100;
        write_stream(&client, 10000);
        run(60000);
        CHECK(server.taken == 10000);
        most_to_write = 0;
        write_stream(&client, 100);
        run(1000);
        CHECK(client.written == 10100 && server.taken == 10000);
        most_to_write = 0xffff;
        run(1000);
        CHECK(server.taken == 10100);
        tls_close(&client.tls, 0, 10);
        tls_close(&server.tls, 0, 10);
        run(1000);
        check_ended(&client, TLSR_OK);
        check_ended(&server, TLSR_OK);
    }
}

static void both_close_while_data_is_under_way(void) {
    for (u8_t flags = 0; flags <= TCP_WRITE_FLAG_COPY; flags++) {
        size_t taken;
        connect_ends(flags);
        client.may_take = 1000;
        write_stream(&server, 200000);
        run(10);
        CHECK(client.taken == 1000 && server.written < server.to_write);
        tls_close(&client.tls, 1 << 20, 200);
        CHECK(tls_write(&client.tls, "more", 4, &taken) == ERR_CLSD);
        client.may_take = SIZE_MAX;
        tls_resume(&client.tls);
        while (server.written < server.to_write) {
            run(10);
            CHECK(!client.has_ended && !server.has_ended);
        }
        CHECK(server.has_peer_closed);
        tls_close(&server.tls, 0, 10);
        run(2000);
        check_ended(&client, TLSR_OK);
        check_ended(&server, TLSR_OK);
        CHECK(client.taken == 200000);
    }
}

static void one_direction_is_closed_and_the_other_one_goes_on(void) {
    connect_ends(0);
    tls_shutdown(&client.tls);
    run(500);
    CHECK(server.has_peer_closed && !client.has_ended);
    write_stream(&server, 50000);
    run(10000);
    CHECK(client.taken == 50000);
    tls_close(&server.tls, 0, 10);
    tls_close(&client.tls, 0, 10);
    run(1000);
    check_ended(&client, TLSR_OK);
    check_ended(&server, TLSR_OK);
}

static void a_peer_that_does_not_close_is_given_up_by_budget_and_by_time(void) {
    connect_ends(TCP_WRITE_FLAG_COPY);
    client.may_take = 1000;
    write_stream(&server, 1 << 20);
    run(10);
    tls_close(&client.tls, 20000, 1000);
    client.may_take = SIZE_MAX;
    tls_resume(&client.tls);
    run(5000);
    check_ended(&client, TLSR_ERR_BUDGET_SPENT);
    CHECK(client.taken > 20000 && client.taken < 1 << 20);
    check_ended(&server, TLSR_ERR_IO); /* It was reset, because it went on sending. */

    for (u8_t flags = 0; flags <= TCP_WRITE_FLAG_COPY; flags++) {
        connect_raw(flags, 512);
        tls_close(&client.tls, 0, 4);
        run(1000);
        CHECK(!client.has_ended);
        run(1500);
        check_ended(&client, TLSR_ERR_AWAITING_PEER);
        CHECK(raw.has_fin && !raw.was_reset);
        close_raw();

        /* Nothing gets through. */
        connect_raw(flags, 512);
        is_cut = 1;
        tls_close(&client.tls, 0, 4);
        run(2500);
        check_ended(&client, flags == 0 ? TLSR_ERR_WOULD_BLOCK_WRITE : TLSR_ERR_AWAITING_PEER);
        is_cut = 0;
        run(10000);
        CHECK(flags == TCP_WRITE_FLAG_COPY || raw.len == 0); /* lwIP has forgotten what is not its own. */
        close_raw();
    }
}

static void a_truncated_stream_is_no_clean_end(void) {
    uint8_t record[64];
    tlsr_opened opened;
    for (int inside = 0; inside < 2; inside++) {
        connect_raw(0, 512);
        size_t len = seal_raw(5, record, sizeof record);
        send_raw(record, inside ? len - 1 : len);
        CHECK(tcp_shutdown(raw.tcp, 0, 1) == ERR_OK);
        run(2000);
        check_ended(&client, TLSR_ERR_SOCKET_CLOSED);
        CHECK(client.how.read == TLSR_READ_TRUNCATED && client.how.inside_record == inside);
        CHECK(!client.has_peer_closed && client.taken == (inside ? 0 : 5));
        /* Our close_notify was sent all the same. */
        CHECK_STATUS(TLSR_OK, open_raw(&opened));
        CHECK(opened.event == TLSR_EVENT_CLOSED && raw.has_fin && !raw.was_reset);
        close_raw();
    }
}

/* The data was in front of the end: it is offered first. */
static void truncation_is_told_after_the_data_that_was_not_taken(void) {
    uint8_t record[64];
    connect_raw(0, 512);
    client.may_take = 2;
    send_raw(record, seal_raw(5, record, sizeof record));
    CHECK(tcp_shutdown(raw.tcp, 0, 1) == ERR_OK);
    run(2000);
    CHECK(client.taken == 2 && !client.has_ended);
    client.may_take = 10;
    run(2000);
    CHECK(client.taken == 5);
    check_ended(&client, TLSR_ERR_SOCKET_CLOSED);
    close_raw();
}

static void a_forged_record_is_answered_by_an_alert_that_arrives(void) {
    for (u8_t flags = 0; flags <= TCP_WRITE_FLAG_COPY; flags++) {
        uint8_t records[128] = {0};
        tlsr_opened opened;
        tlsr_end how;
        size_t taken;
        connect_raw(flags, 512);
        size_t len = seal_raw(5, records, sizeof records);
        size_t forged = len;
        len += seal_raw(5, records + len, sizeof records - len);
        records[forged + 7] ^= 1;
        CHECK(tls_write(&client.tls, "hello", 5, &taken) == ERR_OK);
        /* And bytes behind it, which are not read: the connection is not reset for them. */
        send_raw(records, sizeof records);
        run(2000);
        check_ended(&client, TLSR_ERR_FAULT);
        CHECK(client.taken == 5 && client.how.fault == TLSR_FAULT_BAD_RECORD_MAC);
        CHECK_STATUS(TLSR_ERR_PEER_ALERT, open_raw(&opened));
        CHECK_STATUS(TLSR_OK, tlsr_layer_end(&raw.layer, &how));
        CHECK(how.read_alert == TLSR_ALERT_BAD_RECORD_MAC && raw.has_fin && !raw.was_reset);
        close_raw();
    }
}

static void a_record_longer_than_the_buffer_ends_the_connection(void) {
    uint8_t record[1024];
    tlsr_opened opened;
    tlsr_end how;
    connect_raw(0, 512);
    size_t len = seal_raw(490, record, sizeof record);
    CHECK(len == 512);
    send_raw(record, len);
    CHECK(client.taken == 490);
    seal_raw(491, record, sizeof record);
    send_raw(record, 5); /* Its header is enough. */
    run(2000);
    check_ended(&client, TLSR_ERR_RECORD_TOO_LONG);
    CHECK_STATUS(TLSR_ERR_PEER_ALERT, open_raw(&opened));
    CHECK_STATUS(TLSR_OK, tlsr_layer_end(&raw.layer, &how));
    CHECK(how.read_alert == TLSR_ALERT_INTERNAL_ERROR && raw.has_fin && !raw.was_reset);
    close_raw();
}

/* RFC 5246 section 7.2.2. */
static void a_request_to_renegotiate_is_refused(void) {
    const uint8_t hello_request[4] = {0, 0, 0, 0};
    uint8_t record[64];
    tlsr_sealed sealed;
    tlsr_opened opened;
    is_tls12 = 1;
    connect_raw(0, 512);
    CHECK_STATUS(TLSR_OK, tlsr_layer_seal_handshake(&raw.layer, hello_request, sizeof hello_request, record,
                                                    sizeof record, &sealed));
    send_raw(record, sealed.written);
    CHECK_STATUS(TLSR_OK, open_raw(&opened));
    CHECK(opened.event == TLSR_EVENT_WARNING && opened.detail == TLSR_ALERT_NO_RENEGOTIATION);
    send_raw(record, seal_raw(5, record, sizeof record));
    CHECK(client.taken == 5);
    tls_close(&client.tls, 0, 0);
    run(1000);
    close_raw();
    is_tls12 = 0;
}

static void a_request_to_renegotiate_in_several_records_is_refused_once(void) {
    uint8_t client_hello[60] = {1, 0, 0, 56}, records[1024];
    tlsr_sealed sealed;
    tlsr_opened opened;
    is_tls12 = 1;
    connect_raw_as(TLSR_CLIENT, 0, 512);
    CHECK_STATUS(TLSR_OK, tlsr_layer_set_fragment_limit(&raw.layer, 20));
    CHECK_STATUS(TLSR_OK, tlsr_layer_seal_handshake(&raw.layer, client_hello, sizeof client_hello, records,
                                                    sizeof records, &sealed));
    send_raw(records, sealed.written);
    CHECK_STATUS(TLSR_OK, tlsr_layer_open(&raw.layer, raw.received, raw.len, &opened));
    CHECK(opened.event == TLSR_EVENT_WARNING && opened.detail == TLSR_ALERT_NO_RENEGOTIATION);
    CHECK(opened.consumed == raw.len);
    tls_close(&client.tls, 0, 0);
    run(1000);
    close_raw();
    is_tls12 = 0;
}

static void a_fatal_alert_of_the_peer_ends_the_connection(void) {
    uint8_t record[64];
    tlsr_sealed sealed;
    connect_raw(0, 512);
    CHECK_STATUS(TLSR_OK, tlsr_layer_abort(&raw.layer, TLSR_ALERT_INTERNAL_ERROR));
    CHECK_STATUS(TLSR_OK, tlsr_layer_poll_control(&raw.layer, record, sizeof record, &sealed));
    send_raw(record, sealed.written);
    run(1000);
    check_ended(&client, TLSR_ERR_PEER_ALERT);
    CHECK(client.how.read_alert == TLSR_ALERT_INTERNAL_ERROR && raw.has_fin);
    close_raw();
}

/* What the connection was doing when it was reset. */
enum { IDLE, PART_OF_A_RECORD, DATA_NOT_TAKEN, SENDING, HALF_CLOSED, AWAITING_CLOSE, FAILING, STATES };

static void a_reset_ends_the_connection_once_in_every_state(void) {
    for (int i = 0; i < 2 * STATES; i++) {
        int state = i / 2;
        uint8_t records[1024] = {0};
        connect_raw(i % 2 == 0 ? TCP_WRITE_FLAG_COPY : 0, 512);
        switch (state) {
        case PART_OF_A_RECORD:
            send_raw(records, seal_raw(5, records, sizeof records) - 1);
            break;
        case DATA_NOT_TAKEN:
            client.may_take = 1;
            send_raw(records, seal_raw(5, records, sizeof records));
            send_raw(records, seal_raw(400, records, sizeof records));
            break;
        case SENDING:
            is_cut = 1;
            write_stream(&client, 100000);
            break;
        case HALF_CLOSED:
            tls_shutdown(&client.tls);
            break;
        case AWAITING_CLOSE:
            tls_close(&client.tls, 0, 100);
            break;
        case FAILING:
            /* The alert is not acknowledged. */
            seal_raw(5, records, sizeof records);
            records[7] ^= 1;
            CHECK(tcp_write(raw.tcp, records, 27, TCP_WRITE_FLAG_COPY) == ERR_OK);
            tcp_output(raw.tcp);
            is_cut = 1;
            break;
        default:
            break;
        }
        run(100);
        is_cut = 0;
        if (state == FAILING && i % 2 == 0) {
            CHECK(client.has_ended); /* lwIP has a copy of the alert. */
        } else {
            CHECK(!client.has_ended);
        }
        tcp_err(raw.tcp, NULL);
        tcp_abort(raw.tcp);
        raw.tcp = NULL;
        run(20);
        check_ended(&client, state == FAILING ? TLSR_ERR_FAULT : TLSR_ERR_IO);
        if (state != FAILING) {
            CHECK(client.how.read == TLSR_READ_TRUNCATED);
            CHECK(client.how.write == (state < HALF_CLOSED ? TLSR_WRITE_FAILED : TLSR_WRITE_CLOSED));
        }
        CHECK(!client.has_peer_closed);
        close_raw();
    }
}

/* The bytes that the handshake has received and not read. */
static void bytes_behind_the_handshake_are_the_first_that_are_opened(void) {
    struct tcp_pcb *at_server, *at_client = connect_tcp(&at_server);
    uint8_t record[64];
    tls_memory memory = {client.sealed, sizeof client.sealed, client.opened, sizeof client.opened, 0};
    tlsr_layer layer;
    memset(&client, 0, sizeof client);
    memset(&raw, 0, sizeof raw);
    make_layer(&raw.layer, TLSR_SERVER);
    make_layer(&layer, TLSR_CLIENT);
    size_t len = seal_raw(20, record, sizeof record);
    struct pbuf *rest = pbuf_alloc(PBUF_RAW, (u16_t)len, PBUF_RAM);
    CHECK(rest != NULL && pbuf_take(rest, record, (u16_t)len) == ERR_OK);
    memory.sealed_len = 10;
    CHECK_STATUS(TLSR_ERR_NO_SPACE, tls_init(&client.tls, at_client, &layer, &memory, rest));
    memory.sealed_len = sizeof client.sealed;
    CHECK_STATUS(TLSR_OK, tls_init(&client.tls, at_client, &layer, &memory, rest));
    tls_arg(&client.tls, &client);
    tls_recv(&client.tls, on_data);
    tls_end(&client.tls, on_end);
    client.may_take = 100;
    tls_resume(&client.tls);
    CHECK(client.taken == 20);
    tcp_abort(at_server);
    run(100);
    check_ended(&client, TLSR_ERR_IO);
    tlsr_layer_wipe(&raw.layer);
}

/* What the handshake does with what arrives: keeps it, or refuses it. */
static struct pbuf *kept;
static int refuses, fin_seen;

static err_t on_handshake_recv(void *arg, struct tcp_pcb *tcp, struct pbuf *p, err_t err) {
    (void)arg, (void)tcp, (void)err;
    if (p == NULL) {
        fin_seen = 1;
    } else if (refuses) {
        return ERR_MEM; /* lwIP offers it again, and the end behind it. */
    } else if (kept == NULL) {
        kept = p;
    } else {
        pbuf_cat(kept, p);
    }
    return ERR_OK;
}

/* Connects a client whose handshake has ended, and which has no TLS yet. */
static struct tcp_pcb *connect_handshake(void) {
    memset(&client, 0, sizeof client);
    memset(&raw, 0, sizeof raw);
    kept = NULL;
    fin_seen = 0;
    struct tcp_pcb *at_client = connect_tcp(&raw.tcp);
    tcp_recv(at_client, on_handshake_recv);
    make_layer(&raw.layer, TLSR_SERVER);
    tcp_recv(raw.tcp, on_raw_recv);
    tcp_err(raw.tcp, on_raw_err);
    tcp_nagle_disable(raw.tcp);
    return at_client;
}

/* Gives TLS to a client that connect_handshake has made. */
static err_t begin_tls(struct tcp_pcb *at_client, u8_t write_flags) {
    tls_memory memory = {client.sealed, sizeof client.sealed, client.opened, sizeof client.opened, write_flags};
    tlsr_layer layer;
    make_layer(&layer, TLSR_CLIENT);
    CHECK_STATUS(TLSR_OK, tls_init(&client.tls, at_client, &layer, &memory, kept));
    tls_arg(&client.tls, &client);
    tls_recv(&client.tls, on_data);
    tls_end(&client.tls, on_end);
    client.may_take = SIZE_MAX;
    return tls_resume(&client.tls);
}

/* lwIP tells the end of the stream once, to the callback of the handshake. */
static void the_end_of_a_stream_that_came_during_the_handshake_is_seen(void) {
    for (int is_closed = 0; is_closed < 2; is_closed++) {
        for (refuses = 0; refuses < 2; refuses++) {
            uint8_t records[128];
            tlsr_sealed sealed;
            struct tcp_pcb *at_client = connect_handshake();
            size_t len = seal_raw(20, records, sizeof records);
            if (is_closed) {
                CHECK_STATUS(TLSR_OK, tlsr_layer_close(&raw.layer));
                CHECK_STATUS(TLSR_OK, tlsr_layer_poll_control(&raw.layer, records + len, sizeof records - len, &sealed));
                len += sealed.written;
            }
            CHECK(tcp_write(raw.tcp, records, (u16_t)len, TCP_WRITE_FLAG_COPY) == ERR_OK);
            CHECK(tcp_shutdown(raw.tcp, 0, 1) == ERR_OK);
            run(100);
            CHECK(fin_seen == !refuses && at_client->state == CLOSE_WAIT);
            CHECK(begin_tls(at_client, TCP_WRITE_FLAG_COPY) == ERR_OK);
            run(3000);
            CHECK(client.taken == 20 && client.has_peer_closed == is_closed);
            if (is_closed) {
                tls_close(&client.tls, 0, 10);
                run(1000);
            }
            check_ended(&client, is_closed ? TLSR_OK : TLSR_ERR_SOCKET_CLOSED);
            close_raw();
        }
    }
    refuses = 0;
}

/* Our close_notify cannot be copied to lwIP, and TCP sends it from memory that is the application's again. */
static void a_connection_that_ends_while_it_is_resumed_is_reported_as_aborted(void) {
    uint8_t record[64];
    struct tcp_pcb *at_client = connect_handshake();
    send_raw(record, seal_raw(20, record, sizeof record));
    CHECK(kept != NULL);
    CHECK(begin_tls(at_client, 0) == ERR_OK && client.taken == 20);
    is_cut = 1;
    tls_close(&client.tls, 0, 0);
    CHECK(tls_resume(&client.tls) == ERR_ABRT);
    is_cut = 0;
    CHECK(client.has_ended);
    CHECK(tls_resume(&client.tls) == ERR_OK);
    run(100);
    close_raw();
}

/* A callback that counts wrong. */
static size_t on_data_of_any_length(void *arg, tls_pcb *tls, const uint8_t *data, size_t len) {
    end *e = arg;
    (void)tls, (void)data;
    e->taken += len;
    return len == 0 ? 0 : SIZE_MAX;
}

static void no_more_than_was_offered_can_be_taken(void) {
    uint8_t record[64];
    connect_raw(TCP_WRITE_FLAG_COPY, 512);
    tls_recv(&client.tls, on_data_of_any_length);
    for (int i = 1; i < 10; i++) {
        send_raw(record, seal_raw(5, record, sizeof record));
        CHECK(client.taken == (size_t)i * 5);
    }
    tls_close(&client.tls, 0, 0);
    run(1000);
    CHECK(client.has_ended);
    close_raw();
}

static void the_close_of_the_peer_is_told_to_a_callback_that_comes_later(void) {
    connect_ends(TCP_WRITE_FLAG_COPY);
    tls_recv(&server.tls, NULL);
    tls_shutdown(&client.tls);
    run(500);
    CHECK(!server.has_peer_closed);
    tls_recv(&server.tls, on_data);
    CHECK(tls_resume(&server.tls) == ERR_OK);
    CHECK(server.has_peer_closed);
    run(2000); /* told once */
    tls_close(&server.tls, 0, 10);
    tls_close(&client.tls, 0, 10);
    run(1000);
    check_ended(&client, TLSR_OK);
    check_ended(&server, TLSR_OK);
}

int main(void) {
    static const struct {
        const char *name;
        void (*run)(void);
    } tests[] = {
        {"echo", a_mebibyte_goes_each_way_through_the_echo_server},
        {"cut records", records_are_opened_however_they_are_cut},
        {"several messages", a_record_of_several_messages_is_opened_in_any_number_of_pbufs},
        {"stopped reader", a_peer_that_stops_reading_stops_the_writer_and_nothing_is_lost},
        {"short records", a_short_record_does_not_wait_for_an_acknowledgement},
        {"no memory", what_lwip_has_no_memory_for_is_sent_later},
        {"closing", both_close_while_data_is_under_way},
        {"half-closed", one_direction_is_closed_and_the_other_one_goes_on},
        {"budget and time", a_peer_that_does_not_close_is_given_up_by_budget_and_by_time},
        {"truncated", a_truncated_stream_is_no_clean_end},
        {"truncated, not taken", truncation_is_told_after_the_data_that_was_not_taken},
        {"forged record", a_forged_record_is_answered_by_an_alert_that_arrives},
        {"too long", a_record_longer_than_the_buffer_ends_the_connection},
        {"renegotiation", a_request_to_renegotiate_is_refused},
        {"renegotiation in pieces", a_request_to_renegotiate_in_several_records_is_refused_once},
        {"fatal alert", a_fatal_alert_of_the_peer_ends_the_connection},
        {"reset", a_reset_ends_the_connection_once_in_every_state},
        {"rest of the handshake", bytes_behind_the_handshake_are_the_first_that_are_opened},
        {"end in the handshake", the_end_of_a_stream_that_came_during_the_handshake_is_seen},
        {"resumed and aborted", a_connection_that_ends_while_it_is_resumed_is_reported_as_aborted},
        {"taken too much", no_more_than_was_offered_can_be_taken},
        {"late callback", the_close_of_the_peer_is_told_to_a_callback_that_comes_later},
    };
    make_wire();
    for (size_t i = 0; i < sizeof tests / sizeof *tests; i++) {
        tests[i].run();
        printf("%s: passed\n", tests[i].name);
    }
    return 0;
}
