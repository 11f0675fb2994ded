/* Counting, and the figures as one JSON object on standard output. */
#include "load.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct tally tally;
static bool begun;

void complain(const char *format, ...) {
    tally.errors++;
    if (tally.first_error[0]) return;
    va_list list;
    va_start(list, format);
    vsnprintf(tally.first_error, sizeof tally.first_error, format, list);
    va_end(list);
    for (char *c = tally.first_error; *c; c++)
        if (*c < ' ' || *c == '"' || *c == '\\' || *c > '~') *c = ' ';
}

void count_latency(double due, double at) {
    if (tally.latency_count == tally.latency_space) {
        tally.latency_space = tally.latency_space * 2 + 1024;
        tally.latencies = realloc(tally.latencies, tally.latency_space * sizeof(double));
        tally.dues = realloc(tally.dues, tally.latency_space * sizeof(double));
    }
    tally.dues[tally.latency_count] = due;
    tally.latencies[tally.latency_count++] = at - due;
}

void forget_latencies(void) { tally.latency_count = 0; }

static int order(const void *one, const void *other) {
    double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

struct spread latency_spread(void) {
    long count = tally.latency_count;
    if (!count) return (struct spread){-1, -1, -1};
    double *sorted = malloc(count * sizeof *sorted);
    for (long i = 0; i < count; i++) sorted[i] = tally.latencies[i] * 1e3;
    qsort(sorted, count, sizeof *sorted, order);
    struct spread spread = {sorted[count / 2], sorted[(long)(count * 0.99)], sorted[count - 1]};
    free(sorted);
    return spread;
}

static void name_of(const char *name) {
    printf("%s\"%s\": ", begun ? ", " : "", name);
    begun = true;
}

void report_begin(void) { printf("{"); }

void report_number(const char *name, double value) {
    name_of(name);
    printf("%.12g", value);
}

void report_numbers(const char *name, const double *values, long count) {
    name_of(name);
    printf("[");
    for (long i = 0; i < count; i++) printf("%s%.12g", i ? ", " : "", values[i]);
    printf("]");
}

int report_end(bool right) {
    report_number("delivered", tally.delivered);
    report_number("empty", tally.empty);
    report_number("reconnected", tally.reconnected);
    report_number("acknowledged", tally.acknowledged);
    report_number("errors", tally.errors);
    name_of("first_error");
    printf("\"%s\"", tally.first_error);
    right = right && !tally.errors;
    name_of("right");
    printf("%s}\n", right ? "true" : "false");
    return right ? 0 : 1;
}
