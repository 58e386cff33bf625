// Reloads this page when it is out of date, and shows what does not compile. Served in `dev` only: see docs/dev.md.
(() => {
  "use strict";

  const script = document.currentScript;
  const once = Symbol.for("nova.live");
  if (!script || window[once]) return;
  window[once] = true;

  // ---- what is known

  const build = script.dataset.build;
  const failures = { program: null, views: null };
  let building = false;
  // Which process said how many changes there had been: those that were missed are noticed by it.
  let heard = { process: null, changes: 0 };

  // ---- the stream of events

  let source = null;
  let timer = 0;
  let wait = 100;

  // A page that nobody looks at keeps no connection: a browser has six for all pages of a server together.
  function connect() {
    clearTimeout(timer);
    if (source || document.hidden) return;
    source = new EventSource(new URL("/__nova/events", location.origin));
    for (const name of Object.keys(on)) {
      source.addEventListener(name, ({ data }) => on[name](JSON.parse(data)));
    }
    source.onerror = () => {
      disconnect();
      timer = setTimeout(connect, wait);
      wait = Math.min(wait * 1.5, 2000);
    };
  }

  function disconnect() {
    clearTimeout(timer);
    source?.close();
    source = null;
  }

  const on = {
    hello(now) {
      wait = 100;
      const missed = now.process === heard.process && now.changes !== heard.changes;
      heard = now;
      failures.program = failures.views = null;
      building = false;
      if (now.build !== build) return reloadFor(now.build);
      forget();
      if (missed) return location.reload();
      // What still stands comes right behind.
      setTimeout(show, 50);
    },
    building() {
      building = true;
      // Most builds are over before it is worth telling.
      setTimeout(show, 300);
    },
    failed(failure) {
      if (failure.stage === "views") {
        failures.views = failure;
      } else {
        building = false;
        failures.program = failure;
      }
      show();
    },
    built() {
      building = false;
      failures.program = null;
      show();
    },
    views() {
      failures.views = null;
      show();
    },
    changed({ css, reload, changes }) {
      heard.changes = changes;
      failures.views = null;
      show();
      if (reload || isImported(new Set(css), document.styleSheets)) location.reload();
      else swap(new Set(css));
    },
  };

  // The old page may come again: for a moment from the process before, over a connection that the browser has kept; or
  // out of a cache, and then for ever.
  const mark = "nova: reloaded for";
  const MOST = 4;

  function reloadFor(other) {
    let tries = 0;
    try {
      const [build, before] = JSON.parse(sessionStorage.getItem(mark)) ?? [];
      if (build === other) tries = before;
      if (tries >= MOST) return;
      sessionStorage.setItem(mark, JSON.stringify([other, tries + 1]));
    } catch {
      // A page without storage is not in such a cache more often than others.
    }
    setTimeout(() => location.reload(), tries * 400);
  }

  function forget() {
    try {
      sessionStorage.removeItem(mark);
    } catch {
      // There is none.
    }
  }

  // ---- style sheets

  const replacing = new Map();

  // The new one is loaded before the old one goes, so that the page is never without.
  function swap(paths) {
    for (const link of document.querySelectorAll("link[rel~=stylesheet i][href]")) {
      if ([...replacing.values()].includes(link)) continue;
      const url = new URL(link.href);
      if (!isOneOf(paths, url)) continue;
      replacing.get(link)?.remove();
      const next = link.cloneNode();
      url.searchParams.set("nova", Date.now().toString(36));
      next.href = url;
      next.onload = () => {
        replacing.delete(link);
        link.remove();
      };
      next.onerror = () => {
        replacing.delete(link);
        next.remove();
      };
      replacing.set(link, next);
      link.after(next);
    }
  }

  function isOneOf(paths, url) {
    return url.origin === location.origin && paths.has(decodeURI(url.pathname));
  }

  // Whether one of them is a part of another, which has to be read again from the start.
  function isImported(paths, sheets) {
    for (const sheet of sheets) {
      let rules = [];
      try {
        rules = sheet.cssRules;
      } catch {
        // It is from elsewhere.
      }
      for (const { styleSheet } of rules) {
        if (!styleSheet) continue;
        if (styleSheet.href && isOneOf(paths, new URL(styleSheet.href))) return true;
        if (isImported(paths, [styleSheet])) return true;
      }
    }
    return false;
  }

  // ---- what is shown over the page

  let overlay = null;
  let dismissed = "";

  function show() {
    // In a page within a page it is enough that the outer one says it.
    if (window !== window.top) return;
    const failure = failures.program ?? failures.views;
    if (!failure && !building) {
      overlay?.remove();
      return;
    }
    overlay ??= new Overlay();
    if (!overlay.host.isConnected) overlay.put();
    overlay.show(failure, building, failure !== null && nameOf(failure) === dismissed);
  }

  function nameOf({ stage, build, html }) {
    return JSON.stringify([stage, build, html]);
  }

  addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !overlay?.isOpen()) return;
    event.stopImmediatePropagation();
    event.preventDefault();
    dismiss();
  }, true);

  function dismiss() {
    const failure = failures.program ?? failures.views;
    dismissed = failure ? nameOf(failure) : "";
    show();
  }

  const titles = {
    build: "The build failed",
    start: "The new program did not start",
    views: "The views can't be used",
  };

  class Overlay {
    constructor() {
      this.host = document.createElement("nova-overlay");
      const root = this.host.attachShadow({ mode: "open" });
      const sheet = new CSSStyleSheet();
      sheet.replaceSync("{style}");
      root.adoptedStyleSheets = [sheet];
      const nova = element("div", "nova");
      this.veil = element("div", "veil");
      const panel = element("section", "panel");
      panel.setAttribute("role", "alert");
      const header = element("header");
      this.title = element("h1");
      const close = element("button", "close", "Esc");
      close.type = "button";
      close.setAttribute("aria-label", "Close");
      close.onclick = dismiss;
      header.append(this.title, close);
      this.places = element("ul", "places");
      this.text = element("pre");
      this.footer = element("footer");
      panel.append(header, this.places, this.text, this.footer);
      this.veil.append(panel);
      this.veil.onclick = (event) => {
        if (event.target === this.veil) dismiss();
      };
      this.pill = element("button", "pill");
      this.pill.type = "button";
      this.pill.onclick = () => {
        dismissed = "";
        show();
      };
      nova.append(this.veil, this.pill);
      root.append(nova);
    }

    // Into the layer above all others, where there is one.
    put() {
      document.documentElement.append(this.host);
      if (this.host.showPopover) {
        this.host.popover = "manual";
        this.host.showPopover();
      }
    }

    remove() {
      this.host.remove();
      this.shown = null;
    }

    isOpen() {
      return this.host.isConnected && !this.veil.hidden;
    }

    show(failure, building, isDismissed) {
      this.veil.hidden = !failure || isDismissed;
      this.pill.hidden = !this.veil.hidden || !(building || failure);
      this.pill.className = building ? "pill building" : "pill failed";
      this.pill.textContent = building ? "building …" : summary(failure);
      this.footer.textContent = building
        ? "Building again …"
        : "The page works as before. This goes away with what mends it; Esc puts it aside.";
      // What is read now, and perhaps selected, stays as it is.
      if (!failure || this.shown === failure) return;
      this.shown = failure;
      this.title.replaceChildren(titles[failure.stage] ?? titles.build, element("small", "", summary(failure)));
      this.places.replaceChildren(...failure.places.map(placeOf));
      this.places.hidden = failure.places.length === 0;
      this.text.replaceChildren();
      write(failure.html, this.text);
      this.veil.scrollTop = 0;
    }
  }

  function summary({ summary, errors }) {
    return summary || `${errors} ${errors === 1 ? "error" : "errors"}`;
  }

  function placeOf({ level, message, place, href }) {
    const line = element("li");
    line.append(element("span", level === "error" ? "message" : "message warning", message));
    const link = element(href ? "a" : "span", "place", place);
    if (href) link.href = href;
    line.append(link);
    return line;
  }

  function element(name, className = "", text = "") {
    return Object.assign(document.createElement(name), { className, textContent: text });
  }

  // What the server makes of text for a terminal is spans, links and text. It is built from these, and never parsed as
  // HTML: a page may forbid that.
  function write(html, into) {
    let at = into;
    for (const part of html.split(/(<[^>]*>)/)) {
      const [, name, value] = /^<(span class|a href)="([^"]*)">$/.exec(part) ?? [];
      if (name === "span class") {
        at = at.appendChild(element("span", value));
      } else if (name) {
        at = at.appendChild(element("a"));
        at.href = plain(value);
      } else if (part === "</span>" || part === "</a>") {
        at = at.parentNode;
      } else {
        at.append(plain(part));
      }
    }
  }

  function plain(text) {
    const characters = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'" };
    return text.replace(/&(amp|lt|gt|quot|#39);/g, (_, name) => characters[name]);
  }

  // ---- begin

  addEventListener("visibilitychange", () => (document.hidden ? disconnect() : connect()));
  addEventListener("pagehide", disconnect);
  addEventListener("pageshow", ({ persisted }) => persisted && connect());
  connect();
})();
