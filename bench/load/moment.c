/* Time, and what the server has used.  The processor clock of a process counts all its threads, user and system, as
 * /proc/PID/stat does, in nanoseconds instead of hundredths of a second. */
#define _GNU_SOURCE
#include "load.h"
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static double seconds_of(clockid_t clock) {
    struct timespec time;
    if (clock_gettime(clock, &time)) return -1;
    return time.tv_sec + time.tv_nsec / 1e9;
}

double now(void) { return seconds_of(CLOCK_MONOTONIC); }

double server_cpu(void) {
    double sum = 0;
    for (int i = 0; i < options.pid_count; i++) {
        clockid_t clock;
        double used = clock_getcpuclockid(options.pids[i], &clock) ? -1 : seconds_of(clock);
        if (used < 0) complain("process %d of the server is gone", options.pids[i]);
        else sum += used;
    }
    return sum;
}

long server_kib(void) {
    long sum = 0, kib;
    for (int i = 0; i < options.pid_count; i++) {
        char path[64], line[256];
        snprintf(path, sizeof path, "/proc/%d/status", options.pids[i]);
        FILE *status = fopen(path, "r");
        if (!status) continue;
        while (fgets(line, sizeof line, status))
            if (sscanf(line, "VmRSS: %ld", &kib) == 1) sum += kib;
        fclose(status);
    }
    return sum;
}

void settle(void) {
    const double interval = 0.1;
    double end = now() + 60, before = server_cpu();
    while (now() < end && !tally.errors) {
        for (double until = now() + interval, left; (left = until - now()) > 0;) turn(left);
        double after = server_cpu();
        if (after - before < interval * options.still) return;
        before = after;
    }
    if (!tally.errors) complain("the server did not come to rest in a minute");
}
