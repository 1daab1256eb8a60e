/* The calls of gsk_tls_record.h over a tlsr_connection and a tlsr_buffer for each handle. */
#include "gsk_tls_record.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#if !defined(TLSR_GSK_NO_SOCKETS) && (defined(__unix__) || defined(__APPLE__) || defined(__MVS__))
#include <sys/socket.h>

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

static int receive_from_socket(int fd, void *buffer, int size, char *user_data) {
    (void)user_data;
    return (int)recv(fd, buffer, (size_t)size, 0);
}

static int send_to_socket(int fd, void *buffer, int size, char *user_data) {
    (void)user_data;
    return (int)send(fd, buffer, (size_t)size, MSG_NOSIGNAL);
}

#define DEFAULT_READ receive_from_socket
#define DEFAULT_WRITE send_to_socket
#else
#define DEFAULT_READ NULL
#define DEFAULT_WRITE NULL
#endif

const char *gsk_strerror(gsk_status error_code) {
    switch (error_code) {
    case GSK_OK:
        return "done";
    case GSK_INVALID_HANDLE:
        return "not the handle of an open connection";
    case GSK_INSUFFICIENT_STORAGE:
        return "a record or an attribute is longer than its place";
    case GSK_INVALID_STATE:
        return "not possible in the state of the connection";
    case GSK_ERR_CRYPTO:
        return "the cipher failed, or the key is exhausted";
    case GSK_CONNECTION_ACTIVE:
        return "another call or a write is active";
    case GSK_ERR_IO:
        return "the transport failed";
    case GSK_ERR_BAD_MESSAGE:
        return "malformed record or message";
    case GSK_ERR_BAD_MAC:
        return "record authentication failed";
    case GSK_ERR_BAD_PEER:
        return "the peer broke the protocol, or sent a fatal alert";
    case GSK_ERR_SOCKET_CLOSED:
        return "the transport was closed without a close_notify";
    case GSK_ERR_CONNECTION_CLOSED:
        return "a close_notify ended this direction";
    case GSK_INVALID_BUFFER_SIZE:
        return "null pointer, or a size below 1";
    case GSK_WOULD_BLOCK:
        return "the transport would block";
    case GSK_WOULD_BLOCK_WRITE:
        return "the transport has not taken all records";
    case GSK_ERR_NOT_SSLV3:
        return "the peer does not speak TLS";
    case GSK_ATTRIBUTE_INVALID_ID:
        return "unknown attribute";
    case GSK_ATTRIBUTE_INVALID_LENGTH:
        return "negative length of an attribute";
    case GSK_ATTRIBUTE_INVALID_ENUMERATION:
        return "not a value of this attribute";
    case GSK_ATTRIBUTE_INVALID_NUMERIC_VALUE:
        return "number outside of its range";
    case GSK_ATTRIBUTE_INVALID_PARAMETER:
        return "null pointer, or no I/O routine";
    default:
        return "N/A";
    }
}

/* ---------------------------------------------------------------------------------------------------
 * Sets and handles
 */

/* A handle is the number of a place, of all sets, below a generation that is never 0: no handle is null. */
#define PLACE_BITS 10
#define MAX_GENERATION (UINTPTR_MAX >> PLACE_BITS)

static tlsr_gsk_set *sets;

static const tlsr_gsk_set *open_set(const tlsr_gsk_set *wanted) {
    const tlsr_gsk_set *set = sets;
    while (set != NULL && set != wanted) {
        set = set->next;
    }
    return set;
}

static tlsr_gsk_socket *find(gsk_handle soc_handle) {
    uintptr_t handle = (uintptr_t)soc_handle;
    size_t place = (size_t)(handle & (TLSR_GSK_MAX - 1));
    const tlsr_gsk_set *set;
    for (set = sets; set != NULL; set = set->next) {
        if (place >= set->first && place - set->first < set->count) {
            tlsr_gsk_socket *socket = &set->sockets[place - set->first];
            return handle != 0 && socket->handle == handle ? socket : NULL;
        }
    }
    return NULL;
}

