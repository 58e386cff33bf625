// The dashboard: says over a WebSocket what it looks at, and shows what it is told. See docs/dev.md.
"use strict";

const $ = (selector) => document.querySelector(selector);

// ---- how things are written

const count = new Intl.NumberFormat("en").format;

function bytes(number) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (number >= 1000 && unit < units.length - 1) {
    number /= 1000;
    unit += 1;
  }
  return `${unit === 0 || number >= 100 ? Math.round(number) : number.toFixed(1)} ${units[unit]}`;
}

function age(since) {
  const seconds = Math.max(0, Math.floor((Date.now() - since) / 1000));
  const [days, hours, minutes] = [86400, 3600, 60].map((unit) => Math.floor(seconds / unit));
  if (days) return `${days} d ${hours % 24} h`;
  if (hours) return `${hours} h ${minutes % 60} min`;
  if (minutes) return `${minutes} min ${seconds % 60} s`;
  return `${seconds} s`;
}

function milliseconds(number) {
  return `${number < 10 ? number.toFixed(2) : number < 100 ? number.toFixed(1) : Math.round(number)} ms`;
}

const time = (at) => new Date(at).toLocaleTimeString("en-GB");
const passed = ([frames, size]) => [count(frames), { text: ` · ${bytes(size)}`, kind: "soft" }];
const isSlow = (number) => (number > 1000 ? "bad" : number > 200 ? "warn" : "");

function statusKind(status) {
  return status >= 500 ? "bad" : status >= 400 ? "warn" : status >= 300 ? "info" : "good";
}

const short = (name) => name.split("::").slice(-2).join("::");

// ---- the sections: a name, what is said where there is nothing, and columns with a cell for each row

