/* Fan-out: every reader waits in one room; round by round one message goes to all of them, and they ask again.
 *
 * A round's processor time runs from before the post until the server is at rest again, so it holds one post, an answer
 * to each reader and each reader's next request.  A round's time is over with the last delivery. */
#include "load.h"
#include <stdlib.h>

#define PATIENCE 120.0

static bool play(struct writer *writer, long readers, int round, double *cpu, struct spread *spread, double *from,
                 double *to, double *rest) {
    long before = tally.delivered;
    forget_latencies();
    double used = server_cpu();
    *from = now();
    writer_post(writer, *from);
    while (tally.delivered - before < readers && now() < *from + PATIENCE && !tally.errors) turn(1);
    *to = now();
    settle();
    *rest = now();
    *cpu = server_cpu() - used;
    *spread = latency_spread();
    if (tally.delivered - before == readers) return true;
    complain("round %d: %ld of %ld deliveries", round, tally.delivered - before, readers);
    return false;
}

int fanout(void) {
    int rounds = options.rounds, played = 0;
    double *figures[6];
    for (int i = 0; i < 6; i++) figures[i] = calloc(rounds, sizeof(double));
    double cpu = server_cpu(), began = now();
    long kib = server_kib();
    bool right = readers_start();
    if (right) settle();
    report_begin();
    report_number("connect_seconds", now() - began);
    report_number("connect_cpu", server_cpu() - cpu);
    report_number("kib_before", kib);
    report_number("kib_waiting", server_kib());
    struct writer *writer = writer_new(rooms, 0);
    for (; right && played < rounds; played += right) {
        struct spread spread;
        for (double until = now() + options.pause, left; (left = until - now()) > 0;) turn(left);
        right = play(writer, options.readers, played, figures[0] + played, &spread, figures[3] + played,
                     figures[4] + played, figures[5] + played);
        figures[1][played] = spread.median;
        figures[2][played] = spread.last;
    }
    report_number("kib_after", server_kib());
    report_numbers("cpu", figures[0], played);
    report_numbers("median_ms", figures[1], played);
    report_numbers("last_ms", figures[2], played);
    report_numbers("from", figures[3], played);
    report_numbers("to", figures[4], played);
    report_numbers("rest", figures[5], played);
    return report_end(right);
}