tlsr_status tlsr_gsk_set_open(tlsr_gsk_set *set) {
    if (set == NULL || open_set(set) != NULL) {
        return TLSR_ERR_ARGUMENT;
    }
    size_t first = sets == NULL ? 0 : sets->first + sets->count;
    if (set->count > TLSR_GSK_MAX - first || set->send_len < TLSR_MIN_BUFFER || set->receive_len == 0) {
        return TLSR_ERR_NO_SPACE;
    }
    set->first = first;
    set->next = sets;
    sets = set;
    return TLSR_OK;
}

tlsr_status tlsr_gsk_socket_open(tlsr_gsk_set *set, gsk_handle *soc_handle) {
    if (set == NULL || soc_handle == NULL) {
        return TLSR_ERR_ARGUMENT;
    }
    if (open_set(set) == NULL) {
        return TLSR_ERR_INVALID_HANDLE;
    }
    for (size_t i = 0; i < set->count; i++) {
        tlsr_gsk_socket *socket = &set->sockets[i];
        if (socket->handle == 0) {
            socket->generation = socket->generation == MAX_GENERATION ? 1 : socket->generation + 1;
            socket->handle = socket->generation << PLACE_BITS | (set->first + i);
            socket->send_buffer = set->send_buffers + i * set->send_len;
            socket->send_len = set->send_len;
            socket->receive_buffer = set->receive_buffers + i * set->receive_len;
            socket->receive_len = set->receive_len;
            socket->io.io_read = DEFAULT_READ;
            socket->io.io_write = DEFAULT_WRITE;
            socket->fd = -1;
            socket->session_type = GSK_CLIENT_SESSION;
            *soc_handle = (gsk_handle)socket->handle;
            return TLSR_OK;
        }
    }
    return TLSR_ERR_NO_SPACE;
}

/* The connection of a handle that can be initialized. */
static tlsr_status find_new(gsk_handle soc_handle, tlsr_gsk_socket **found) {
    tlsr_gsk_socket *socket = find(soc_handle);
    if (socket == NULL) {
        return TLSR_ERR_INVALID_HANDLE;
    }
    if (socket->initialized) {
        return TLSR_ERR_EPOCH;
    }
    if (socket->io.io_read == NULL || socket->io.io_write == NULL) {
        return TLSR_ERR_ARGUMENT;
    }
    *found = socket;
    return tlsr_buffer_init(&socket->received, sizeof socket->received, socket->receive_buffer, socket->receive_len);
}

tlsr_status tlsr_gsk_socket_init(gsk_handle soc_handle, const tlsr_config *config, const tlsr_secret *client,
                                 const tlsr_secret *server) {
    tlsr_gsk_socket *socket;
    tlsr_status status = find_new(soc_handle, &socket);
    if (status != TLSR_OK) {
        return status;
    }
    tlsr_config defaults;
    if (config == NULL) {
        (void)tlsr_config_init(&defaults, socket->session_type == GSK_CLIENT_SESSION ? TLSR_CLIENT : TLSR_SERVER);
        config = &defaults;
    }
    status = tlsr_connection_init(&socket->connection, sizeof socket->connection, config, socket->send_buffer,
                                  socket->send_len);
    if (status != TLSR_OK) {
        return status;
    }
    status = tlsr_connection_install(&socket->connection, TLSR_EPOCH_APPLICATION, client, server);
    if (status != TLSR_OK) {
        (void)tlsr_connection_wipe(&socket->connection);
        return status;
    }
    socket->initialized = 1;
    return TLSR_OK;
}

tlsr_status tlsr_gsk_socket_init_from_layer(gsk_handle soc_handle, tlsr_layer *layer) {
    tlsr_gsk_socket *socket;
    tlsr_status status = find_new(soc_handle, &socket);
    if (status == TLSR_OK) {
        status = tlsr_connection_from_layer(&socket->connection, sizeof socket->connection, layer,
                                            socket->send_buffer, socket->send_len);
    }
    if (status == TLSR_OK) {
        socket->initialized = 1;
    }
    return status;
}

