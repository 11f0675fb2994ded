/* Idle polls: nobody posts, each reader asks again when an empty answer comes.
 *
 * Before, one message goes to all, so that each reader knows where it is and none can miss what comes between two polls.
 * In the end one more is posted, and everybody has to get it: so they did wait. */
#include "load.h"

#define PATIENCE 60.0

static bool give_all(struct writer *writer) {
    long expected = tally.delivered + options.readers;
    double patience = now() + PATIENCE;
    writer_post(writer, now());
    while (tally.delivered < expected && now() < patience && !tally.errors) turn(1);
    settle();
    if (tally.delivered == expected) return true;
    complain("%ld of %ld deliveries", tally.delivered, expected);
    return false;
}

int idle(void) {
    struct writer *writer = writer_new(rooms, 0);
    bool right = readers_start() && give_all(writer);
    double cpu = server_cpu(), from = now();
    long empty = tally.empty;
    for (double left; right && !tally.errors && (left = from + options.seconds - now()) > 0;) turn(left);
    report_begin();
    report_number("seconds", now() - from);
    report_number("cpu", server_cpu() - cpu);
    report_number("empty_answers", tally.empty - empty);
    report_number("kib_after", server_kib());
    return report_end(right && give_all(writer));
}
