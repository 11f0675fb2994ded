/* What the parts of the load share.  See main.c for what it does, and for its options. */
#ifndef LOAD_H
#define LOAD_H
#include <stdbool.h>
#include <stddef.h>

/* How a reader asks for what comes next. */
enum way {
    COUNTED, /* GET with the number of the next message; its text is the body */
    PAGED,   /* GET with the cursor of the last page; JSON */
    TAGGED,  /* GET with the validators of the last answer, as Nchan wants it; the text is the body */
    EVENTS,  /* one event stream */
    SOCKET,  /* one WebSocket */
};

struct options {
    const char *mode, *read, *post, *form, *at, *prefix, *cookie, *sign_in, *headers;
    enum way way;
    int port, rooms, readers, writers, rounds, size, pids[64], pid_count;
    long first;
    double rate, seconds, pause, still;
    bool json, browser, samples;
};
extern struct options options;
extern volatile bool stopped; /* by SIGTERM: a chat comes to its end early */

/* A room: how many messages were posted to it, and when each was due. */
struct room {
    char name[64];
    long posted, space;
    double *due;
};
extern struct room *rooms;

/* What has happened so far. */
struct tally {
    long delivered, empty, errors, acknowledged, reconnected;
    int waiting; /* readers whose request or stream stands */
    char first_error[200];
    double *latencies; /* seconds, of each delivery since the last call of forget_latencies */
    double *dues;      /* when each of these messages was due */
    long latency_count, latency_space;
};
extern struct tally tally;
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
void count_latency(double due, double at);
void forget_latencies(void);

/* moment.c: time, and what the server has used */
double now(void);
double server_cpu(void);
long server_kib(void);
/* Wait until the server does nothing any more, serving our own connections meanwhile. */
void settle(void);

/* net.c: sockets and the one epoll; each thing watched begins with a struct peer */
struct peer {
    void (*ready)(struct peer *, unsigned events);
    int fd;
};
void net_start(void);
int dial(int number);
void watch(struct peer *, unsigned events, bool first);
/* Serve what is ready; wait for it so many seconds at most. */
void turn(double seconds);
bool connected(int fd);
bool send_all(int fd, const char *bytes, size_t length);

/* answer.c: HTTP answers */
struct answer {
    int status;
    bool close;
    const char *head;
    size_t head_length;
    char *body;
    size_t body_length, whole;
};
/* 1: a whole answer stands at the beginning of the bytes, which must have a 0 behind them; 0: not yet; -1: never. */
int answer_read(char *bytes, size_t length, struct answer *);
/* The same of an answer whose body is a stream: only the head is looked at. */
int answer_begins(char *bytes, size_t length, struct answer *);
bool answer_field(const struct answer *, const char *name, char *value, size_t room);
/* One whole chunk of a chunked body: 1, with `skip` bytes before it and `length` in it; 0: not yet; -1: no chunk. */
int chunk_read(const char *bytes, size_t length, size_t *skip, size_t *inside);

/* text.c: what a message says, so that every delivery can be checked */
#define TEXT_LIMIT 4096
int text_of(const struct room *, long number, char *out);
/* Call `take` for each message text in a piece of JSON, or once for a text that stands alone. */
void texts_in(const char *bytes, size_t length, void (*take)(void *, const char *, size_t), void *of);
long post_due(struct room *, double due);

/* request.c: what readers and writers send */
extern const char BROWSER[];
int path_of(const char *pattern, const struct room *, const char *at, char *out, size_t space);

/* reader.c: `readers` in each room, a few of them dialled at a time; returns when all of them wait */
bool readers_start(void);

/* writer.c */
struct writer;
struct writer *writer_new(struct room *, int number);
/* Post the next message of its room, after those that it has still to post. */
void writer_post(struct writer *, double due);
bool writer_busy(const struct writer *);
/* Forget what was not yet sent: how many these were. */
long writer_drop(struct writer *);

/* report.c: the figures, as JSON on standard output */
void report_begin(void);
void report_number(const char *name, double value);
void report_numbers(const char *name, const double *values, long count);
/* The median, 99 % and last of the latencies counted since the last `forget_latencies`, in milliseconds. */
struct spread {
    double median, p99, last;
};
struct spread latency_spread(void);
int report_end(bool right);

/* The modes: fanout.c, chat.c, idle.c, posts.c */
int fanout(void);
int chat(void);
int idle(void);
int posts(void);
#endif