tlsr_connection *tlsr_gsk_socket_connection(gsk_handle soc_handle) {
    tlsr_gsk_socket *socket = find(soc_handle);
    return socket != NULL && socket->initialized && !socket->in_routine ? &socket->connection : NULL;
}

/* The connection of a handle that data can go through. */
static gsk_status find_initialized(gsk_handle soc_handle, tlsr_gsk_socket **found) {
    tlsr_gsk_socket *socket = find(soc_handle);
    if (socket == NULL) {
        return GSK_INVALID_HANDLE;
    }
    if (socket->in_routine) {
        return GSK_CONNECTION_ACTIVE;
    }
    *found = socket;
    return socket->initialized ? GSK_OK : GSK_INVALID_STATE;
}

/* ---------------------------------------------------------------------------------------------------
 * The transport
 */

/* Calls an I/O routine. Returns the number of bytes, 0 at the end of the transport, or -1. */
static int call(tlsr_gsk_socket *socket, tlsr_gsk_io_routine routine, void *buffer, size_t len) {
    int size = len < INT_MAX ? (int)len : INT_MAX;
    int n;
    socket->in_routine = 1;
    do {
        n = routine(socket->fd, buffer, size, socket->has_user_data ? socket->user_data.bytes : NULL);
    } while (n < 0 && errno == EINTR);
    socket->in_routine = 0;
    if (n > size) {
        /* The routine is wrong. Its errno may say that it would block: then bytes could be sent twice. */
        errno = EIO;
        return -1;
    }
    return n;
}

/* Whether the routine that has just failed would have blocked. */
static int would_block(void) {
    return errno == EWOULDBLOCK || errno == EAGAIN;
}

/* Sends what is unsent: GSK_OK, GSK_WOULD_BLOCK_WRITE, or how writing has ended. */
static gsk_status flush(tlsr_gsk_socket *socket) {
    for (;;) {
        tlsr_slice unsent = {NULL, 0};
        if (tlsr_connection_unsent(&socket->connection, &unsent) != TLSR_OK || unsent.len == 0) {
            return GSK_OK;
        }
        if (socket->write_end != GSK_OK) {
            return socket->write_end;
        }
        int n = call(socket, socket->io.io_write, (void *)unsent.data, unsent.len);
        if (n > 0) {
            (void)tlsr_connection_sent(&socket->connection, (size_t)n);
        } else if (n == 0) {
            socket->write_end = GSK_ERR_SOCKET_CLOSED;
        } else if (would_block()) {
            return GSK_WOULD_BLOCK_WRITE;
        } else {
            socket->write_end = GSK_ERR_IO;
        }
    }
}

/* Receives bytes behind those that are not opened yet. */
static gsk_status receive(tlsr_gsk_socket *socket) {
    tlsr_slice_mut room;
    if (tlsr_buffer_room(&socket->received, &room) != TLSR_OK) {
        (void)tlsr_connection_abort(&socket->connection, TLSR_ALERT_RECORD_OVERFLOW);
        (void)flush(socket);
        return socket->read_end = GSK_INSUFFICIENT_STORAGE;
    }
    int n = call(socket, socket->io.io_read, room.data, room.len);
    if (n > 0) {
        (void)tlsr_buffer_received(&socket->received, (size_t)n);
        return GSK_OK;
    }
    if (n == 0) {
        (void)tlsr_connection_eof(&socket->connection);
        return socket->read_end = GSK_ERR_SOCKET_CLOSED;
    }
    if (would_block()) {
        return GSK_WOULD_BLOCK;
    }
    (void)tlsr_connection_transport_failed(&socket->connection);
    socket->write_end = GSK_ERR_IO;
    return socket->read_end = GSK_ERR_IO;
}

/* ---------------------------------------------------------------------------------------------------
 * Data
 */

