/* Sockets, and the one epoll that all of them are watched by. */
#define _GNU_SOURCE
#include "load.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Connections from one source address: fewer than it has ports, and no more than a town behind one proxy has people. */
#define PER_ADDRESS 500
static int set;

void net_start(void) {
    struct rlimit wanted = {1 << 17, 1 << 17}, have;
    if (setrlimit(RLIMIT_NOFILE, &wanted)) { /* only root may go above the hard limit */
        getrlimit(RLIMIT_NOFILE, &have);
        have.rlim_cur = have.rlim_max;
        setrlimit(RLIMIT_NOFILE, &have);
    }
    set = epoll_create1(0);
}

static void give_up(const char *what) {
    perror(what);
    exit(2);
}

int dial(int number) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
    if (fd < 0) give_up("socket");
    struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET, .sin_port = htons(options.port)};
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + number / PER_ADDRESS);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (bind(fd, (void *)&from, sizeof from)) give_up("bind");
    if (connect(fd, (void *)&to, sizeof to) && errno != EINPROGRESS) give_up("connect");
    return fd;
}

bool connected(int fd) {
    int error = 0;
    socklen_t length = sizeof error;
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
    return error == 0;
}

void watch(struct peer *peer, unsigned events, bool first) {
    struct epoll_event event = {.events = events, .data.ptr = peer};
    if (epoll_ctl(set, first ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, peer->fd, &event)) give_up("epoll_ctl");
}

void turn(double seconds) {
    static struct epoll_event events[512];
    struct timespec wait = {.tv_sec = seconds, .tv_nsec = (seconds - (long)seconds) * 1e9};
    if (seconds < 0) wait.tv_sec = wait.tv_nsec = 0;
    int count = epoll_pwait2(set, events, 512, &wait, NULL);
    if (count < 0 && errno != EINTR) give_up("epoll_pwait2");
    for (int i = 0; i < count; i++) {
        struct peer *peer = events[i].data.ptr;
        peer->ready(peer, events[i].events);
    }
}

bool send_all(int fd, const char *bytes, size_t length) {
    return send(fd, bytes, length, MSG_NOSIGNAL) == (ssize_t)length;
}
