/**
 * Requests to a chat server, for chatcomet.js: each ends with an answer, with a Problem, or with another Error, and none
 * waits for ever. A ticket goes along where there is one, in a header, and so in no log and no history.
 */

export const MARGIN = 15; // seconds for all but a hold: connecting, sending, the way back
const GLANCE = 5; // seconds between two looks at the clock while a request is open
const AT_ONCE = 1; // seconds; a ticket that was refused later was good at first
const TICKETS = 3; // so many refused at once, one after the other: the last one was new, and there is no use in another
const LONGEST_RETRY_AFTER = 300; // seconds; who asks for more (or has another clock) gets this

/** A `Retry-After` header (seconds, or a date) as seconds from `now` (milliseconds); null where there is none. */
export function parseRetryAfter(header, now) {
  if (!header) return null;
  const seconds = /^\s*\d+\s*$/.test(header) ? Number(header) : (Date.parse(header) - now) / 1000;
  return Number.isNaN(seconds) ? null : Math.min(Math.max(seconds, 0), LONGEST_RETRY_AFTER);
}

/** The server has refused: its problem's `status`, `type`, `title`, `detail`, and `retryAfter` in seconds or null. */
export class Problem extends Error {
  constructor(status, body, retryAfter) {
    super(body?.detail ?? body?.title ?? `The server answered ${status}.`);
    Object.assign(this, { ...body, name: "Problem", status, retryAfter });
  }
}

/** Like AbortSignal.any(), which browsers before 2024 lack. Abort it in the end: that lets go of the signals. */
export function follow(signals) {
  const controller = new AbortController();
  for (const signal of signals) {
    if (signal.aborted) controller.abort(signal.reason);
    signal.addEventListener("abort", () => controller.abort(signal.reason), { signal: controller.signal });
  }
  return controller;
}

/** The same as `promise`, unless `signal` is sooner: whatever else a promise of others does, it may never end. */
function unlessAborted(promise, signal) {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort);
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

/** The ticket in use: a text, or what a function gave, which is asked for another when that one is spent. */
class Tickets {
  #given;
  #asked; // a promise of the one in use
  #last; // the one in use, as soon as it is there

  constructor(given) {
    this.#given = given;
  }

  /** The one to show; null: none. */
  show() {
    this.#asked ??= this.#ask();
    return this.#asked;
  }

  /** Show `ticket` no more (unless it is told: whichever there is), if there is another one to be had. */
  drop(ticket = this.#last) {
    if (ticket === this.#last) this.#asked = this.#last = undefined;
  }

  async #ask() {
    try {
      this.#last = (await (typeof this.#given === "function" ? this.#given() : this.#given)) ?? null;
      return this.#last;
    } catch (error) {
      this.#asked = undefined;
      throw new Error("No ticket could be had.", { cause: error }); // whose status, if it has one, is not our server's
    }
  }
}

/** Requests for JSON. Each of them ends: with its answer, by one of its signals, or when patience is at an end. */
export class Requests {
  #world;
  #tickets;
  #glances = new Set();

  constructor(world, ticket) {
    this.#world = world;
    this.#tickets = new Tickets(ticket);
  }

  /** The answer's body; fails with a Problem, or with another Error where this was not our server at all. */
  async json(url, options) {
    return (await this.ask(url, options)).body;
  }

  /** The answer: its `body`, and in how many seconds it says to come again, or null: `retryAfter`. */
  async ask(url, { signals = [], ...options } = {}) {
    let spent = null;
    for (let left = TICKETS; ;) {
      const ticket = await this.#ticket(signals);
      if (ticket === spent?.ticket) throw spent.error;
      const began = this.#world.now();
      try {
        return await this.#exchange(url, ticket, signals, options);
      } catch (error) {
        if (this.#world.now() - began < AT_ONCE * 1000) left -= 1; // or it was good, and has expired meanwhile
        if (error.status !== 401 || left <= 0) throw error;
        this.#tickets.drop(ticket);
        spent = { ticket, error };
      }
    }
  }

  /** A ticket that was made just now, if it is a function that makes them; else the one there is, or null. */
  newTicket(signals) {
    this.#tickets.drop();
    return this.#ticket(signals);
  }

  /** Give up now what is overdue. For the moment when a machine wakes up. */
  glance() {
    for (const glance of [...this.#glances]) glance();
  }

  #ticket(signals) {
    const asked = this.#within(MARGIN, signals, (signal) => unlessAborted(this.#tickets.show(), signal));
    return asked.catch((error) => {
      this.#tickets.drop(); // or all who come later would wait for the same
      throw error;
    });
  }

  #exchange(url, ticket, signals, { patience = MARGIN, headers, ...init }) {
    const shown = ticket === null ? {} : { Authorization: `Bearer ${ticket}` };
    return this.#within(patience, signals, async (signal) => {
      const request = { cache: "no-store", ...init, headers: { ...headers, ...shown }, signal };
      const answer = await this.#read(await this.#world.fetch(url, request));
      signal.throwIfAborted();
      return answer;
    });
  }

  /** What `act` comes to, which gets a signal: after so many seconds, or by one of the `signals`, it is to end. */
  async #within(seconds, signals, act) {
    const end = follow(signals);
    const glances = this.#watch(end, seconds);
    try {
      return await act(end.signal);
    } finally {
      glances.stop();
      end.abort();
    }
  }

  async #read(response) {
    const text = await response.text();
    const isJson = /^application\/(problem\+)?json\b/i.test(response.headers.get("Content-Type") ?? "");
    const retryAfter = parseRetryAfter(response.headers.get("Retry-After"), this.#world.now());
    if (!response.ok) throw new Problem(response.status, isJson ? JSON.parse(text) : null, retryAfter);
    if (response.status === 204) return { body: null, retryAfter };
    // A hotel's login page says 200 too.
    if (!isJson) throw new Error("Something other than the chat server has answered.");
    return { body: JSON.parse(text), retryAfter };
  }

  /**
   * Ends a request that nobody answers: a connection can be dead without either side being told. By the wall
   * clock, looked at every few seconds, since timers stand still while a machine sleeps and the clock does not.
   */
  #watch(request, patience) {
    const { timers, now } = this.#world;
    const began = now();
    let timer;
    const glance = () => {
      timers.clearTimeout(timer);
      const age = (now() - began) / 1000;
      if (age < 0 || age >= patience) request.abort(new Error("The server does not answer."));
      else timer = timers.setTimeout(glance, Math.ceil(Math.min(GLANCE, patience - age) * 1000));
    };
    const stop = () => {
      timers.clearTimeout(timer);
      this.#glances.delete(glance);
    };
    this.#glances.add(glance);
    glance();
    return { stop };
  }
}