static gsk_status fault_code(uint8_t fault) {
    switch (fault) {
    case TLSR_FAULT_BAD_RECORD_MAC:
        return GSK_ERR_BAD_MAC;
    case TLSR_FAULT_CRYPTO:
        return GSK_ERR_CRYPTO;
    case TLSR_FAULT_ABORTED:
        return GSK_INVALID_STATE;
    case TLSR_FAULT_NOT_TLS:
    case TLSR_FAULT_RECORD_OVERFLOW:
    case TLSR_FAULT_RECORD_VERSION:
    case TLSR_FAULT_NO_CONTENT_TYPE:
    case TLSR_FAULT_EMPTY_HANDSHAKE_RECORD:
    case TLSR_FAULT_HANDSHAKE_TOO_LONG:
    case TLSR_FAULT_BAD_CHANGE_CIPHER_SPEC:
    case TLSR_FAULT_HANDSHAKE_LENGTH:
    case TLSR_FAULT_KEY_UPDATE_VALUE:
    case TLSR_FAULT_EMPTY_ALERT:
    case TLSR_FAULT_ALERT_LENGTH:
    case TLSR_FAULT_ALERT_LEVEL:
        return GSK_ERR_BAD_MESSAGE;
    default:
        return GSK_ERR_BAD_PEER;
    }
}

/* What reading returns after an error of the engine. */
static gsk_status read_code(tlsr_gsk_socket *socket, tlsr_status status) {
    tlsr_end end;
    switch (status) {
    case TLSR_ERR_FAULT:
        return tlsr_connection_end(&socket->connection, &end) == TLSR_OK ? fault_code(end.fault) : GSK_INVALID_STATE;
    case TLSR_ERR_PEER_ALERT:
        return GSK_ERR_BAD_PEER;
    case TLSR_ERR_SOCKET_CLOSED:
        return GSK_ERR_SOCKET_CLOSED;
    default:
        return GSK_INVALID_STATE;
    }
}

/* A close_notify that was not protected by the application keys could be forged: it is no clean end. */
static gsk_status close_code(tlsr_gsk_socket *socket) {
    tlsr_end end;
    int clean = tlsr_connection_end(&socket->connection, &end) == TLSR_OK && end.read_epoch == TLSR_EPOCH_APPLICATION;
    return clean ? GSK_ERR_CONNECTION_CLOSED : GSK_ERR_SOCKET_CLOSED;
}

/* Opens the next record, or receives more of it. */
static gsk_status advance(tlsr_gsk_socket *socket) {
    tlsr_opened *opened = &socket->opened;
    tlsr_slice_mut filled;
    tlsr_status status = tlsr_buffer_filled(&socket->received, &filled);
    if (status == TLSR_OK) {
        status = tlsr_connection_received(&socket->connection, filled.data, filled.len, opened);
    }
    if (status != TLSR_OK) {
        socket->read_end = read_code(socket, status);
        (void)flush(socket);
        return socket->read_end;
    }
    if (opened->event == TLSR_EVENT_APPLICATION_DATA) {
        /* Consumed when it was read. */
        socket->data = filled.data + opened->offset;
        socket->data_len = opened->len;
        return GSK_OK;
    }
    (void)tlsr_buffer_consume(&socket->received, opened);
    if (opened->event == TLSR_EVENT_CLOSED) {
        socket->read_end = close_code(socket);
    } else if (opened->event == TLSR_EVENT_HANDSHAKE &&
               opened->message_offset + opened->len == opened->message_len) {
        /* The last piece. In TLS 1.3 this is a session ticket, and the call does nothing. */
        (void)tlsr_connection_refuse_renegotiation(&socket->connection);
    }
    /* Answers are sent before io_read, which may block. */
    (void)flush(socket);
    return opened->event == TLSR_EVENT_NEED_MORE ? receive(socket) : socket->read_end;
}

gsk_status gsk_secure_socket_read(gsk_handle soc_handle, char *buffer, int size, int *length) {
    tlsr_gsk_socket *socket;
    gsk_status code = find_initialized(soc_handle, &socket);
    if (length != NULL) {
        *length = 0;
    }
    if (code != GSK_OK) {
        return code;
    }
    if (buffer == NULL || size < 1 || length == NULL) {
        return GSK_INVALID_BUFFER_SIZE;
    }
    while (socket->data_len == 0) {
        if (socket->read_end != GSK_OK) {
            /* The alert may be unsent. */
            (void)flush(socket);
            return socket->read_end;
        }
        code = advance(socket);
        if (code != GSK_OK) {
            return code;
        }
    }
    size_t len = (size_t)size < socket->data_len ? (size_t)size : socket->data_len;
    memcpy(buffer, socket->data, len);
    socket->data += len;
    socket->data_len -= len;
    if (socket->data_len == 0) {
        (void)tlsr_buffer_consume(&socket->received, &socket->opened);
    }
    *length = (int)len;
    return GSK_OK;
}

