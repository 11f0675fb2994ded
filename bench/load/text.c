/* What a message says: its room and its number, filled up to the size.  So whoever gets it can tell that it is the one
 * that it should get, to the last byte. */
#define _GNU_SOURCE
#include "load.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int text_of(const struct room *room, long number, char *out) {
    int length = snprintf(out, TEXT_LIMIT, "%s.%ld.", room->name, number);
    if (length < options.size) {
        memset(out + length, 'x', options.size - length);
        length = options.size;
    }
    out[length] = 0;
    return length;
}

void texts_in(const char *bytes, size_t length, void (*take)(void *, const char *, size_t), void *of) {
    static const char mark[] = "\"text\":\"";
    const char *end = bytes + length;
    if (!options.json) {
        take(of, bytes, length);
        return;
    }
    for (const char *at = bytes; (at = memmem(at, end - at, mark, sizeof mark - 1));) {
        at += sizeof mark - 1;
        const char *stop = memchr(at, '"', end - at);
        if (!stop) stop = end;
        take(of, at, stop - at);
        at = stop;
    }
}

long post_due(struct room *room, double due) {
    if (room->posted == room->space) {
        room->space = room->space * 2 + 64;
        room->due = realloc(room->due, room->space * sizeof *room->due);
    }
    room->due[room->posted] = due;
    return room->posted++;
}
