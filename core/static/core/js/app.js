// Extras only: every page works without this file. No eval, no inline handlers, no state but one switch.
const on = (event, act, options) => document.addEventListener(event, act, options);
const byId = (id) => document.getElementById(id);
const toasts = byId("toasts");
const dialog = byId("dialog");

// -- what the page has to say: gone after a while, unless it is an error or somebody is reading it -------------
const LINGER = 7000;

function linger(toast) {
  if (toast.matches(".toast--error")) return;
  const leave = () => (toast.matches(":hover, :focus-within") ? wait() : toast.remove());
  const wait = () => setTimeout(leave, LINGER);
  wait();
}

function say(template, words) {
  const toast = byId(template).content.firstElementChild.cloneNode(true);
  toast.querySelector("p").textContent = words;
  toasts.append(toast);
}

for (const toast of toasts.children) linger(toast);
new MutationObserver((changes) => {
  for (const { addedNodes } of changes) {
    for (const node of addedNodes) if (node.nodeType === Node.ELEMENT_NODE) linger(node);
  }
}).observe(toasts, { childList: true });

on("htmx:response:error", ({ detail }) => {
  if (detail.ctx.response.status >= 500) say("toast-problem", "That did not work: the fault is ours. Please try again.");
});
on("htmx:error", ({ detail }) => {
  if (detail.ctx) say("toast-problem", "No answer from the server. Check your connection and try again.");
});
on("allauth.error", (event) => {
  event.preventDefault();
  say("toast-problem", "The passkey could not be used. Try again, or take another way.");
});

// -- busy: the target and the pressed button say so, and a form goes out once ----------------------------------
function busy(element, state) {
  if (state) element.setAttribute("aria-busy", "true");
  else element.removeAttribute("aria-busy");
}

on("htmx:before:request", ({ detail: { ctx } }) => {
  ctx.busy = [ctx.target, ctx.request.submitter, ctx.sourceElement.closest("button")].filter(Boolean);
  for (const element of ctx.busy) busy(element, true);
});
on("htmx:finally:request", ({ detail: { ctx } }) => {
  for (const element of ctx.busy ?? []) busy(element, false);
});

on("submit", (event) => {
  const button = event.submitter;
  if (event.defaultPrevented || !button) return;
  if (button.ariaBusy === "true") return event.preventDefault();
  // After the browser has read the form; an answer that is a download leaves the page as it is.
  setTimeout(() => busy(button, true));
  setTimeout(() => busy(button, false), 5000);
});

// A page out of the browser's back cache may belong to a session, or a membership, that is over.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

// -- clicks ----------------------------------------------------------------------------------------------------
const clicks = {
  "[data-dismiss]": (button) => button.closest(".toast").remove(),
  "[data-close]": (button) => button.closest("dialog")?.close(),
  "[data-copy]": (button) =>
    (navigator.clipboard?.writeText(button.dataset.copy) ?? Promise.reject()).then(
      () => say("toast-done", "Copied"),
      () => say("toast-problem", "The browser did not allow copying."),
    ),
  "[data-reveal]": (button) => {
    const input = byId(button.dataset.reveal);
    const shown = input.type === "password";
    input.type = shown ? "text" : "password";
    button.setAttribute("aria-pressed", shown);
  },
};
// Browsers without invoker commands: only what the pages use.
if (!("command" in HTMLButtonElement.prototype)) {
  clicks["[commandfor]"] = (button) => {
    const target = byId(button.getAttribute("commandfor"));
    const command = button.getAttribute("command");
    if (command === "show-modal") target.showModal();
    else if (command.endsWith("close")) target.close();
  };
}
on("click", ({ target }) => {
  for (const [selector, act] of Object.entries(clicks)) {
    const hit = target.closest?.(selector);
    if (hit) act(hit);
  }
});

// -- the dialog is open while there is something in it ---------------------------------------------------------
new MutationObserver(() => {
  const filled = dialog.childElementCount > 0;
  if (filled && !dialog.open) dialog.showModal();
  if (!filled && dialog.open) dialog.close();
}).observe(dialog, { childList: true });
dialog.addEventListener("close", () => dialog.replaceChildren());

// -- after a fragment arrived ----------------------------------------------------------------------------------
on("htmx:after:swap", ({ detail: { ctx } }) => {
  document.querySelectorAll("[data-selection]").forEach(count);
  if (ctx.response?.status === 422) document.querySelector('[aria-invalid="true"]')?.focus();
});

// -- choosing rows ---------------------------------------------------------------------------------------------
function count(form) {
  const picks = [...form.querySelectorAll("[data-pick]")];
  const picked = picks.filter((box) => box.checked).length;
  const all = form.querySelector("[data-pick-all]");
  if (all) {
    all.checked = picked > 0 && picked === picks.length;
    all.indeterminate = picked > 0 && picked < picks.length;
  }
  form.querySelectorAll("[data-picked]").forEach((place) => (place.textContent = `${picked} selected`));
  form.querySelectorAll("[data-when-picked]").forEach((bar) => (bar.hidden = picked === 0));
}
on("change", ({ target }) => {
  const form = target.closest?.("[data-selection]");
  if (!form) return;
  if (target.matches("[data-pick-all]")) form.querySelectorAll("[data-pick]").forEach((box) => (box.checked = target.checked));
  count(form);
});
document.querySelectorAll("[data-selection]").forEach(count);

// -- single keys: O then W, and /; one switch in "Help and shortcuts" turns them off (WCAG 2.1.4) ----------------
const shortcuts = document.querySelector("[data-shortcuts]");
if (shortcuts) {
  shortcuts.checked = localStorage.getItem("shortcuts") !== "off";
  shortcuts.addEventListener("change", () => localStorage.setItem("shortcuts", shortcuts.checked ? "on" : "off"));
}
const visible = (selector) => [...document.querySelectorAll(selector)].find((element) => element.checkVisibility());
on("keydown", (event) => {
  const palette = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k" && document.querySelector("[data-palette]");
  if (!palette) return;
  event.preventDefault();
  if (!dialog.open) palette.click();
});
// Up and down through what was found, from the field on.
on("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const found = step && event.target.closest?.("[data-found]");
  if (!found) return;
  const stops = [...found.querySelectorAll("input[type=search], li > a")];
  event.preventDefault();
  stops[stops.indexOf(document.activeElement) + step]?.focus();
});
let before = "";
on("keydown", (event) => {
  const typing = event.target.closest?.("input, textarea, select, dialog, [contenteditable]");
  if (event.ctrlKey || event.metaKey || event.altKey || typing || shortcuts?.checked === false) return;
  const key = event.key.toLowerCase();
  const search = key === "/" && visible("main input[type=search]");
  if (search) {
    event.preventDefault();
    search.focus();
  }
  const switcher = before === "o" && key === "w" && visible("[data-switcher]");
  if (switcher) {
    switcher.focus();
    switcher.click();
  }
  before = key;
  setTimeout(() => (before = ""), 1500);
});
