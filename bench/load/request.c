/* What readers and writers send. */
#define _GNU_SOURCE
#include "load.h"
#include <stdio.h>
#include <string.h>

/* What Chromium sends with a fetch(), but for the cookie. */
const char BROWSER[] =
    "sec-ch-ua-platform: \"Linux\"\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/150.0.0.0 Safari/537.36\r\n"
    "sec-ch-ua: \"Chromium\";v=\"150\", \"Not.A/Brand\";v=\"24\"\r\n"
    "sec-ch-ua-mobile: ?0\r\n"
    "Sec-Fetch-Site: same-origin\r\n"
    "Sec-Fetch-Mode: cors\r\n"
    "Sec-Fetch-Dest: empty\r\n"
    "Referer: http://localhost/\r\n"
    "Accept-Encoding: gzip, deflate, br, zstd\r\n"
    "Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\n";

int path_of(const char *pattern, const struct room *room, const char *at, char *out, size_t space) {
    char *to = out, *end = out + space - 1;
    while (*pattern && to < end) {
        const char *put = NULL;
        if (!strncmp(pattern, "{room}", 6)) put = room->name, pattern += 6;
        else if (!strncmp(pattern, "{at}", 4)) put = at, pattern += 4;
        if (!put) *to++ = *pattern++;
        else while (*put && to < end) *to++ = *put++;
    }
    *to = 0;
    return to - out;
}
