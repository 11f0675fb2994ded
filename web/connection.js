/** The connection: whether the server is there, and whether it lets us read. */
import { unread } from "./log.js";
import { roomName } from "./place.js";

const $ = (id) => document.getElementById(id);

export function showConnection(room, me) {
  let countdown;
  let current = "connecting"; // the state that is shown
  let as; // the name under which we read
  let hasTried = false; // to read on as who we are, and to ask who that is, since we were refused

  function show({ state, seconds = 0, error }) {
    current = state;
    document.body.dataset.connection = state;
    const isOurs = error?.status >= 400 && error?.status < 500; // the server's own words
    $("status").textContent = {
      connecting: "Connecting…",
      live: "Connected",
      reconnecting: isOurs ? error.message : "The connection is lost. Reconnecting…",
      refused: error?.message,
    }[state] ?? "";
    clearInterval(countdown);
    let left = Math.round(seconds);
    const tick = () => {
      $("countdown").textContent = left > 0 ? `again in ${left} s` : "";
      left -= 1;
    };
    tick();
    if (left > 0) countdown = setInterval(tick, 1000);
    $("try-now").hidden = seconds < 2 && state !== "refused";
    $("come-in").hidden = true;
    if (state === "refused") refused(error);
    if (state !== "live") return;
    hasTried = false;
    me.refresh();
  }

  /**
   * We may not read. Either that is how it is here, or our session has ended: then we read on as who we are now, if
   * that is allowed. What is shown stays.
   */
  async function refused(error) {
    await me.settled(); // it may be us who have just signed out
    await me.refresh();
    if (current !== "refused") return; // we read on as somebody else
    const canSignIn = me.ways.password && !me.isMember;
    $("come-in").hidden = !canSignIn;
    $("try-now").hidden = canSignIn && error.status === 401;
    if (error.status !== 401) return;
    if (canSignIn) $("status").textContent = `Sign in to read ${roomName}`;
    if (hasTried) return;
    hasTried = true;
    if (me.may("read")) room.start();
    else if (canSignIn) me.ask(`You have to sign in to read ${roomName}.`);
  }

  function tryNow() {
    if (current === "refused") room.start();
    else room.wakeUp();
  }

  /** Who we are decides what we may read, and as whom the poll counts: it is asked anew. */
  function asSomebodyElse() {
    const isNew = as !== undefined && as !== me.name;
    as = me.name;
    if (!isNew) return;
    hasTried = false;
    if (current === "refused") room.start();
    else if (current === "live") room.wakeUp({ newNetwork: true });
  }

  room.on("state", show);
  me.on(asSomebodyElse);
  $("try-now").addEventListener("click", tryNow);
  $("come-in").addEventListener("click", () => me.ask());
  for (const change of ["online", "offline"]) addEventListener(change, () => room.wakeUp({ newNetwork: true }));
  addEventListener("pageshow", () => room.wakeUp());
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    unread.show(0);
    tryNow();
    me.refresh();
  });
}
