/*
 * gsk_tls_record.h: the calls of z/OS System SSL that an established connection needs, over tls_record.h. For
 * programs that are ported from there. Others use tlsr_connection directly.
 *
 * After the pages of these functions in "z/OS Cryptographic Services System SSL Programming":
 *
 *   gsk_secure_socket_read, _write        data, over blocking and non-blocking transports
 *   gsk_secure_socket_shutdown, _close    shutdown in one step and in two
 *   gsk_attribute_set_callback            the transport: GSK_IO_CALLBACK
 *   gsk_attribute_set_numeric_value, _get_numeric_value    GSK_FD
 *   gsk_attribute_set_buffer, _get_buffer                  GSK_USER_DATA
 *   gsk_attribute_set_enum, _get_enum                      GSK_SESSION_TYPE
 *   gsk_strerror
 *
 * What is not there:
 *
 * - The handshake, and with it environments, key databases, certificates, cipher specifications, session caches and
 *   their attributes: all other identifiers are GSK_ATTRIBUTE_INVALID_ID. Another library makes the handshake.
 *   In place of gsk_environment_open, gsk_secure_socket_open and gsk_secure_socket_init there are tlsr_gsk_set_open,
 *   tlsr_gsk_socket_open and tlsr_gsk_socket_init, which are not of System SSL.
 * - SSL 2.0, SSL 3.0, TLS 1.0 and TLS 1.1.
 * - gsk_secure_socket_misc. Keys are updated with tlsr_connection_update_keys (tlsr_gsk_socket_connection). A request
 *   of a TLS 1.2 peer to renegotiate is refused, and reading goes on.
 * - Reading and writing of one connection by two threads at the same time.
 * - The I/O routines for the name of the peer and for socket options. They are for the handshake.
 * - The deprecated functions, gsk_secure_soc_...
 *
 * Return codes have the names and the meaning of System SSL, but not all of its numbers: numbers are taken from
 * public lists where these have them, and chosen otherwise. Compare names.
 *
 * There is no heap. All connections lie in sets, which the program declares. A handle is a number, not an address: a
 * handle that was closed, or was never given out, is GSK_INVALID_HANDLE.
 *
 * Threads: different connections may be used by different threads at the same time. Open all sets before that. Open
 * and close connections from one thread at a time, because the list of sets, which is the only global variable, and
 * the places of a set have no lock.
 *
 * C99 and later, C++11 and later.
 */
#ifndef GSK_TLS_RECORD_H
#define GSK_TLS_RECORD_H

#include "tls_record.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---------------------------------------------------------------------------------------------------
 * Return codes
 */

typedef int gsk_status;

#define GSK_OK 0
/* The handle is of no open connection. */
#define GSK_INVALID_HANDLE 1
/* A record of the peer is longer than the receive buffer of the set. An attribute is longer than its place. */
#define GSK_INSUFFICIENT_STORAGE 4
/* Attributes: the connection is initialized. Other calls: it is not, or it has failed. */
#define GSK_INVALID_STATE 5
/* The cipher failed, or the key has sealed as much as it may. */
#define GSK_ERR_CRYPTO 9
/* A call is active for the connection: this one comes from its I/O routine. Or a slot is reserved, or a write is half
 * done. */
#define GSK_CONNECTION_ACTIVE 302
/* The I/O routine failed; errno is as it has left it, or EIO if it returned more than it was given. */
#define GSK_ERR_IO 406
/* The peer sent something that is malformed. */
#define GSK_ERR_BAD_MESSAGE 410
/* A record of the peer is not authentic. */
#define GSK_ERR_BAD_MAC 411
/* The peer broke the protocol, or ended the connection with a fatal alert. */
#define GSK_ERR_BAD_PEER 415
/* The transport was closed without a close_notify of the peer: data may be missing. */
#define GSK_ERR_SOCKET_CLOSED 420
/* Reading: the peer's close_notify has arrived, everything before it was read. Writing, shutdown: ours was sent. */
#define GSK_ERR_CONNECTION_CLOSED 437
/* A null pointer, or a size below 1. */
#define GSK_INVALID_BUFFER_SIZE 501
/* Reading: no data has arrived. Writing: the transport has not taken all data. */
#define GSK_WOULD_BLOCK 502
/* Shutdown, close: the transport has not taken all records. */
#define GSK_WOULD_BLOCK_WRITE 504
/* Shutdown: the peer's first bytes were not TLS. */
#define GSK_ERR_NOT_SSLV3 601
/* An identifier that is not in this header. */
#define GSK_ATTRIBUTE_INVALID_ID 701
/* A negative length. */
#define GSK_ATTRIBUTE_INVALID_LENGTH 702
/* A value that is not of this enumeration. */
#define GSK_ATTRIBUTE_INVALID_ENUMERATION 703
/* A negative descriptor. */
#define GSK_ATTRIBUTE_INVALID_NUMERIC_VALUE 705
/* A null pointer, or routines that are missing and have no default. */
#define GSK_ATTRIBUTE_INVALID_PARAMETER 706