/* What writing returns after an error of the engine. */
static gsk_status write_code(tlsr_gsk_socket *socket, tlsr_status status) {
    tlsr_end end;
    switch (status) {
    case TLSR_ERR_CONNECTION_ACTIVE:
        return GSK_CONNECTION_ACTIVE;
    case TLSR_ERR_CONNECTION_CLOSED:
        return GSK_ERR_CONNECTION_CLOSED;
    case TLSR_ERR_CRYPTO:
    case TLSR_ERR_KEY_EXHAUSTED:
        return GSK_ERR_CRYPTO;
    case TLSR_ERR_FAILED:
        /* The cipher may have failed behind the first record of a write, which is told then as written. */
        return tlsr_connection_end(&socket->connection, &end) == TLSR_OK && end.fault == TLSR_FAULT_CRYPTO
                   ? GSK_ERR_CRYPTO
                   : GSK_INVALID_STATE;
    default:
        return GSK_INVALID_STATE;
    }
}

/* Seals as much of the request as there is room for. */
static gsk_status seal(tlsr_gsk_socket *socket) {
    size_t left = (size_t)(socket->request_size - socket->request_taken);
    if (left == 0) {
        return GSK_OK;
    }
    size_t taken = 0;
    tlsr_status status = tlsr_connection_write(&socket->connection,
                                               (const uint8_t *)socket->request + socket->request_taken, left, &taken);
    if (status == TLSR_ERR_NO_SPACE) {
        /* Room comes when unsent bytes are sent. There are some, because an empty buffer has room for a record; if
         * not, the caller would loop. */
        tlsr_slice unsent;
        int room_comes = tlsr_connection_unsent(&socket->connection, &unsent) == TLSR_OK && unsent.len > 0;
        return room_comes ? GSK_OK : GSK_INSUFFICIENT_STORAGE;
    }
    socket->request_taken += (int)taken;
    return status == TLSR_OK ? GSK_OK : write_code(socket, status);
}

gsk_status gsk_secure_socket_write(gsk_handle soc_handle, char *buffer, int size, int *length) {
    tlsr_gsk_socket *socket;
    gsk_status code = find_initialized(soc_handle, &socket);
    if (length != NULL) {
        *length = 0;
    }
    if (code != GSK_OK) {
        return code;
    }
    if (buffer == NULL || size < 1 || length == NULL) {
        return GSK_INVALID_BUFFER_SIZE;
    }
    if (socket->write_end != GSK_OK) {
        /* A write that was half done comes to no other end: a shutdown does not wait for it. */
        socket->request = NULL;
        return socket->write_end;
    }
    if (socket->request == NULL) {
        socket->request = buffer;
        socket->request_size = size;
        socket->request_taken = 0;
    } else if (socket->request != buffer || socket->request_size != size) {
        return GSK_CONNECTION_ACTIVE;
    }
    do {
        code = seal(socket);
        gsk_status sent = flush(socket);
        if (code == GSK_OK) {
            code = sent;
        }
    } while (code == GSK_OK && socket->request_taken < size);
    if (code == GSK_WOULD_BLOCK_WRITE) {
        return GSK_WOULD_BLOCK;
    }
    if (code == GSK_CONNECTION_ACTIVE && socket->request_taken > 0) {
        return code;
    }
    socket->request = NULL;
    if (code == GSK_OK) {
        *length = size;
    }
    return code;
}

/* ---------------------------------------------------------------------------------------------------
 * Shutdown and close
 */

