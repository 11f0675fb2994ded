"""What the report says of each part: its words, its tables, its plots."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bench.measurement import Measurements
from bench.plan import Plan
from bench.tables import Column, over_places, table

Tables = Iterator[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Plot:
    """One picture: lines over all places, or bars at the last one."""

    file: str
    figure: str
    title: str
    up: str
    across: str = "waiters"
    bars: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """One part of the report."""

    part: str
    title: str
    told: Callable[[Plan], str]
    tables: Callable[[Measurements], Tables]
    plots: tuple[Plot, ...] = ()


def _polls(taken: Measurements) -> Tables:
    yield "CPU of a delivery (µs)", over_places(taken, "waiters", "cpu_us")
    yield "Median delivery after the post (ms)", over_places(taken, "waiters", "median_ms")
    yield "Last delivery after the post (ms)", over_places(taken, "waiters", "last_ms")
    yield "Memory of a waiter, suspended (KiB)", over_places(taken, "waiters", "waiting_kib")
    yield "Memory of a waiter, after the rounds (KiB)", over_places(taken, "waiters", "after_kib")
    yield "CPU to connect and suspend (µs)", over_places(taken, "waiters", "connect_us")


def _streams(taken: Measurements) -> Tables:
    yield "CPU of a delivery (µs)", over_places(taken, "readers", "cpu_us")
    yield "Median delivery after the post (ms)", over_places(taken, "readers", "median_ms")
    yield "Last delivery after the post (ms)", over_places(taken, "readers", "last_ms")
    yield "Memory of a reader (KiB)", over_places(taken, "readers", "waiting_kib")
    yield "CPU to connect (µs)", over_places(taken, "readers", "connect_us")


def _browser(taken: Measurements) -> Tables:
    yield "CPU of a delivery (µs)", over_places(taken, "waiters", "cpu_us")
    yield "Median delivery after the post (ms)", over_places(taken, "waiters", "median_ms")
    yield "Last delivery after the post (ms)", over_places(taken, "waiters", "last_ms")


def _posts(taken: Measurements) -> Tables:
    at = taken.places[-1]
    columns = [
        Column("posts a second", at, "per_second", 0),
        Column("CPU of a post (µs)", at, "cpu_us", 0),
        Column("p50 (ms)", at, "median_ms"),
        Column("p99 (ms)", at, "p99_ms"),
        Column("max (ms)", at, "last_ms"),
    ]
    yield f"Over {at} connections", table(taken, "server", columns)


def _chat(taken: Measurements) -> Tables:
    corner = "posts a second"
    yield "Deliveries a second", over_places(taken, corner, "per_second", 0)
    yield "Latency p50 (ms)", over_places(taken, corner, "median_ms")
    yield "Latency p99 (ms)", over_places(taken, corner, "p99_ms")
    yield "Latency max (ms)", over_places(taken, corner, "last_ms")
    yield "CPU of a delivery, posts included (µs)", over_places(taken, corner, "cpu_us")


def _idle(taken: Measurements) -> Tables:
    at = taken.places[-1]
    columns = [
        Column("CPU (% of one processor)", at, "cpu_percent", 2),
        Column("holds ended a second", at, "empty_per_second", 0, ratio=False),
    ]
    yield f"{at:,} polls", table(taken, "server", columns)


def _aside(taken: Measurements) -> Tables:
    at = taken.places[-1]
    columns = [
        Column("quiet: median (ms)", at, "quiet_median_ms"),
        Column("quiet: worst (ms)", at, "quiet_last_ms"),
        Column("during: median (ms)", at, "median_ms"),
        Column("during: worst (ms)", at, "last_ms"),
    ]
    yield f"Fan-out to {at:,}", table(taken, "server", columns)


SECTIONS = (
    Section(
        "polls",
        "Long polls",
        lambda _: "Everybody waits in one room and gets one message of 50 bytes, then asks again at once.",
        _polls,
        (
            Plot("polls-cpu.svg", "cpu_us", "Long polls: server CPU of one delivery and the next poll", "µs"),
            Plot("polls-last.svg", "last_ms", "Long polls: the last waiter has the message", "ms after the post"),
            Plot("memory.svg", "waiting_kib", "Long polls: memory of a waiter", "KiB", bars=True),
        ),
    ),
    Section(
        "browser",
        "Long polls, as a browser sends them",
        lambda _: "The same with the headers that Chromium sends, and a session: in chatcomet each reader's own.",
        _browser,
        (Plot("browser-cpu.svg", "cpu_us", "Browser's headers and a session: server CPU of one delivery", "µs"),),
    ),
    Section(
        "tickets",
        "Long polls, each with a ticket",
        lambda _: (
            "The same with a ticket for each reader (HS256), through a proxy, so that limits by address count them. "
            "To Nchan these headers mean nothing."
        ),
        _browser,
        (Plot("tickets-cpu.svg", "cpu_us", "A ticket for each: server CPU of one delivery", "µs"),),
    ),
    Section(
        "events",
        "Event streams",
        lambda _: "The same room, read by one event stream each.",
        _streams,
        (Plot("events-cpu.svg", "cpu_us", "Event streams: server CPU of one delivery", "µs", across="readers"),),
    ),
    Section(
        "sockets",
        "WebSockets",
        lambda _: "The same room, read by one WebSocket each.",
        _streams,
        (Plot("sockets-cpu.svg", "cpu_us", "WebSockets: server CPU of one delivery", "µs", across="readers"),),
    ),
    Section(
        "posts",
        "Durable posts",
        lambda _: "Each connection posts again when its post was acknowledged: on disk (SQLite, `synchronous=FULL`).",
        _posts,
    ),
    Section(
        "chat",
        "A mixed chat",
        lambda plan: (
            f"{plan.chat_rooms} rooms of {plan.chat_readers} readers, messages of 50 bytes, at rising rates: the "
            "case that CometD publishes. Latency runs from when a message was due. chatcomet keeps them on disk; the "
            "others in memory."
        ),
        _chat,
        (
            Plot(
                "chat-p99.svg", "p99_ms", "Mixed chat: latency p99", "ms", across="posts a second (ten deliveries each)"
            ),
        ),
    ),
    Section(
        "idle",
        "Idle polls",
        lambda plan: f"Nobody posts for {plan.idle_seconds:.0f} seconds; polls are held for 25 and then asked again.",
        _idle,
    ),
    Section(
        "aside",
        "Another room, during a fan-out",
        lambda _: (
            "Fifty messages a second in a small room, while everybody in a large one gets a message and asks again."
        ),
        _aside,
        (Plot("aside.svg", "last_ms", "Worst latency in another room during the fan-out", "ms", bars=True),),
    ),
)
