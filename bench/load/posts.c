/* Posts: writers over one connection each, in one room, each posting again when it was acknowledged. */
#include "load.h"
#include <stdlib.h>

#define WARM_UP 1.0
#define PATIENCE 10.0

static void keep_posting(struct writer **writers, double until) {
    while (now() < until && !tally.errors) {
        for (int i = 0; i < options.writers; i++)
            if (!writer_busy(writers[i])) writer_post(writers[i], now());
        turn(0.01);
    }
}

static bool busy(struct writer **writers) {
    for (int i = 0; i < options.writers; i++)
        if (writer_busy(writers[i])) return true;
    return false;
}

int posts(void) {
    struct writer **writers = calloc(options.writers, sizeof *writers);
    for (int i = 0; i < options.writers; i++) writers[i] = writer_new(rooms, i);
    keep_posting(writers, now() + WARM_UP);
    forget_latencies();
    long acknowledged = tally.acknowledged;
    double cpu = server_cpu(), from = now();
    keep_posting(writers, from + options.seconds);
    struct spread spread = latency_spread();
    report_begin();
    report_number("seconds", now() - from);
    report_number("cpu", server_cpu() - cpu);
    report_number("posts", tally.acknowledged - acknowledged);
    report_number("median_ms", spread.median);
    report_number("p99_ms", spread.p99);
    report_number("last_ms", spread.last);
    for (double patience = now() + PATIENCE; busy(writers) && now() < patience && !tally.errors;) turn(0.1);
    report_number("posted", rooms->posted - options.first);
    return report_end(tally.acknowledged == rooms->posted - options.first);
}
