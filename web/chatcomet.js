/**
 * chatcomet: a chat room over plain HTTP, by long polling. No DOM, no dependencies.
 *
 *     import { openRoom } from "./chatcomet.js";
 *
 *     const room = openRoom({ base: document.baseURI, room: "lobby" });
 *     room.on("messages", (messages) => { … });     // in order, each of them once
 *     room.on("state", ({ state, seconds }) => { … });
 *     room.on("gap", ({ lost, reset }) => { … });   // messages were lost to us
 *     room.start();
 *     await room.post("hello");
 *
 * By a ticket (docs/tickets.md), which is a text, or an async function that gets one and is asked for another when the
 * server takes the last one no more:
 *
 *     openRoom({ base, room: "lobby", ticket: async () => (await fetch("/my/ticket")).text() });
 *
 * What holds here, and what the tests hold it to:
 *
 * 1. One way in. Messages come by the poll alone; the answer to a post only says that its message is in
 *    the log. So the order is the log's, and nothing can come twice.
 * 2. One poll at a time, and it goes on from the cursor of the last page, as it came.
 * 3. No tight loop, whatever is answered: failures back off, and so do answers that come at once with nothing.
 * 4. A post keeps its key until it has been answered for good; posts go out one after the other, as given.
 * 5. A loss is told, never hidden.
 * 6. A server that says no (401, 403) is asked no more, until start() is called again; one that says when to come again
 *    is not asked before.
 */

import { moderation } from "./moderation.js";
import { MARGIN, Requests, follow } from "./requests.js";

export { Problem, parseRetryAfter } from "./requests.js";

const HOLD = 25; // seconds for which we let the server suspend a poll
const QUICK = 0.5; // an answer with nothing new in less than this many seconds was not a suspended poll
const STUCK = 2; // seconds in which the poll should bring what a post has been told is in the log
const CATCH_UP = 1000; // so many messages are read after a loss; if there are more, only the newest

// ---- Pure parts ----

/**
 * Seconds to wait before the attempt after `attempt` failures (0, 1, 2 …): exponential, capped, and only then
 * jittered, so that many clients stay spread at the cap too. Never less than the server asked for.
 */
export function backoff(attempt, random, { first = 1, cap = 30, retryAfter = null } = {}) {
  const luck = random();
  const most = Math.min(cap, first * 2 ** attempt);
  const wait = most / 2 + (luck * most) / 2;
  return retryAfter === null ? wait : Math.max(wait, retryAfter + luck);
}

/** `epoch.next` as `{epoch, next}`, or null. */
export function parseCursor(cursor) {
  const match = /^(.+)\.(\d{1,18})$/.exec(cursor ?? "");
  return match && { epoch: match[1], next: Number(match[2]) };
}

/** Of `messages` those from `next` on (null: all), in order, each once; and the `next` after them. */
export function merge(next, messages) {
  const fresh = [];
  for (const message of [...messages].sort((a, b) => a.seq - b.seq)) {
    if (next !== null && message.seq < next) continue;
    fresh.push(message);
    next = message.seq + 1;
  }
  return { fresh, next };
}

/**
 * Where to read on when our cursor has expired: `{cursor, next, lost}`, or null if nothing we hold fits what the
 * server holds (another epoch, or ahead of it), or if there is so much to read that only the newest page makes sense.
 */
export function afterLoss(cursor, { earliest, latest }) {
  const [ours, first, head] = [cursor, earliest, latest].map(parseCursor);
  if (!ours || !first || !head || ours.epoch !== first.epoch) return null;
  if (first.next <= ours.next || head.next - first.next > CATCH_UP) return null;
  return { cursor: earliest, next: first.next, lost: first.next - ours.next };
}

export function isRoomName(name) {
  return /^[a-z0-9][a-z0-9._-]{0,63}$/.test(name);
}

function isMessage(value) {
  const hasTime = !Number.isNaN(new Date(value?.at * 1000).getTime());
  return hasTime && Number.isSafeInteger(value.seq) && [value.text, value.author].every((one) => typeof one === "string");
}

