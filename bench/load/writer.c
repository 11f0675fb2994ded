/* Writers: each posts over a connection of its own, one message after the other was acknowledged. */
#define _GNU_SOURCE
#include "load.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* Writers' source addresses begin where those of this many readers end. */
#define BEHIND_READERS 100000

struct writer {
    struct peer peer;
    enum { CLOSED, DIALLING, IDLE, BUSY } state;
    int number;
    struct room *room;
    double *dues, due; /* of what it has still to post, and of what it is posting */
    long waiting, space;
    char raw[16384];
    size_t length;
};

static void ready(struct peer *peer, unsigned events);

struct writer *writer_new(struct room *room, int number) {
    struct writer *writer = calloc(1, sizeof *writer);
    writer->room = room;
    writer->number = number;
    return writer;
}

bool writer_busy(const struct writer *writer) { return writer->waiting || writer->state == BUSY; }

long writer_drop(struct writer *writer) {
    long dropped = writer->waiting;
    writer->waiting = 0;
    return dropped;
}

static int body_of(const struct writer *writer, char *body, size_t space, const char **type) {
    char text[TEXT_LIMIT];
    text_of(writer->room, post_due(writer->room, writer->due), text);
    if (!strcmp(options.form, "json")) {
        *type = "application/json";
        return snprintf(body, space, "{\"text\":\"%s\"}", text);
    }
    bool form = !strcmp(options.form, "form");
    *type = form ? "application/x-www-form-urlencoded" : "text/plain";
    return snprintf(body, space, "%s%s", form ? "message=" : "", text);
}

static void post_next(struct writer *writer) {
    char path[256], body[TEXT_LIMIT + 64], request[TEXT_LIMIT + 1024];
    const char *type;
    if (!writer->waiting) return;
    writer->due = writer->dues[0];
    memmove(writer->dues, writer->dues + 1, --writer->waiting * sizeof *writer->dues);
    int inside = body_of(writer, body, sizeof body, &type);
    path_of(options.post, writer->room, "", path, sizeof path);
    int length = snprintf(request, sizeof request,
                          "POST %s HTTP/1.1\r\nHost: localhost:%d\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", path,
                          options.port, type, inside, body);
    writer->state = BUSY;
    writer->length = 0;
    if (!send_all(writer->peer.fd, request, length)) complain("a post could not be sent");
}

void writer_post(struct writer *writer, double due) {
    if (writer->waiting == writer->space) {
        writer->space = writer->space * 2 + 16;
        writer->dues = realloc(writer->dues, writer->space * sizeof *writer->dues);
    }
    writer->dues[writer->waiting++] = due;
    if (writer->state == IDLE) post_next(writer);
    if (writer->state != CLOSED) return;
    writer->peer.fd = dial(BEHIND_READERS + writer->number);
    writer->peer.ready = ready;
    writer->state = DIALLING;
    watch(&writer->peer, EPOLLOUT, true);
}

static void answered(struct writer *writer, const struct answer *answer) {
    if (answer->status / 100 != 2) complain("a post was refused: %.80s", answer->head);
    else tally.acknowledged++;
    if (!options.readers) count_latency(writer->due, now());
    writer->state = IDLE;
    if (answer->close) {
        close(writer->peer.fd);
        writer->state = CLOSED;
        return;
    }
    post_next(writer);
}

static void ready(struct peer *peer, unsigned events) {
    struct writer *writer = (struct writer *)peer;
    struct answer answer;
    (void)events;
    if (writer->state == DIALLING) {
        if (!connected(peer->fd)) complain("a writer could not connect");
        watch(peer, EPOLLIN, false);
        writer->state = IDLE;
        post_next(writer);
        return;
    }
    ssize_t more = recv(peer->fd, writer->raw + writer->length, sizeof writer->raw - writer->length - 1, 0);
    if (more < 0 && errno == EAGAIN) return;
    if (more <= 0) {
        if (writer->state == BUSY) complain("the server closed a writer's connection");
        close(peer->fd);
        writer->state = CLOSED;
        return;
    }
    writer->length += more;
    writer->raw[writer->length] = 0;
    int whole = answer_read(writer->raw, writer->length, &answer);
    if (whole < 0) complain("a post was answered without HTTP: %.60s", writer->raw);
    if (whole > 0) answered(writer, &answer);
}
