/* A mixed chat: rooms with readers each; messages fall due at a steady rate, each in a room by chance.
 *
 * Latency runs from when a message was due, not from when it could be sent, so a server that is late is not excused.
 * In each room one writer posts, so the order is known, and checked.  What could not be sent in time is not sent. */
#include "load.h"
#include <stdlib.h>

#define PATIENCE 20.0

static bool over(struct writer **writers, long expected) {
    for (int i = 0; i < options.rooms; i++)
        if (writer_busy(writers[i])) return false;
    return tally.delivered >= expected;
}

static long posted(void) {
    long sum = 0;
    for (int i = 0; i < options.rooms; i++) sum += rooms[i].posted - options.first;
    return sum;
}

static void post_at_rate(struct writer **writers, double from) {
    unsigned long chance = 1;
    for (long i = 0; !tally.errors && !stopped; i++) {
        double due = from + i / options.rate;
        if (due >= from + options.seconds) return;
        for (double left; (left = due - now()) > 0;) turn(left);
        chance = chance * 6364136223846793005UL + 1442695040888963407UL; /* Knuth's, and the same every time */
        writer_post(writers[(chance >> 33) % options.rooms], due);
        turn(0);
    }
}

int chat(void) {
    struct writer **writers = calloc(options.rooms, sizeof *writers);
    bool right = readers_start();
    for (int i = 0; i < options.rooms; i++) writers[i] = writer_new(rooms + i, i);
    if (right) settle();
    double cpu = server_cpu(), from = now();
    long unsent = 0;
    if (right) post_at_rate(writers, from);
    for (double until; (until = from + options.seconds) > now() && !stopped;) turn(until - now());
    for (int i = 0; i < options.rooms; i++) unsent += writer_drop(writers[i]);
    double patience = now() + PATIENCE;
    while (!over(writers, posted() * options.readers) && now() < patience && !tally.errors) turn(0.1);
    double to = now();
    long expected = posted() * options.readers;
    if (tally.delivered != expected) complain("%ld of %ld deliveries", tally.delivered, expected);
    struct spread spread = latency_spread();
    report_begin();
    report_number("seconds", to - from);
    report_number("cpu", server_cpu() - cpu);
    report_number("posted", posted());
    report_number("unsent", unsent);
    report_number("median_ms", spread.median);
    report_number("p99_ms", spread.p99);
    report_number("last_ms", spread.last);
    if (options.samples) {
        report_numbers("dues", tally.dues, tally.latency_count);
        report_numbers("latencies", tally.latencies, tally.latency_count);
    }
    return report_end(right);
}
