/* HTTP answers, as far as servers under load give them: framed by a length, by chunks, or without a body. */
#define _GNU_SOURCE
#include "load.h"
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool answer_field(const struct answer *answer, const char *name, char *value, size_t room) {
    size_t length = strlen(name);
    const char *end = answer->head + answer->head_length;
    for (const char *line = answer->head; line < end;) {
        const char *stop = memchr(line, '\r', end - line);
        if (!stop) return false;
        if ((size_t)(stop - line) > length && line[length] == ':' && !strncasecmp(line, name, length)) {
            const char *begin = line + length + 1;
            while (*begin == ' ') begin++;
            size_t size = stop - begin;
            if (size >= room) size = room - 1;
            memcpy(value, begin, size);
            value[size] = 0;
            return true;
        }
        line = stop + 2;
    }
    return false;
}

int answer_begins(char *bytes, size_t length, struct answer *answer) {
    char *end = memmem(bytes, length, "\r\n\r\n", 4), value[64];
    if (!end) return length > 16384 ? -1 : 0;
    if (length < 12 || memcmp(bytes, "HTTP/1.", 7)) return -1;
    answer->status = atoi(bytes + 9);
    answer->head = bytes;
    answer->head_length = end + 2 - bytes;
    answer->body = end + 4;
    answer->body_length = 0;
    answer->close = answer_field(answer, "connection", value, sizeof value) && !strcasecmp(value, "close");
    return 1;
}

int chunk_read(const char *bytes, size_t length, size_t *skip, size_t *inside) {
    const char *line = memmem(bytes, length, "\r\n", 2);
    if (!line) return length > 20 ? -1 : 0;
    char *end;
    *inside = strtoul(bytes, &end, 16);
    if (end == bytes || *inside > 1 << 24) return -1;
    *skip = line + 2 - bytes;
    return length >= *skip + *inside + 2;
}

/* Bring the chunks together where they stand. */
static int unchunk(struct answer *answer, size_t length) {
    char *to = answer->body, *from = to, *end = from + length;
    size_t skip, inside;
    const char *chunk = from;
    /* first look whether all of them are in, for nothing may be moved before */
    do {
        int whole = chunk_read(chunk, end - chunk, &skip, &inside);
        if (whole <= 0) return whole;
        chunk += skip + inside + 2;
    } while (inside);
    answer->whole = chunk - answer->head;
    do {
        chunk_read(from, end - from, &skip, &inside);
        memmove(to, from + skip, inside);
        to += inside;
        from += skip + inside + 2;
    } while (inside);
    answer->body_length = to - answer->body;
    return 1;
}

int answer_read(char *bytes, size_t length, struct answer *answer) {
    char value[64];
    int begun = answer_begins(bytes, length, answer);
    if (begun <= 0) return begun;
    size_t rest = bytes + length - answer->body;
    answer->whole = answer->body - bytes;
    if (answer->status < 200 || answer->status == 204 || answer->status == 304) return 1;
    if (answer_field(answer, "content-length", value, sizeof value)) {
        answer->body_length = strtoul(value, NULL, 10);
        answer->whole += answer->body_length;
        return rest >= answer->body_length;
    }
    if (answer_field(answer, "transfer-encoding", value, sizeof value)) return unchunk(answer, rest);
    return -1;
}