/* Returns a description of a return code in English, "N/A" for another number. Never null. */
const char *gsk_strerror(gsk_status error_code);

/* ---------------------------------------------------------------------------------------------------
 * Sets of connections. These are not of System SSL, and return statuses of tls_record.h.
 *
 *     TLSR_GSK_SET(sockets, 4, 2048, 16645);         // 4 connections
 *
 *     tlsr_gsk_set_open(&sockets);                   // once, in place of gsk_environment_open
 *
 *     gsk_handle handle;
 *     tlsr_gsk_socket_open(&sockets, &handle);       // in place of gsk_secure_socket_open
 *     gsk_attribute_set_enum(handle, GSK_SESSION_TYPE, GSK_SERVER_SESSION);
 *     gsk_attribute_set_numeric_value(handle, GSK_FD, fd);
 *     tlsr_gsk_socket_init(handle, NULL, &client_secret, &server_secret);  // of gsk_secure_socket_init
 *
 *     gsk_secure_socket_read(handle, buffer, sizeof buffer, &length);
 *     ...
 *     gsk_secure_socket_shutdown(handle);
 *     gsk_secure_socket_close(&handle);
 */

/* The handle of a connection. Compare it with others and with NULL, and do not follow it. */
typedef void *gsk_handle;

/* A routine that receives or sends up to `size` bytes, as recv and send do. It returns how many; 0 if the peer has
 * closed the transport; or -1, and errno is EWOULDBLOCK or EAGAIN if nothing can be received or sent now, EINTR if
 * the routine is to be called again, and anything else if the transport has failed. `user_data` is the copy of
 * GSK_USER_DATA, or null. A routine may block. It may not use the connection: see GSK_CONNECTION_ACTIVE. */
typedef int (*tlsr_gsk_io_routine)(int fd, void *buffer, int size, char *user_data);

typedef struct gsk_iocallback {
    tlsr_gsk_io_routine io_read;
    tlsr_gsk_io_routine io_write;
    /* Leave them null. System SSL has four more routines, with other types: they are never called here. */
    void (*not_called_1)(void);
    void (*not_called_2)(void);
    void (*not_called_3)(void);
    void (*not_called_4)(void);
} gsk_iocallback;

/* Most bytes of GSK_USER_DATA. */
#define TLSR_GSK_USER_DATA 64

/* Most connections of all sets together. */
#define TLSR_GSK_MAX 1024

/* One connection. The members are not for you. */
typedef struct tlsr_gsk_socket {
    tlsr_connection connection;
    tlsr_buffer received;
    tlsr_opened opened;
    union {
        void *alignment_of_pointers;
        uint64_t alignment_of_numbers;
        char bytes[TLSR_GSK_USER_DATA + 1];
    } user_data;
    gsk_iocallback io;
    uintptr_t handle;
    uintptr_t generation;
    uint8_t *send_buffer;
    uint8_t *receive_buffer;
    size_t send_len;
    size_t receive_len;
    const uint8_t *data;
    size_t data_len;
    const char *request;
    int request_size;
    int request_taken;
    int fd;
    int user_data_len;
    int session_type;
    gsk_status read_end;
    gsk_status write_end;
    uint8_t has_user_data;
    uint8_t initialized;
    uint8_t in_routine;
} tlsr_gsk_socket;

