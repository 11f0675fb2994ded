/* Readers: each holds a poll or a stream, checks what it gets to the last byte, and asks again at once. */
#define _GNU_SOURCE
#include "load.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define DIALLED_AT_ONCE 64
#define REQUEST 4096

struct held {
    char *bytes;
    size_t length, space;
};
struct reader {
    struct peer peer;
    enum { DIALLING, SIGNING, OPENING, WAITING } state;
    bool stands, chunked;
    int number;
    struct room *room;
    long next;              /* the number of the message that it should get next */
    char at[72], since[40]; /* its cursor, or the validators of its last answer */
    const char *own; /* header lines that only this one sends */
    int own_length;
    struct held raw, event; /* what came and is not whole: bytes of the connection, of an event */
};
static struct reader *readers;
static int count, dialled, up;

static void keep(struct held *held, const char *bytes, size_t length) {
    if (length > held->space) held->bytes = realloc(held->bytes, held->space = length * 2);
    memmove(held->bytes, bytes, length);
    held->length = length;
}

static void ask(struct reader *reader) {
    char path[256], tags[160] = "", number[24], request[REQUEST];
    const char *at = reader->at, *more = "Accept: */*\r\nConnection: keep-alive\r\n";
    if (options.way == COUNTED) snprintf(number, sizeof number, "%ld", reader->next), at = number;
    if (options.way == TAGGED && reader->since[0])
        snprintf(tags, sizeof tags, "If-Modified-Since: %s\r\nIf-None-Match: %s\r\n", reader->since, reader->at);
    if (options.way == EVENTS) more = "Accept: text/event-stream\r\nConnection: keep-alive\r\n";
    if (options.way == SOCKET)
        more = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    path_of(options.read, reader->room, at, path, sizeof path);
    int length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost:%d\r\n%s%s%s%.*s\r\n", path,
                          options.port, more, tags, options.browser ? BROWSER : "", reader->own_length, reader->own);
    bool stream = options.way == EVENTS || options.way == SOCKET;
    reader->state = stream ? OPENING : WAITING;
    if (!send_all(reader->peer.fd, request, length)) complain("a request could not be sent");
    if (!stream && !reader->stands) reader->stands = true, tally.waiting++;
}

/* Sign in under a name of its own, on the connection that it reads by. */
static void sign_in(struct reader *reader) {
    char body[64], request[REQUEST];
    int inside = snprintf(body, sizeof body, "{\"name\":\"reader-%d\"}", reader->number);
    int length = snprintf(request, sizeof request,
                          "POST %s HTTP/1.1\r\nHost: localhost:%d\r\nContent-Type: application/json\r\n"
                          "Content-Length: %d\r\n\r\n%s",
                          options.sign_in, options.port, inside, body);
    reader->state = SIGNING;
    if (!send_all(reader->peer.fd, request, length)) complain("a session could not be asked for");
}

static void begin(struct reader *reader) {
    reader->raw.length = reader->event.length = 0;
    if (options.sign_in && !reader->own_length) sign_in(reader);
    else ask(reader);
}

static void ready(struct peer *peer, unsigned events);

static void dial_reader(struct reader *reader) {
    reader->peer.fd = dial(reader->number);
    reader->peer.ready = ready;
    reader->state = DIALLING;
    watch(&reader->peer, EPOLLOUT, true);
}

static void dial_again(struct reader *reader) {
    close(reader->peer.fd);
    tally.reconnected++;
    dial_reader(reader);
}

/* The next message of this reader has come, or something else. */
static void take(void *of, const char *text, size_t length) {
    struct reader *reader = of;
    struct room *room = reader->room;
    char expected[TEXT_LIMIT];
    if (reader->next >= room->posted) {
        complain("a message that nobody posted: %.60s", text);
        return;
    }
    int size = text_of(room, reader->next, expected);
    if (length != (size_t)size || memcmp(text, expected, size)) {
        complain("not message %ld but: %.60s", reader->next, text);
        return;
    }
    tally.delivered++;
    count_latency(room->due[reader->next++], now());
}