function isPage(value) {
  return typeof value?.cursor === "string" && Array.isArray(value.messages) && value.messages.every(isMessage);
}

/** No answer to this request will be another one if it is sent again as it is. */
function isFinal({ status }) {
  return status >= 400 && status < 500 && ![408, 425, 429].includes(status);
}

/** The server does not let us in, and it was our server that said so: a firewall's 403 has no type, and may pass. */
function isRefusal({ status, type }) {
  return [401, 403].includes(status) && typeof type === "string";
}

/** What the library takes from around it; a test gives its own. */
function surroundings(given) {
  const { fetch, timers = globalThis, now = Date.now, random = Math.random } = given;
  return { fetch: fetch ?? globalThis.fetch.bind(globalThis), timers, now, random };
}

/** An unguessable key for a post. (crypto.randomUUID() is there under https only; this works on plain http as well.) */
export function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const jsonHeaders = (more) => ({ "Content-Type": "application/json", ...more });

// ---- Who we are ----

/**
 * Who we are: `get({ room })` (what we may do there; without a room: anywhere), `signIn(name, password)` (without a
 * password: as a guest), `signOut()`.
 */
export function openSession({ base, ticket, ...given }) {
  const requests = new Requests(surroundings(given), ticket);
  const url = new URL("session", base);
  return {
    get: ({ room } = {}) => requests.json(room === undefined ? url : new URL(`?${new URLSearchParams({ room })}`, url)),
    signIn: (name, password) => requests.json(url,
      { method: "POST", headers: jsonHeaders(), body: JSON.stringify({ name, password }) }),
    signOut: () => requests.json(url, { method: "DELETE" }),
  };
}

/**
 * What moderators do in a room; each ends when it holds, or with a Problem. `erase(seq)`: the message has lost what it
 * said, for all who read it from now on. `ban(name, seconds)`, `mute(name, seconds)` (Infinity: for good): they may
 * neither read nor post, or not post; `unban(name)`, `unmute(name)`. `bans()`, `mutes()`: those that hold.
 */
export function openModeration({ base, room, ticket, ...given }) {
  return moderation(new Requests(surroundings(given), ticket), roomUrl(base, room));
}

// ---- The room ----

function roomUrl(base, room) {
  if (!isRoomName(room)) throw new RangeError(`Not the name of a room: ${room}`);
  return new URL(`rooms/${room}/`, base);
}

/**
 * A room to read and to write. `base` is the URL that the server is served under. Events:
 *
 * - `messages`: an array of new ones, in the order of the log. One with `erased` has lost what it said.
 * - `state`: `{state, seconds, error}`: connecting, live, reconnecting (the next attempt in `seconds`), stopped, or
 *   refused: we may not read here, or not as who we are now. It ends there; start() asks again. Posts are not stopped.
 * - `gap`: `{lost, reset}`: so many messages were lost (null: unknown). With `reset` the log is another one, or we were
 *   away too long: what was shown before does not belong to what follows.
 * - `delayed`: `{key, seconds, error}`: a post has failed and is sent again in so many seconds.
 */
export function openRoom(options) {
  return new Room(options);
}

class Room {
  #world;
  #requests;
  #url;
  #cursor = null; // goes back to the server as it came
  #next = null; // the seq that comes next: all before it has been given out
  #state = { state: "stopped" };
  #life = new AbortController(); // until stop()
  #poll = new AbortController(); // until the open poll is abandoned
  #running = false;
  #sleepers = new Set(); // each ends its own back-off
  #outbox = Promise.resolve(); // when the last post was answered
  #listeners = { messages: new Set(), state: new Set(), gap: new Set(), delayed: new Set() };

  constructor({ base, room, ticket, ...given }) {
    this.#world = surroundings(given);
    this.#requests = new Requests(this.#world, ticket);
    this.#url = new URL("messages", roomUrl(base, room));
  }

  /** Calls `listener` with each such event, until the function that is returned is called. */
  on(event, listener) {
    this.#listeners[event].add(listener);
    return () => this.#listeners[event].delete(listener);
  }

