/* Idle polls: nobody posts, each reader asks again when an empty answer comes.  In the end one message is posted, and
 * everybody has to get it: so they did wait. */
#include "load.h"

#define PATIENCE 60.0

int idle(void) {
    bool right = readers_start();
    if (right) settle();
    double cpu = server_cpu(), from = now();
    long empty = tally.empty;
    for (double left; right && !tally.errors && (left = from + options.seconds - now()) > 0;) turn(left);
    report_begin();
    report_number("seconds", now() - from);
    report_number("cpu", server_cpu() - cpu);
    report_number("empty_answers", tally.empty - empty);
    report_number("kib_after", server_kib());
    struct writer *writer = writer_new(rooms, 0);
    if (right) writer_post(writer, now());
    for (double patience = now() + PATIENCE; tally.delivered < options.readers && now() < patience && !tally.errors;) turn(1);
    if (tally.delivered != options.readers) complain("%ld of %d deliveries", tally.delivered, options.readers);
    return report_end(right);
}