/* Remember where this reader has got to, as its server wants to be told. */
static void remember(struct reader *reader, const struct answer *answer) {
    static const char mark[] = "\"cursor\":\"";
    if (options.way == TAGGED) {
        answer_field(answer, "last-modified", reader->since, sizeof reader->since);
        answer_field(answer, "etag", reader->at, sizeof reader->at);
    }
    if (options.way != PAGED) return;
    char *at = memmem(answer->body, answer->body_length, mark, sizeof mark - 1), *end;
    if (!at || !(end = strchr(at += sizeof mark - 1, '"')) || (size_t)(end - at) >= sizeof reader->at)
        complain("a page without a cursor: %.60s", answer->body);
    else memcpy(reader->at, at, end - at), reader->at[end - at] = 0;
}

static void own_cookie(struct reader *reader, const char *cookie) {
    char *line;
    reader->own_length = asprintf(&line, "Cookie: %s\r\n", cookie);
    reader->own = line;
}

static void signed_in(struct reader *reader, const struct answer *answer) {
    char value[512];
    if (answer->status / 100 != 2 || !answer_field(answer, "set-cookie", value, sizeof value)) {
        complain("no session: %.60s", answer->head);
        return;
    }
    value[strcspn(value, ";")] = 0;
    own_cookie(reader, value);
    ask(reader);
}

/* An answer is in: take what it says, then ask again. */
static void answered(struct reader *reader, const struct answer *answer) {
    long before = reader->next;
    if (reader->state == SIGNING) {
        signed_in(reader, answer);
        return;
    }
    if (answer->status == 200) {
        texts_in(answer->body, answer->body_length, take, reader);
        remember(reader, answer);
    } else if (answer->status != 204 && answer->status != 408 && answer->status != 304) {
        complain("status %d: %.60s", answer->status, answer->body);
        return; /* it would ask for the same for ever */
    }
    if (tally.errors) return; /* it ends the run: asking on would only load the machine */
    if (reader->next == before) tally.empty++;
    if (answer->close) dial_again(reader);
    else ask(reader);
}

/* Blocks of an event stream end with an empty line; their data are messages. */
static void events(struct reader *reader, const char *bytes, size_t length) {
    struct held *held = &reader->event;
    if (held->length) {
        if (held->length + length > held->space)
            held->bytes = realloc(held->bytes, held->space = (held->length + length) * 2);
        memcpy(held->bytes + held->length, bytes, length);
        bytes = held->bytes;
        length += held->length;
    }
    const char *end = bytes + length, *stop;
    for (; (stop = memmem(bytes, end - bytes, "\n\n", 2)); bytes = stop + 2)
        for (const char *line = bytes; line < stop;) {
            const char *over = memchr(line, '\n', stop - line);
            if (!over) over = stop;
            if (over - line > 6 && !memcmp(line, "data: ", 6)) texts_in(line + 6, over - line - 6, take, reader);
            line = over + 1;
        }
    keep(held, bytes, end - bytes);
}

static size_t event_bytes(struct reader *reader, const char *bytes, size_t length) {
    size_t used = 0, skip, inside;
    if (!reader->chunked) {
        events(reader, bytes, length);
        return length;
    }
    int whole;
    while (used < length && (whole = chunk_read(bytes + used, length - used, &skip, &inside))) {
        if (whole < 0 || !inside) {
            complain("an event stream ended");
            return length;
        }
        events(reader, bytes + used + skip, inside);
        used += skip + inside + 2;
    }
    return used;
}

/* The frames of a WebSocket: from a server unmasked, and of our messages never in parts. */
static size_t frames(struct reader *reader, const char *bytes, size_t length) {
    const unsigned char *at = (const unsigned char *)bytes, *end = at + length;
    while (end - at >= 2) {
        size_t inside = at[1], head = 2;
        if (inside == 126) {
            if (end - at < 4) break;
            inside = at[2] << 8 | at[3], head = 4;
        } else if (inside > 126) {
            complain("a frame of a length that none should have");
            return length;
        }
        if ((size_t)(end - at) < head + inside) break;
        if (at[0] == 0x81) texts_in((const char *)at + head, inside, take, reader);
        else if (at[0] == 0x89 && inside < 126) {
            char pong[6 + 125] = {(char)0x8a, (char)(0x80 | inside)}; /* masked with zeros */
            memcpy(pong + 6, at + head, inside);
            send_all(reader->peer.fd, pong, 6 + inside);
        } else complain("a frame that begins with %02x", at[0]);
        at += head + inside;
    }
    return (const char *)at - bytes;
}