// A cell is a list of parts: a text, or a text with a kind, a link, or a channel that it opens.
const sections = {
  connections: {
    title: "Connections",
    none: "No WebSocket is open.",
    columns: [
      ["Id", "number soft", (row) => [row.id]],
      ["Route", "code", (row) => [row.route]],
      ["Peer", "code soft whole", (row) => [row.peer ?? ""]],
      ["Channels", "code", (row) => [
        ...row.named.slice(0, 4).map((name) => ({ text: name, channel: name })),
        row.channels > 4 ? { text: `+${count(row.channels - 4)}`, kind: "soft", hint: row.named.join("\n") } : "",
      ]],
      ["Queue", "number", ({ queue: [messages, size] }) =>
        messages ? [{ text: count(messages), kind: "warn" }, { text: ` · ${bytes(size)}`, kind: "soft" }] : [{ text: "0", kind: "soft" }]],
      ["In", "number", (row) => passed(row.in)],
      ["Out", "number", (row) => passed(row.out)],
      ["Age", "number", (row) => [age(row.since)]],
    ],
  },
  channels: {
    title: "Channels",
    none: "No channel has a member.",
    columns: [
      ["Channel", "code", (row) => [{ text: row.name, channel: row.name }]],
      ["Members", "number", (row) => [count(row.members)]],
    ],
  },
  requests: {
    title: "Requests",
    none: "No request has come.",
    // The server tells of new ones alone.
    has: (row, filter) => `${row.method} ${row.path} ${row.route ?? ""} ${row.status}`.toLowerCase().includes(filter),
    columns: [
      ["Time", "number soft", (row) => [time(row.at)]],
      ["Method", "code", (row) => [row.method]],
      ["Path", "code", (row) => [row.path]],
      ["Route", "code soft", (row) => [row.route ?? "none"]],
      ["Handler", "code soft", (row) => [row.controller ? { text: short(row.controller), hint: row.controller } : ""]],
      ["Status", "number", (row) => [{ text: String(row.status), kind: statusKind(row.status) }]],
      ["Took", "number", (row) => [{ text: milliseconds(row.milliseconds), kind: isSlow(row.milliseconds) }]],
    ],
  },
  routes: {
    title: "Routes",
    none: "There are no routes.",
    has: (row, filter) => `${row.methods.join(" ")} ${row.kind} ${row.host ?? ""}${row.path} ${row.handler ?? ""} ${row.security ?? ""}`.toLowerCase().includes(filter),
    columns: [
      ["Method", "code", (row) => [{ http: row.methods.join(" "), websocket: "WS", assets: "GET", status: "page" }[row.kind]]],
      ["Path", "code", (row) => [row.host ? { text: row.host, kind: "soft" } : "", row.path]],
      ["Handler", "code", (row) => [row.handler ?? { text: "a closure", kind: "soft" }]],
      ["Security", "code", (row) => [row.security ?? ""]],
      ["Declared", "code soft whole", (row) => [{ text: `${row.file}:${row.line}`, href: row.href }]],
    ],
  },
  settings: {
    title: "Settings",
    none: "",
    has: (row, filter) => `${row.key} ${row.value} ${row.origin} ${row.meaning ?? ""}`.toLowerCase().includes(filter),
    columns: [
      ["Setting", "code whole", (row) => [row.key]],
      ["Value", "code", (row) => [{ text: row.value, kind: row.origin === "default" ? "soft" : "" }]],
      ["From", "code whole", (row) => [
        { text: row.origin, kind: row.origin === "default" ? "soft" : "info", href: row.href },
        row.for_environment ? { text: " [env.dev]", kind: "soft" } : "",
      ]],
      ["Meaning", "soft", (row) => [row.meaning ?? "the application's own"]],
    ],
  },
  builds: {
    title: "Builds",
    none: "No build is known: the application was not started by nova serve.",
    has: (row, filter) => JSON.stringify(row).toLowerCase().includes(filter),
    columns: [
      ["Build", "number", (row) => [String(row.build)]],
      ["Outcome", "", (row) => [{ text: row.outcome ?? "", kind: { failed: "bad", served: "good", built: "good", building: "warn" }[row.outcome] ?? "soft" }]],
      ["Took", "number", (row) => [row.seconds === undefined || row.seconds === null ? "" : `${row.seconds.toFixed(2)} s`]],
      ["Files", "code", (row) => [(row.files ?? []).join(", ")]],
      ["WebSockets", "", (row) => [row.moved ? `${count(row.moved)} moved` : "", lost(row)]],
      ["", "soft", (row) => [row.summary ?? ""]],
    ],
  },
};

function lost({ closed }) {
  if (!closed || closed.length === 0) return "";
  if (!Array.isArray(closed)) return ` ${count(closed)} closed`;
  return { text: ` ${closed.map(({ reason, count }) => `${count} closed: ${reason}`).join(", ")}`, kind: "warn" };
}

// ---- what is looked at: in the address, so that a reload keeps it

function wants() {
  const [name, query] = location.hash.slice(1).split("?");
  const parameters = new URLSearchParams(query);
  return {
    section: Object.hasOwn(sections, name) ? name : "connections",
    filter: parameters.get("filter") ?? "",
    channel: parameters.get("channel"),
  };
}

function want(changes) {
  const { section, filter, channel } = { ...wants(), ...changes };
  const parameters = new URLSearchParams();
  if (filter) parameters.set("filter", filter);
  if (channel !== null) parameters.set("channel", channel);
  const query = parameters.toString();
  history.replaceState(null, "", `#${section}${query ? `?${query}` : ""}`);
  look();
}

// ---- the connection

let socket = null;
let wait = 100;

function connect() {
  const url = new URL("/__nova/socket", location.href);
  url.protocol = url.protocol.replace("http", "ws");
  socket = new WebSocket(url);
  socket.onopen = () => {
    wait = 100;
    state("live", "live");
    tell();
  };
  socket.onmessage = ({ data }) => {
    const { section, data: told } = JSON.parse(data);
    on[section]?.(told);
  };
  socket.onclose = () => {
    state("gone", "not connected");
    setTimeout(connect, wait);
    wait = Math.min(wait * 1.5, 2000);
  };
}

