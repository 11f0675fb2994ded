/** The composer: where one writes. */
import { kept } from "./place.js";

const $ = (id) => document.getElementById(id);
const text = $("text");

export function openComposer(unsent, me) {
  function changed() {
    text.style.height = "auto";
    text.style.height = `${text.scrollHeight}px`;
    kept.write("draft", text.value);
    const over = [...text.value].length - me.longestText;
    $("too-long").textContent = over > 0 ? `${over} characters too many` : "";
    $("send").disabled = over > 0 || text.disabled;
  }

  /** Where one may not write, what was written stays, and it is said why. */
  function admit() {
    text.disabled = !me.may("post");
    const why = me.isMember || !me.ways.password ? "You may not write here." : "Sign in to write here.";
    $("closed").textContent = text.disabled ? why : "";
    text.placeholder = text.disabled ? "" : "Write a message";
    $("composer").classList.toggle("closed", text.disabled);
    changed();
  }

  $("composer").addEventListener("submit", (event) => {
    event.preventDefault();
    text.focus();
    if ($("send").disabled || !text.value.trim()) return;
    unsent.add({ text: text.value.trimEnd() });
    text.value = "";
    changed();
  });
  text.addEventListener("input", changed);
  text.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    $("composer").requestSubmit();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !$("sign-in").open) text.focus();
  });
  me.on(admit);
  text.value = kept.read("draft", "");
  changed();
  text.focus();
}