gsk_status gsk_secure_socket_shutdown(gsk_handle soc_handle) {
    tlsr_gsk_socket *socket;
    gsk_status code = find_initialized(soc_handle, &socket);
    if (code != GSK_OK) {
        return code;
    }
    if (socket->write_end == GSK_OK && socket->request != NULL && socket->request_taken < socket->request_size) {
        return GSK_CONNECTION_ACTIVE;
    }
    tlsr_status status = tlsr_connection_shutdown(&socket->connection);
    if (status == TLSR_ERR_CONNECTION_ACTIVE) {
        return GSK_CONNECTION_ACTIVE;
    }
    socket->request = NULL;
    code = flush(socket);
    switch (status) {
    case TLSR_ERR_WOULD_BLOCK_WRITE:
        /* All was sent: the engine is asked again, so that it reports the next call as a repetition. */
        return code == GSK_OK && tlsr_connection_shutdown(&socket->connection) != TLSR_OK ? GSK_INVALID_STATE : code;
    case TLSR_OK:
        return GSK_OK;
    case TLSR_ERR_CONNECTION_CLOSED:
        return GSK_ERR_CONNECTION_CLOSED;
    case TLSR_ERR_IO:
        return GSK_ERR_IO;
    case TLSR_ERR_NOT_TLS:
        return GSK_ERR_NOT_SSLV3;
    case TLSR_ERR_SOCKET_CLOSED:
        return GSK_ERR_SOCKET_CLOSED;
    default:
        return GSK_INVALID_STATE;
    }
}

gsk_status gsk_secure_socket_close(gsk_handle *soc_handle) {
    tlsr_gsk_socket *socket = soc_handle == NULL ? NULL : find(*soc_handle);
    if (socket == NULL) {
        return GSK_INVALID_HANDLE;
    }
    if (socket->in_routine) {
        return GSK_CONNECTION_ACTIVE;
    }
    if (socket->initialized) {
        if (flush(socket) == GSK_WOULD_BLOCK_WRITE) {
            return GSK_WOULD_BLOCK_WRITE;
        }
        (void)tlsr_connection_wipe(&socket->connection);
        memset(socket->send_buffer, 0, socket->send_len);
        memset(socket->receive_buffer, 0, socket->receive_len);
    }
    uintptr_t generation = socket->generation;
    memset(socket, 0, sizeof *socket);
    socket->generation = generation;
    *soc_handle = NULL;
    return GSK_OK;
}

/* ---------------------------------------------------------------------------------------------------
 * Attributes
 */

/* The connection of a handle whose attributes can be set. */
static gsk_status find_settable(gsk_handle ssl_handle, int known, tlsr_gsk_socket **found) {
    tlsr_gsk_socket *socket = find(ssl_handle);
    if (socket == NULL) {
        return GSK_INVALID_HANDLE;
    }
    if (!known) {
        return GSK_ATTRIBUTE_INVALID_ID;
    }
    *found = socket;
    return socket->initialized ? GSK_INVALID_STATE : GSK_OK;
}

/* The connection of a handle whose attributes are read into `out`. */
static gsk_status find_readable(gsk_handle ssl_handle, int known, const void *out, tlsr_gsk_socket **found) {
    *found = find(ssl_handle);
    if (*found == NULL) {
        return GSK_INVALID_HANDLE;
    }
    if (!known) {
        return GSK_ATTRIBUTE_INVALID_ID;
    }
    return out == NULL ? GSK_ATTRIBUTE_INVALID_PARAMETER : GSK_OK;
}

gsk_status gsk_attribute_set_callback(gsk_handle ssl_handle, GSK_CALLBACK_ID callback_id, void *callback) {
    tlsr_gsk_socket *socket;
    gsk_status code = find_settable(ssl_handle, callback_id == GSK_IO_CALLBACK, &socket);
    if (code != GSK_OK) {
        return code;
    }
    if (callback == NULL) {
        return GSK_ATTRIBUTE_INVALID_PARAMETER;
    }
    gsk_iocallback io;
    memcpy(&io, callback, sizeof io);
    if (io.io_read == NULL) {
        io.io_read = DEFAULT_READ;
    }
    if (io.io_write == NULL) {
        io.io_write = DEFAULT_WRITE;
    }
    if (io.io_read == NULL || io.io_write == NULL) {
        return GSK_ATTRIBUTE_INVALID_PARAMETER;
    }
    socket->io = io;
    return GSK_OK;
}

