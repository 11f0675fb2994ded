/* load: readers and writers of one comet server, thousands at once, and what they cost it.
 *
 *     load MODE --port P [--pid PID]... --way counted|paged|tagged|events|socket [--json] [--at CURSOR]
 *          --read PATH --post PATH --form json|form|text [--prefix NAME] [--rooms R] [--readers N] [--first K]
 *          [--size BYTES] [--rounds R] [--seconds S] [--rate POSTS] [--writers W]
 *          [--pause SECONDS] [--still SHARE] [--browser] [--samples]
 *          [--cookie TEXT | --sign-in PATH | --headers FILE]
 *
 * MODE is fanout, chat, idle or posts: each is described in its file.  {room} and {at} in a PATH stand for the name of
 * the room and for what the reader has got so far.  Rooms are named NAME, or NAME0, NAME1 ... if there are several;
 * messages in them are numbered from K.  Each reader checks that it gets exactly the messages of its room, in order,
 * each once; anything else is an error, which ends the run, and the figures say so ("right": false, status 1).
 * FILE has header lines of their own for each reader, one after the other, with an empty line behind those of each.
 * A server is taken to be at rest when it uses less than SHARE of a processor.
 */
#include "load.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options options = {
    .read = "", .post = "", .form = "json", .at = "", .prefix = "lobby", .rooms = 1, .writers = 1, .rounds = 5, .size = 50,
    .rate = 100, .seconds = 5, .still = 0.02,
};
struct room *rooms;
volatile bool stopped;

static void stop(int number) {
    (void)number;
    stopped = true;
}

static enum way way_of(const char *name) {
    static const char *const names[] = {"counted", "paged", "tagged", "events", "socket"};
    for (int i = 0; i < 5; i++)
        if (!strcmp(name, names[i])) return i;
    fprintf(stderr, "load: there is no way %s\n", name);
    exit(2);
}

static bool take_flag(const char *name) {
    if (!strcmp(name, "--json")) options.json = true;
    else if (!strcmp(name, "--browser")) options.browser = true;
    else if (!strcmp(name, "--samples")) options.samples = true;
    else return false;
    return true;
}

static bool take_text(const char *name, const char *value) {
    static const struct {
        const char *name, **to;
    } texts[] = {
        {"--read", &options.read}, {"--post", &options.post},     {"--form", &options.form},       {"--at", &options.at},
        {"--prefix", &options.prefix}, {"--cookie", &options.cookie}, {"--sign-in", &options.sign_in},
        {"--headers", &options.headers},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!strcmp(name, texts[i].name)) {
            *texts[i].to = value;
            return true;
        }
    return false;
}

static bool take_number(const char *name, const char *value) {
    static const struct {
        const char *name;
        int *to;
    } numbers[] = {
        {"--port", &options.port},       {"--rooms", &options.rooms},   {"--readers", &options.readers},
        {"--writers", &options.writers}, {"--rounds", &options.rounds}, {"--size", &options.size},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (!strcmp(name, numbers[i].name)) {
            *numbers[i].to = atoi(value);
            return true;
        }
    if (!strcmp(name, "--first")) options.first = atol(value);
    else if (!strcmp(name, "--rate")) options.rate = atof(value);
    else if (!strcmp(name, "--seconds")) options.seconds = atof(value);
    else if (!strcmp(name, "--pause")) options.pause = atof(value);
    else if (!strcmp(name, "--still")) options.still = atof(value);
    else if (!strcmp(name, "--way")) options.way = way_of(value);
    else if (!strcmp(name, "--pid") && options.pid_count < 64) options.pids[options.pid_count++] = atoi(value);
    else return false;
    return true;
}

static void read_options(int count, char **words) {
    for (int i = 2; i < count; i++) {
        if (take_flag(words[i])) continue;
        const char *value = i + 1 < count ? words[i + 1] : "";
        if (!take_text(words[i], value) && !take_number(words[i], value)) {
            fprintf(stderr, "load: what is %s?\n", words[i]);
            exit(2);
        }
        i++;
    }
    if (options.size >= TEXT_LIMIT - 128) exit(2);
}

static void make_rooms(void) {
    rooms = calloc(options.rooms, sizeof *rooms);
    for (int i = 0; i < options.rooms; i++) {
        int length = snprintf(rooms[i].name, sizeof rooms[i].name - 12, "%s", options.prefix);
        if (options.rooms > 1) snprintf(rooms[i].name + length, 12, "%d", i);
        while (rooms[i].posted < options.first) post_due(rooms + i, 0);
    }
}

int main(int count, char **words) {
    const struct {
        const char *name;
        int (*play)(void);
    } modes[] = {{"fanout", fanout}, {"chat", chat}, {"idle", idle}, {"posts", posts}};
    read_options(count, words);
    net_start();
    signal(SIGTERM, stop);
    make_rooms();
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (count > 1 && !strcmp(words[1], modes[i].name)) return modes[i].play();
    fprintf(stderr, "load: the first word says what to do: fanout, chat, idle or posts\n");
    return 2;
}
