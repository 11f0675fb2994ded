/** Where this page is, and what of it outlives a reload of its tab. */

export const base = new URL(".", document.baseURI);
export const roomName = new URLSearchParams(location.search).get("room") ?? "lobby";

export const kept = {
  key: (what) => `chatcomet ${base.pathname} ${roomName} ${what}`,
  read(what, otherwise) {
    try {
      return JSON.parse(sessionStorage.getItem(this.key(what))) ?? otherwise;
    } catch {
      return otherwise;
    }
  },
  write(what, value) {
    try {
      sessionStorage.setItem(this.key(what), JSON.stringify(value));
    } catch { /* Storage may be full or forbidden: then a reload forgets. */ }
  },
};