function state(name, text) {
  $("#state").dataset.state = name;
  $("#state").textContent = text;
}

function tell() {
  if (socket?.readyState === WebSocket.OPEN) socket.send(JSON.stringify(wants()));
}

// ---- what is told

const told = {};
let before = null;

const on = {
  totals(totals) {
    const now = performance.now();
    const seconds = before ? (now - before.now) / 1000 : 0;
    const rate = (name) => (seconds > 0 ? Math.max(0, (totals[name] - before.totals[name]) / seconds) : 0);
    const perSecond = (name) => `${count(Math.round(rate(name)))}/s`;
    told.totals = totals;
    $("#name").textContent = totals.name ?? "Nova";
    document.title = `${totals.name ?? "Nova"} · dev`;
    $("#about").textContent = [totals.root, totals.build && `build ${totals.build}`, `process ${totals.process}`].filter(Boolean).join(" · ");
    told.tiles = [
      ["Connections", count(totals.connections), `${count(totals.accepted)} in all`],
      ["Channels", count(totals.channels), ""],
      ["Requests", count(totals.requests), perSecond("requests")],
      ["Frames in", count(totals.frames_in), perSecond("frames_in")],
      ["Frames out", count(totals.frames_out), perSecond("frames_out")],
      ["Memory", totals.memory === null ? "–" : bytes(totals.memory), ""],
    ];
    before = { now, totals };
    showTotals();
  },
  requests({ first, rows }) {
    told.requests = [...rows.reverse(), ...(first ? [] : told.requests ?? [])].slice(0, 200);
    showList();
  },
  messages({ channel, messages, missed }) {
    if (channel === wants().channel) showMessages(messages, missed);
  },
};
for (const name of Object.keys(sections)) {
  on[name] ??= (data) => {
    told[name] = data;
    showList();
  };
}

// ---- what is shown

function element(name, className = "", text = "") {
  return Object.assign(document.createElement(name), { className, textContent: text });
}

function showTotals() {
  if (!told.tiles) return;
  const tiles = [...told.tiles, ["Uptime", age(told.totals.started), ""]];
  const list = $("#totals");
  while (list.children.length < tiles.length) {
    const tile = element("div");
    tile.append(element("dt"), element("dd"));
    list.append(tile);
  }
  tiles.forEach(([title, value, more], index) => {
    const [dt, dd] = list.children[index].children;
    dt.textContent = title;
    const small = more ? [element("small", "", more)] : [];
    dd.replaceChildren(value, ...small);
  });
}

function rows() {
  const { section, filter } = wants();
  const data = told[section];
  if (!data) return { rows: [], all: 0, matching: 0 };
  // The server has chosen from long lists.
  if (!Array.isArray(data)) return data;
  const { has } = sections[section];
  const rows = data.filter((row) => has(row, filter.toLowerCase()));
  return { rows, all: data.length, matching: rows.length };
}

function showList() {
  const { section, filter } = wants();
  const { columns, none } = sections[section];
  const shown = rows();
  const body = $("tbody");
  shown.rows.forEach((row, index) => {
    const line = body.children[index] ?? body.appendChild(element("tr"));
    columns.forEach(([, kind, parts], column) => {
      const cell = line.children[column] ?? line.appendChild(element("td", kind));
      fill(cell, parts(row));
    });
  });
  while (body.children.length > shown.rows.length) body.lastChild.remove();
  const note = [];
  if (told[section] && shown.matching === 0) note.push(filter && shown.all ? `None of ${count(shown.all)} has “${filter}” in it.` : none);
  if (shown.matching > shown.rows.length) note.push(`${count(shown.rows.length)} of ${count(shown.matching)} are shown.`);
  if (filter && 0 < shown.matching && shown.matching < shown.all) note.push(`${count(shown.matching)} of ${count(shown.all)} match.`);
  $("#note").textContent = note.join(" ");
  $("#note").hidden = note.length === 0;
}