/* A set of connections. The members are not for you. */
typedef struct tlsr_gsk_set {
    tlsr_gsk_socket *sockets;
    size_t count;
    uint8_t *send_buffers;
    size_t send_len;
    uint8_t *receive_buffers;
    size_t receive_len;
    size_t first;
    struct tlsr_gsk_set *next;
} tlsr_gsk_set;

/* Declares the set `name` of `count` connections, outside of functions. Each has `send` bytes for records that were
 * not sent yet (see tlsr_connection_init), and `receive` bytes for the longest record of the peer: 16,645 in TLS 1.3,
 * 18,437 in TLS 1.2, less if a record_size_limit was negotiated (RFC 8449). */
#define TLSR_GSK_SET(name, count, send, receive) \
    static tlsr_gsk_socket name##_sockets[count]; \
    static uint8_t name##_send_buffers[(count) * (size_t)(send)]; \
    static uint8_t name##_receive_buffers[(count) * (size_t)(receive)]; \
    static tlsr_gsk_set name = {name##_sockets, (count), name##_send_buffers, (send), \
                                name##_receive_buffers, (receive), 0, NULL}

/* Opens a set, which stays open until the program ends.
 *
 * TLSR_ERR_ARGUMENT: it is open. TLSR_ERR_NO_SPACE: buffers for sending of less than TLSR_MIN_BUFFER bytes, or for
 * receiving of none, or more than TLSR_GSK_MAX connections in all sets. */
tlsr_status tlsr_gsk_set_open(tlsr_gsk_set *set);

/* Opens a connection of the set, and writes its handle. The handle of a closed connection comes again after 2^22
 * openings of its place on targets with pointers of 32 bits, 2^54 with 64.
 *
 * TLSR_ERR_INVALID_HANDLE: the set is not open. TLSR_ERR_NO_SPACE: all of its connections are. */
tlsr_status tlsr_gsk_socket_open(tlsr_gsk_set *set, gsk_handle *soc_handle);

/* Initializes the connection with the application secrets of a handshake that was made elsewhere: see
 * tlsr_connection_install. `config` may be null: the defaults for GSK_SESSION_TYPE. If it is not null, its role
 * counts. If the library that made the handshake has received more than its messages, io_read returns these bytes
 * first.
 *
 * TLSR_ERR_INVALID_HANDLE. TLSR_ERR_EPOCH: it is initialized; secrets of a key store stay yours. TLSR_ERR_ARGUMENT: a
 * routine is missing. Else the errors of tlsr_connection_init and tlsr_connection_install: the connection can be
 * initialized again then. */
tlsr_status tlsr_gsk_socket_init(gsk_handle soc_handle, const tlsr_config *config, const tlsr_secret *client,
                                 const tlsr_secret *server);

/* Initializes the connection with a layer whose handshake is complete and whose records were sent. The layer is wiped.
 * A layer whose handshake is not complete has no data to read or write, and its handshake messages are dropped: it can
 * only be closed. Errors are those of tlsr_gsk_socket_init and tlsr_connection_from_layer. */
tlsr_status tlsr_gsk_socket_init_from_layer(gsk_handle soc_handle, tlsr_layer *layer);

/* Returns the tlsr_connection, for what has no gsk_ function: tlsr_connection_end, _update_keys, _reserve, _commit and
 * others. Do not receive or send with it. What such a call seals is sent by the next gsk_ call. Null if the handle is
 * not valid, if the connection is not initialized, and in its I/O routines. */
tlsr_connection *tlsr_gsk_socket_connection(gsk_handle soc_handle);

/* ---------------------------------------------------------------------------------------------------
 * Data and shutdown
 */

/* Reads up to `size` bytes of data, no more than one record has. `length` is how many, and 0 if the function does not
 * return GSK_OK. Data of a record that did not fit is returned by the next calls.
 *
 * GSK_OK                         `length` is 1 or more
 * GSK_WOULD_BLOCK                io_read returned EWOULDBLOCK before a record with data was complete
 * GSK_ERR_CONNECTION_CLOSED      the peer's close_notify: everything was read. The only clean end
 * GSK_ERR_SOCKET_CLOSED          the transport ended without it: data may be missing
 * GSK_ERR_IO                     io_read failed. Nothing can be written any more, either
 * GSK_ERR_BAD_MAC, GSK_ERR_BAD_MESSAGE, GSK_ERR_BAD_PEER, GSK_ERR_CRYPTO
 *                                the connection has failed; our alert was sent, or is sent by the next call. With
 *                                GSK_ERR_BAD_PEER it may be the peer that failed it: see tlsr_connection_end
 * GSK_INSUFFICIENT_STORAGE       a record is longer than the receive buffer: the connection has failed
 * GSK_CONNECTION_ACTIVE          called from an I/O routine of the connection
 * GSK_INVALID_BUFFER_SIZE, GSK_INVALID_HANDLE
 * GSK_INVALID_STATE              not initialized, or ended by tlsr_connection_abort, or its keys were handed over
 *
 * After one of the codes that end the direction every later call returns it again. Reading also sends what is due:
 * answers to KeyUpdates, and alerts. */
gsk_status gsk_secure_socket_read(gsk_handle soc_handle, char *buffer, int size, int *length);

/* Writes `size` bytes of data, in as many records as are needed. `length` is `size` with GSK_OK, and else 0.
 *
 * GSK_OK                         the transport has taken everything
 * GSK_WOULD_BLOCK                io_write returned EWOULDBLOCK. The request is active: call again with the same
 *                                buffer address, size and data. Nothing is sent twice
 * GSK_CONNECTION_ACTIVE          another buffer or size while a request is active; a slot is reserved: commit it, and
 *                                call again; called from an I/O routine of the connection
 * GSK_ERR_CONNECTION_CLOSED      after gsk_secure_socket_shutdown; TLS 1.2: also after the peer's close_notify
 * GSK_ERR_SOCKET_CLOSED          io_write returned 0. The connection can still be read
 * GSK_ERR_IO                     io_write or io_read failed. After io_write, the connection can still be read
 * GSK_ERR_CRYPTO                 the cipher failed, or the key has sealed as much as it may
 * GSK_INSUFFICIENT_STORAGE       the send buffer of the set has no room for a record, although nothing is unsent
 * GSK_INVALID_BUFFER_SIZE, GSK_INVALID_HANDLE
 * GSK_INVALID_STATE              not initialized, failed, or its keys were handed over */
gsk_status gsk_secure_socket_write(gsk_handle soc_handle, char *buffer, int size, int *length);

/*
 * Closes the sending direction: sends a close_notify, once (RFC 9846 section 6.1).
 *
 * One step: call it, then gsk_secure_socket_close, and close the transport. Two steps: call it, then
 * gsk_secure_socket_read until that returns GSK_ERR_CONNECTION_CLOSED, then gsk_secure_socket_close. Data that was
 * under way is read in between.
 *
 * GSK_OK                         the transport has taken the close_notify
 * GSK_CONNECTION_ACTIVE          a part of a write request is not sealed yet: repeat the write, which says why if it
 *                                cannot be; or a slot is reserved; or called from an I/O routine of the connection.
 *                                Nothing was sent
 * GSK_ERR_CONNECTION_CLOSED      an earlier call has returned GSK_OK
 * GSK_ERR_IO                     io_write failed before it took the close_notify, or io_read failed
 * GSK_ERR_NOT_SSLV3              the peer's first bytes were not TLS. Only a connection that was made of a layer
 *                                without keys can see this
 * GSK_ERR_SOCKET_CLOSED          io_read returned 0 before the peer's close_notify came: ours was sent all the same,
 *                                or is sent by gsk_secure_socket_close. Or io_write returned 0
 * GSK_INVALID_HANDLE             not the handle of an open connection
 * GSK_INVALID_STATE              not initialized; or failed: no close_notify follows a fatal alert; or its keys were
 *                                handed over
 * GSK_WOULD_BLOCK_WRITE          io_write returned EWOULDBLOCK: call again. The close_notify is sent once, behind what
 *                                was written before
 */
gsk_status gsk_secure_socket_shutdown(gsk_handle soc_handle);

/* Closes the connection: sends what was sealed, overwrites its keys and data, and sets *soc_handle to NULL. The
 * transport is yours to close. It sends no close_notify: without gsk_secure_socket_shutdown the peer sees a truncated
 * stream.
 *
 * GSK_CONNECTION_ACTIVE          called from an I/O routine of the connection
 * GSK_INVALID_HANDLE
 * GSK_WOULD_BLOCK_WRITE          io_write returned EWOULDBLOCK; the connection is open: call again. To give up what is
 *                                unsent, call tlsr_connection_transport_failed first
 *
 * If io_write fails, the connection is closed all the same. A part of a write request that was not sealed is dropped,
 * and so is a reserved slot. */
gsk_status gsk_secure_socket_close(gsk_handle *soc_handle);

/* ---------------------------------------------------------------------------------------------------
 * Attributes
 *
 * They are set between tlsr_gsk_socket_open and tlsr_gsk_socket_init, and read at any time until the connection is
 * closed, in its I/O routines, too. All return GSK_INVALID_HANDLE, GSK_ATTRIBUTE_INVALID_ID,
 * GSK_ATTRIBUTE_INVALID_PARAMETER for a null pointer, and the set functions GSK_INVALID_STATE if the connection is
 * initialized.
 */

typedef enum GSK_BUF_ID { GSK_USER_DATA = 200 } GSK_BUF_ID;
typedef enum GSK_NUM_ID { GSK_FD = 300 } GSK_NUM_ID;
typedef enum GSK_ENUM_ID { GSK_SESSION_TYPE = 402 } GSK_ENUM_ID;
typedef enum GSK_CALLBACK_ID { GSK_IO_CALLBACK = 801 } GSK_CALLBACK_ID;

typedef enum GSK_ENUM_VALUE {
    GSK_CLIENT_SESSION = 507,
    GSK_SERVER_SESSION = 508,
    GSK_SERVER_SESSION_WITH_CL_AUTH = 509
} GSK_ENUM_VALUE;

/* GSK_IO_CALLBACK: `callback` is the address of a gsk_iocallback, which is copied. A null routine stands for recv or
 * send, on systems that have sockets: the library was built for one, and without TLSR_GSK_NO_SOCKETS. If it was not,
 * both routines must be set, and a null one is GSK_ATTRIBUTE_INVALID_PARAMETER. */
gsk_status gsk_attribute_set_callback(gsk_handle ssl_handle, GSK_CALLBACK_ID callback_id, void *callback);

/* GSK_FD: the descriptor that the I/O routines are given; -1 if it was not set.
 * GSK_ATTRIBUTE_INVALID_NUMERIC_VALUE if it is negative. */
gsk_status gsk_attribute_set_numeric_value(gsk_handle ssl_handle, GSK_NUM_ID num_id, int num_value);
gsk_status gsk_attribute_get_numeric_value(gsk_handle ssl_handle, GSK_NUM_ID num_id, int *num_value);

/* GSK_USER_DATA: up to TLSR_GSK_USER_DATA bytes, which are copied; a length of 0 stands for a string with its 0, which
 * is not counted. A null `buffer_value` removes them. GSK_ATTRIBUTE_INVALID_LENGTH, GSK_INSUFFICIENT_STORAGE. */
gsk_status gsk_attribute_set_buffer(gsk_handle ssl_handle, GSK_BUF_ID buffer_id, const char *buffer_value,
                                    int buffer_length);

/* Writes the address of the copy, aligned for a pointer, and its length. The copy may be changed until the connection
 * is closed. Null and 0 if there is none. */
gsk_status gsk_attribute_get_buffer(gsk_handle ssl_handle, GSK_BUF_ID buffer_id, const char **buffer_value,
                                    int *buffer_length);

/* GSK_SESSION_TYPE: the role for which tlsr_gsk_socket_init makes a configuration. GSK_CLIENT_SESSION if it was not
 * set. GSK_ATTRIBUTE_INVALID_ENUMERATION. */
gsk_status gsk_attribute_set_enum(gsk_handle ssl_handle, GSK_ENUM_ID enum_id, GSK_ENUM_VALUE enum_value);
gsk_status gsk_attribute_get_enum(gsk_handle ssl_handle, GSK_ENUM_ID enum_id, GSK_ENUM_VALUE *enum_value);

#ifdef __cplusplus
}
#endif

#endif