/* What begins a stream; how much of the bytes that is. */
static size_t opened(struct reader *reader, char *bytes, size_t length) {
    struct answer answer;
    char value[32];
    int begun = answer_begins(bytes, length, &answer);
    if (!begun) return 0;
    if (begun < 0 || answer.status != (options.way == SOCKET ? 101 : 200)) {
        complain("no stream: %.60s", bytes);
        return length;
    }
    reader->chunked = answer_field(&answer, "transfer-encoding", value, sizeof value) && !strcasecmp(value, "chunked");
    reader->state = WAITING;
    if (!reader->stands) reader->stands = true, tally.waiting++;
    return answer.body - bytes;
}

/* Take what is whole of these bytes: how many they were, or -1 if the connection they came by is not this reader's now. */
static long consume(struct reader *reader, char *bytes, size_t length) {
    size_t used = 0;
    if (reader->state == OPENING) used = opened(reader, bytes, length);
    if (reader->state == OPENING) return used;
    if (options.way == EVENTS && reader->state == WAITING)
        return used + event_bytes(reader, bytes + used, length - used);
    if (options.way == SOCKET && reader->state == WAITING) return used + frames(reader, bytes + used, length - used);
    struct answer answer;
    int whole = answer_read(bytes, length, &answer);
    if (whole < 0) {
        complain("no HTTP: %.60s", bytes);
        return length;
    }
    if (!whole) return 0;
    if (answer.whole < length) complain("more than was asked for: %.60s", bytes + answer.whole);
    answered(reader, &answer);
    return reader->state == DIALLING ? -1 : (long)length;
}

static void receive(struct reader *reader) {
    static char bytes[1 << 20];
    size_t length = reader->raw.length;
    memcpy(bytes, reader->raw.bytes ? reader->raw.bytes : "", length);
    ssize_t more = recv(reader->peer.fd, bytes + length, sizeof bytes - length - 1, 0);
    if (more < 0 && errno == EAGAIN) return;
    if (more <= 0) {
        complain("the server closed a reader's connection");
        close(reader->peer.fd);
        return;
    }
    length += more;
    bytes[length] = 0;
    long used = consume(reader, bytes, length);
    if (used >= 0) keep(&reader->raw, bytes + used, length - used);
}

static void ready(struct peer *peer, unsigned events) {
    struct reader *reader = (struct reader *)peer;
    (void)events;
    if (reader->state != DIALLING) {
        receive(reader);
        return;
    }
    if (!connected(peer->fd)) {
        complain("a reader could not connect");
        close(peer->fd);
    } else watch(peer, EPOLLIN, false), begin(reader);
    up++;
}

/* What FILE says, in memory; it ends with the program. */
static const char *read_headers(const char *file) {
    char *text = NULL;
    size_t space = 0;
    FILE *from = fopen(file, "r");
    if (!from || getdelim(&text, &space, 0, from) < 0) {
        perror(file);
        exit(2);
    }
    fclose(from);
    return text;
}

/* How long the lines are of one reader, without the empty one behind them. */
static int block_length(const char *block) {
    const char *end = strstr(block, "\r\n\r\n");
    if (!end) {
        fprintf(stderr, "load: there are too few headers for all readers\n");
        exit(2);
    }
    return end + 2 - block;
}

bool readers_start(void) {
    const char *headers = options.headers ? read_headers(options.headers) : NULL;
    count = options.rooms * options.readers;
    readers = calloc(count, sizeof *readers);
    double patience = now() + 60 + count / 100.0;
    while (tally.waiting < count && now() < patience && !tally.errors) {
        for (; dialled < count && dialled - up < DIALLED_AT_ONCE; dialled++) {
            struct reader *reader = readers + dialled;
            reader->number = dialled;
            reader->room = rooms + dialled % options.rooms;
            reader->next = reader->room->posted;
            if (options.cookie) own_cookie(reader, options.cookie);
            if (headers) reader->own = headers, reader->own_length = block_length(headers), headers += reader->own_length + 2;
            snprintf(reader->at, sizeof reader->at, "%s", options.way == PAGED || options.json ? options.at : "");
            dial_reader(reader);
        }
        turn(1);
    }
    if (tally.waiting < count) complain("only %d of %d readers wait", tally.waiting, count);
    return tally.waiting == count;
}