  start() {
    if (this.#running) return;
    this.#running = true;
    if (this.#life.signal.aborted) this.#life = new AbortController();
    this.#run(this.#life.signal);
  }

  /** Ends the poll and all posts that are under way. start() goes on from the same cursor, as after a refusal. */
  stop() {
    this.#running = false;
    this.#life.abort(new Error("The room was stopped."));
    this.#say({ state: "stopped" });
  }

  /**
   * Something around us has changed: try now what waits for its time. With `newNetwork` the connection of the open
   * poll is given up as well, for it may be dead without saying so.
   */
  wakeUp({ newNetwork = false } = {}) {
    this.#requests.glance();
    for (const wake of [...this.#sleepers]) wake();
    if (newNetwork) this.#poll.abort(new Error("Asking again by another connection."));
  }

  /** The messages before `seq`, oldest first; none: this is as far back as the room goes. */
  async history(seq) {
    const page = await this.#page({ before: seq }, { signals: [this.#life.signal] });
    const [theirs, ours] = [page.cursor, this.#cursor].map((cursor) => parseCursor(cursor)?.epoch);
    if (theirs !== ours) throw new Error("The log is another one by now.");
    return merge(null, page.messages).fresh.filter((message) => message.seq < seq);
  }

  /**
   * Where an EventSource ("events") or a WebSocket ("socket") follows this room from where it has come to. Neither can
   * send headers, so the ticket, a new one where it comes of a function, stands in the URL: whoever sees that has it.
   */
  async streamUrl(kind) {
    const url = new URL(kind, this.#url);
    if (kind === "socket") url.protocol = url.protocol.replace("http", "ws");
    if (this.#cursor !== null) url.searchParams.set("cursor", this.#cursor);
    const ticket = await this.#requests.newTicket([]);
    if (ticket !== null) url.searchParams.set("ticket", ticket);
    return url.href;
  }

  /**
   * Sends a message, again and again under the same key until there is an answer for good: `{message, cursor}`, or a
   * Problem. To go on after a reload give the same `key`; `signal` takes the message back if it is not sent yet.
   */
  post(text, { data, key = newKey(), signal } = {}) {
    const signals = [this.#life.signal, signal].filter(Boolean);
    const answer = this.#outbox.then(() => this.#send(JSON.stringify({ text, data }), key, signals));
    this.#outbox = answer.catch(() => {});
    return answer;
  }

  async #send(body, key, signals) {
    const request = { method: "POST", headers: jsonHeaders({ "Idempotency-Key": key }), body, signals };
    for (let attempt = 0; ; attempt += 1) {
      for (const signal of signals) signal.throwIfAborted();
      try {
        const posted = await this.#requests.json(this.#url, request);
        if (!isMessage(posted?.message)) throw new Error("The answer to a post has no message.");
        this.#expect(posted.message.seq);
        return posted;
      } catch (error) {
        if (isFinal(error) || signals.some((signal) => signal.aborted)) throw error;
        const seconds = backoff(attempt, this.#world.random, { retryAfter: error.retryAfter });
        this.#emit("delayed", { key, seconds, error });
        await this.#sleep(seconds, signals, error.retryAfter);
      }
    }
  }

  /** A post went through: so the server is there, and the poll has to bring message `seq` soon. */
  #expect(seq) {
    const isHere = () => this.#next > seq;
    if (isHere()) return;
    this.wakeUp();
    this.#world.timers.setTimeout(() => isHere() || this.wakeUp({ newNetwork: true }), STUCK * 1000);
  }

  /** The loop. Its first poll, and that after any trouble, is not suspended: it tells at once whether we are live. */
  async #run(life) {
    let [failures, fruitless, wait] = [0, 0, 0];
    this.#say({ state: "connecting" });
    while (!life.aborted) {
      this.#poll = new AbortController();
      const began = this.#world.now();
      try {
        const { fresh, retryAfter } = await this.#ask(wait, [life, this.#poll.signal]);
        this.#say({ state: "live" });
        if (failures) this.wakeUp(); // for posts that wait
        failures = 0;
        const isQuick = this.#world.now() - began < QUICK * 1000;
        fruitless = isQuick && !fresh ? fruitless + 1 : 0;
        wait = HOLD;
        // One is innocent: an empty room, or the first poll after trouble. And of a crowd some have to wait.
        if (fruitless > 1 || (retryAfter !== null && !fresh)) {
          const seconds = backoff(Math.max(fruitless - 2, 0), this.#world.random, { retryAfter });
          await this.#sleep(seconds, [life], retryAfter);
        }
      } catch (error) {
        wait = 0;
        if (life.aborted || this.#poll.signal.aborted) continue; // stopped, or abandoned: nothing has failed
        if (isRefusal(error)) return this.#refuse(error);
        await this.#reconnect(failures, error, life);
        failures += 1;
      }
    }
  }

  #refuse(error) {
    this.#running = false;
    this.#say({ state: "refused", error });
  }

  async #reconnect(failures, error, life) {
    const seconds = backoff(failures, this.#world.random, { retryAfter: error.retryAfter });
    this.#say({ state: "reconnecting", seconds, error });
    await this.#sleep(seconds, [life], error.retryAfter);
    if (!life.aborted) this.#say({ state: "reconnecting", seconds: 0, error });
  }

  /** One poll: how many messages it has brought, and when to come again (null: at once). */
  async #ask(wait, signals) {
    const query = this.#cursor === null ? {} : { cursor: this.#cursor, wait };
    try {
      const page = await this.#page(query, { patience: wait + MARGIN, signals });
      return { fresh: this.#accept(page), retryAfter: page.retryAfter };
    } catch (error) {
      // 410 is an expired cursor, 400 one that the server does not even understand.
      if (this.#cursor === null || ![400, 410].includes(error.status)) throw error;
      await this.#recover(error, signals);
      return { fresh: 0, retryAfter: null }; // or a server whose cursors always expire would be asked without end
    }
  }

  /** Our cursor has expired: say so, and read on from where one can. */
  async #recover(problem, signals) {
    const onward = afterLoss(this.#cursor, problem);
    if (onward) {
      [this.#cursor, this.#next] = [onward.cursor, onward.next];
      this.#emit("gap", { lost: onward.lost, reset: false });
      return;
    }
    const newest = await this.#page({}, { signals });
    this.#next = null;
    this.#emit("gap", { lost: null, reset: true });
    this.#accept(newest);
  }

  #accept({ cursor, messages }) {
    const expected = this.#next;
    const { fresh, next } = merge(expected, messages);
    this.#cursor = cursor;
    this.#next = next ?? parseCursor(cursor)?.next ?? null;
    const lost = expected !== null && fresh.length ? fresh[0].seq - expected : 0;
    if (lost) this.#emit("gap", { lost, reset: false });
    if (fresh.length) this.#emit("messages", fresh);
    return fresh.length;
  }

  async #page(query, options) {
    const url = new URL(this.#url);
    url.search = new URLSearchParams(query);
    const { body, retryAfter } = await this.#requests.ask(url, options);
    if (!isPage(body)) throw new Error("The answer is not a page of messages.");
    return { ...body, retryAfter };
  }

  /** Ends after so many seconds, by a signal, or by wakeUp(), except where the server has named the time. */
  #sleep(seconds, signals, retryAfter = null) {
    return new Promise((resolve) => {
      const end = follow(signals);
      const wake = () => end.abort();
      const timer = this.#world.timers.setTimeout(wake, seconds * 1000);
      if (retryAfter === null) this.#sleepers.add(wake);
      const done = () => {
        this.#world.timers.clearTimeout(timer);
        this.#sleepers.delete(wake);
        resolve();
      };
      if (end.signal.aborted) done();
      else end.signal.addEventListener("abort", done);
    });
  }

  #say(state) {
    if (state.state === "live" && this.#state.state === "live") return;
    this.#state = state;
    this.#emit("state", state);
  }

  /** A listener that throws is its own trouble: the error is reported, and the room goes on. */
  #emit(event, detail) {
    for (const listener of [...this.#listeners[event]]) {
      try {
        listener(detail);
      } catch (error) {
        this.#world.timers.setTimeout(() => { throw error; });
      }
    }
  }
}
