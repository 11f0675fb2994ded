/** The menu on messages: one for all of them, which a button on each opens. */

const DISTANCE = 4; // pixels between the menu and what is around it

const $ = (id) => document.getElementById(id);
const [scroller, log, menu] = ["scroller", "log", "menu"].map($);

/**
 * `offer(message)` shows the choices that there are for it (and hides the others); `choose(id, item)` does what one has
 * chosen. Meanwhile `view` holds still.
 */
export function openMenu(view, { offer, choose }) {
  let opener = null; // the button by which it is open
  let stop = null; // the one button to which Tab leads

  const choices = () => [...menu.children].filter((choice) => !choice.hidden);

  function open(button) {
    offer(button.closest(".message").message);
    if (!choices().length) return;
    opener = button;
    opener.setAttribute("aria-expanded", "true");
    view.hold(true);
    menu.hidden = false;
    place();
    choices()[0].focus({ preventScroll: true });
  }

  /** The focus goes back to where it came from, or near, unless somebody has put it elsewhere (`focus` is false). */
  function close({ focus = true } = {}) {
    if (!opener) return;
    const from = opener;
    opener = null;
    from.setAttribute("aria-expanded", "false");
    menu.hidden = true;
    if (focus) focusOn(from.closest(".message"));
    view.hold(false);
  }

  /** The focus to the button of `item`, or near it, if that has none (any more). */
  function focusOn(item) {
    const button = item.querySelector(".more");
    (button.offsetParent ? button : scroller).focus({ preventScroll: true });
  }

  /** Below its button, or above where there is no room; whatever moves the button, moves it. */
  function place() {
    if (!opener) return;
    const [button, around] = [opener, menu.parentElement].map((element) => element.getBoundingClientRect());
    if (button.bottom < around.top || button.top > around.bottom) {
      close();
      return;
    }
    const [below, above] = [button.bottom + DISTANCE, button.top - DISTANCE - menu.offsetHeight];
    const fits = below + menu.offsetHeight <= around.bottom;
    const most = around.width - menu.offsetWidth - DISTANCE;
    menu.style.top = `${Math.max(DISTANCE, (fits ? below : above) - around.top)}px`;
    menu.style.left = `${Math.max(DISTANCE, Math.min(button.left - around.left, most))}px`;
  }

  /** Of so many buttons Tab leads to one: the newest one's, or that which one is at. From there arrow keys go on. */
  function stopAt(button) {
    if (stop) stop.tabIndex = -1;
    stop = button;
    if (stop) stop.tabIndex = 0;
  }

  /** The nearest button from `item` on, `way` being that to its neighbour. */
  function nearest(item, way) {
    while (item && item.querySelector(".more")?.hidden !== false) item = item[way];
    return item?.querySelector(".more") ?? null;
  }

  function renew() {
    if (opener && !opener.isConnected) close();
    if (!stop?.isConnected || stop.hidden || ![document.activeElement, opener].includes(stop)) {
      stopAt(nearest(log.lastElementChild, "previousElementSibling"));
    }
  }

  function onKeyInMenu(event) {
    const all = choices();
    const at = all.indexOf(document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
    if (to !== undefined) all.at(to % all.length).focus();
    else if (event.key === "Escape" || event.key === "Tab") close();
    else return;
    event.stopPropagation();
    if (event.key !== "Tab") event.preventDefault(); // which goes on from the button
  }

  function onKeyInLog(event) {
    const way = { ArrowUp: "previousElementSibling", ArrowDown: "nextElementSibling" }[event.key];
    if (!way || !event.target.matches(".more")) return;
    event.preventDefault();
    nearest(event.target.closest(".message")[way], way)?.focus();
  }

  log.addEventListener("click", ({ target }) => {
    if (!target.matches(".more")) return;
    if (target === opener) close();
    else open(target);
  });
  log.addEventListener("keydown", onKeyInLog);
  log.addEventListener("focusin", ({ target }) => target.matches(".more") && stopAt(target));
  menu.addEventListener("keydown", onKeyInMenu);
  menu.addEventListener("click", ({ target }) => {
    const choice = target.closest("[role=menuitem]");
    if (!choice || !opener) return;
    const item = opener.closest(".message");
    close();
    choose(choice.id, item);
  });
  document.addEventListener("pointerdown", ({ target }) => {
    if (target !== opener && !menu.contains(target)) close({ focus: false });
  });
  scroller.addEventListener("scroll", place);
  new ResizeObserver(place).observe(scroller);
  new MutationObserver(renew).observe(log, { childList: true, subtree: true, attributeFilter: ["hidden"] });
  return { close, focusOn };
}