gsk_status gsk_attribute_set_numeric_value(gsk_handle ssl_handle, GSK_NUM_ID num_id, int num_value) {
    tlsr_gsk_socket *socket;
    gsk_status code = find_settable(ssl_handle, num_id == GSK_FD, &socket);
    if (code != GSK_OK) {
        return code;
    }
    if (num_value < 0) {
        return GSK_ATTRIBUTE_INVALID_NUMERIC_VALUE;
    }
    socket->fd = num_value;
    return GSK_OK;
}

gsk_status gsk_attribute_get_numeric_value(gsk_handle ssl_handle, GSK_NUM_ID num_id, int *num_value) {
    tlsr_gsk_socket *socket;
    gsk_status code = find_readable(ssl_handle, num_id == GSK_FD, num_value, &socket);
    if (code == GSK_OK) {
        *num_value = socket->fd;
    }
    return code;
}

gsk_status gsk_attribute_set_buffer(gsk_handle ssl_handle, GSK_BUF_ID buffer_id, const char *buffer_value,
                                    int buffer_length) {
    tlsr_gsk_socket *socket;
    gsk_status code = find_settable(ssl_handle, buffer_id == GSK_USER_DATA, &socket);
    if (code != GSK_OK) {
        return code;
    }
    if (buffer_length < 0) {
        return GSK_ATTRIBUTE_INVALID_LENGTH;
    }
    size_t len = 0;
    if (buffer_value != NULL) {
        len = buffer_length == 0 ? strlen(buffer_value) : (size_t)buffer_length;
    }
    if (len > TLSR_GSK_USER_DATA) {
        return GSK_INSUFFICIENT_STORAGE;
    }
    memset(&socket->user_data, 0, sizeof socket->user_data);
    if (len > 0) {
        memcpy(socket->user_data.bytes, buffer_value, len);
    }
    socket->has_user_data = buffer_value != NULL;
    socket->user_data_len = (int)len;
    return GSK_OK;
}

gsk_status gsk_attribute_get_buffer(gsk_handle ssl_handle, GSK_BUF_ID buffer_id, const char **buffer_value,
                                    int *buffer_length) {
    tlsr_gsk_socket *socket;
    const void *out = buffer_length == NULL ? NULL : (const void *)buffer_value;
    gsk_status code = find_readable(ssl_handle, buffer_id == GSK_USER_DATA, out, &socket);
    if (code == GSK_OK) {
        *buffer_value = socket->has_user_data ? socket->user_data.bytes : NULL;
        *buffer_length = socket->user_data_len;
    }
    return code;
}

gsk_status gsk_attribute_set_enum(gsk_handle ssl_handle, GSK_ENUM_ID enum_id, GSK_ENUM_VALUE enum_value) {
    tlsr_gsk_socket *socket;
    gsk_status code = find_settable(ssl_handle, enum_id == GSK_SESSION_TYPE, &socket);
    if (code != GSK_OK) {
        return code;
    }
    if (enum_value != GSK_CLIENT_SESSION && enum_value != GSK_SERVER_SESSION &&
        enum_value != GSK_SERVER_SESSION_WITH_CL_AUTH) {
        return GSK_ATTRIBUTE_INVALID_ENUMERATION;
    }
    socket->session_type = (int)enum_value;
    return GSK_OK;
}

gsk_status gsk_attribute_get_enum(gsk_handle ssl_handle, GSK_ENUM_ID enum_id, GSK_ENUM_VALUE *enum_value) {
    tlsr_gsk_socket *socket;
    gsk_status code = find_readable(ssl_handle, enum_id == GSK_SESSION_TYPE, enum_value, &socket);
    if (code == GSK_OK) {
        *enum_value = (GSK_ENUM_VALUE)socket->session_type;
    }
    return code;
}