// What is in a cell already stays: so does the focus, and what is selected.
function fill(cell, parts) {
  parts = parts.filter((part) => part !== "").map((part) => (typeof part === "string" ? { text: part } : part));
  const is = JSON.stringify(parts);
  if (cell.shown === is) return;
  cell.shown = is;
  cell.replaceChildren(...parts.map(({ text, kind = "", href, channel, hint }) => {
    if (channel !== undefined) {
      const button = element("button", kind, text);
      button.type = "button";
      button.onclick = () => want({ channel });
      return button;
    }
    const part = element(href ? "a" : "span", kind, text);
    if (href) part.href = href;
    if (hint) part.title = hint;
    return part;
  }));
}

function showMessages(messages, missed) {
  const list = $("#tail ol");
  const isAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  if (missed) list.append(element("li", "warn", `${count(missed)} messages were too many to show`));
  for (const { sender, event, payload, cut, bytes: size } of messages) {
    const item = element("li");
    const head = element("p");
    head.append(`${time(Date.now())} `, element("b", "", event), ` from ${sender ?? "the application"} · ${bytes(size)}`);
    item.append(head, element("pre", payload === null ? "soft" : "", payload === null ? "binary" : payload + (cut ? " …" : "")));
    list.append(item);
  }
  while (list.children.length > 200) list.firstChild.remove();
  if (isAtEnd) list.scrollTop = list.scrollHeight;
}

let looked = {};

// What is looked at has changed.
function look() {
  const now = wants();
  if (now.section !== looked.section) {
    for (const tab of $("#tabs").children) tab.setAttribute("aria-selected", tab.dataset.section === now.section);
    const head = element("tr");
    head.append(...sections[now.section].columns.map(([title, kind]) => element("th", kind.includes("number") ? "number" : "", title)));
    $("thead").replaceChildren(head);
    $("tbody").replaceChildren();
    $("#list").scrollTop = 0;
  }
  if (now.channel !== looked.channel) {
    $("#tail").hidden = now.channel === null;
    $("#tail h2").textContent = now.channel ?? "";
    $("#tail ol").replaceChildren(element("li", "soft", "What is sent from now on is shown here."));
  }
  if ($("#filter").value !== now.filter) $("#filter").value = now.filter;
  looked = now;
  showList();
  tell();
}

// ---- the keyboard

addEventListener("keydown", (event) => {
  const isTyping = event.target === $("#filter");
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") {
    if (isTyping && wants().filter) want({ filter: "" });
    else if (isTyping) $("#filter").blur();
    else if (wants().channel !== null) want({ channel: null });
  } else if (isTyping) {
    return;
  } else if (event.key === "/") {
    event.preventDefault();
    $("#filter").focus();
  } else if (/^[1-9]$/.test(event.key) && Object.keys(sections)[event.key - 1]) {
    want({ section: Object.keys(sections)[event.key - 1], filter: "" });
  } else if ((event.key === "ArrowRight" || event.key === "ArrowLeft") && event.target.role === "tab") {
    const step = event.key === "ArrowRight" ? "nextElementSibling" : "previousElementSibling";
    event.target[step]?.focus();
  }
});

// ---- begin

Object.entries(sections).forEach(([name, { title }], index) => {
  const tab = element("button", "", title);
  tab.type = "button";
  tab.role = "tab";
  tab.dataset.section = name;
  tab.append(element("small", "", String(index + 1)));
  tab.onclick = () => want({ section: name, filter: "" });
  $("#tabs").append(tab);
});
$("#filter").oninput = ({ target }) => want({ filter: target.value });
$("#tail button").onclick = () => want({ channel: null });
addEventListener("hashchange", look);
setInterval(() => {
  showTotals();
  if (wants().section === "connections") showList();
}, 1000);
connect();
look();
