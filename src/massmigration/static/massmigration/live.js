// Asks for the parts that move, only while something moves and somebody looks.
//
// <div data-mm-live="URL" data-mm-moving="1" data-mm-state="…" data-mm-cut-off="…"> is replaced by
// what URL gives; where nothing comes, the last of these is said above it. When the state changes, the
// whole page is asked for once, because buttons and tables change with it.

const FAST = 2000;
const SLOWEST = 30000;

let wait = FAST;
let timer = 0;
let seen = null;

function part() {
  return document.querySelector("#mm-page [data-mm-live]");
}

function isMoving() {
  const place = part();
  return Boolean(place && place.dataset.mmLive && place.dataset.mmMoving === "1");
}

// Puts new content in place and keeps what the reader has opened, and where the focus is.
function replace(place, fill) {
  const open = [...place.querySelectorAll("details[open][id]")].map((each) => each.id);
  const focused = place.contains(document.activeElement) ? document.activeElement : null;
  const focus = focused && (focused.id || focused.getAttribute("href") || focused.textContent);
  fill();
  for (const id of open) {
    const again = document.getElementById(id);
    if (again) again.open = true;
  }
  if (focused) {
    const found = [...place.querySelectorAll("a, button, summary, [tabindex]")].find(
      (each) => (each.id || each.getAttribute("href") || each.textContent) === focus,
    );
    (found || document.getElementById("mm-page")).focus({ preventScroll: true });
  }
  follow();
  say();
  document.dispatchEvent(new CustomEvent("mm:replaced"));
}

// The table and the tabs say the same as the bars that move.
function follow() {
  for (const bar of document.querySelectorAll("#mm-page progress[data-mm-run]")) {
    for (const each of document.querySelectorAll("#mm-page [data-mm-percent]")) {
      if (each.dataset.mmPercent === bar.dataset.mmRun) each.textContent = bar.textContent;
    }
  }
}

// What a screen reader is told: a place that stays, because one that is new says nothing, and only
// when the words change. The words are in <p data-mm-say>.
const voice = document.createElement("p");
voice.className = "mm-hidden";
voice.setAttribute("role", "status");
let told = words();

function words() {
  const place = document.querySelector("#mm-page [data-mm-say]");
  return place ? place.textContent.trim() : "";
}

function say() {
  const now = words();
  if (now !== told) voice.textContent = now;
  told = now;
}

async function refreshPage() {
  const response = await fetch(window.location.href, { headers: { Accept: "text/html" } });
  if (!response.ok || response.redirected) {
    window.location.reload();
    return;
  }
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  const page = fresh.getElementById("mm-page");
  const place = document.getElementById("mm-page");
  if (!page || !place) {
    window.location.reload();
    return;
  }
  replace(place, () => place.replaceChildren(...page.childNodes));
}

async function refreshPart() {
  const place = part();
  const response = await fetch(place.dataset.mmLive, { headers: { Accept: "text/html" } });
  if (response.redirected || response.status === 403 || response.status === 404) {
    // Signed out, or the run is gone: the page itself says it best.
    await refreshPage();
    return;
  }
  if (!response.ok) throw new Error(response.statusText);
  const state = response.headers.get("X-MassMigration-State");
  const before = place.dataset.mmState || seen;
  seen = state;
  if (response.headers.get("X-MassMigration-Moving") !== "1" || (before && before !== state)) {
    seen = null;
    await refreshPage();
    return;
  }
  const html = await response.text();
  replace(place, () => {
    const fresh = new DOMParser().parseFromString(html, "text/html");
    place.replaceChildren(...fresh.body.childNodes);
  });
}

function note(isCutOff) {
  const page = document.getElementById("mm-page");
  if (page) page.classList.toggle("mm-cut-off", isCutOff);
  const said = document.getElementById("mm-cut-off");
  if (!isCutOff && said) said.remove();
  const place = part();
  if (!isCutOff || said || !place || !place.dataset.mmCutOff) return;
  const text = document.createElement("p");
  text.id = "mm-cut-off";
  text.className = "mm-note mm-warn";
  text.setAttribute("role", "alert");
  text.textContent = place.dataset.mmCutOff;
  place.before(text);
}

async function tick() {
  timer = 0;
  if (document.hidden || !isMoving()) return;
  try {
    await refreshPart();
    wait = FAST;
    note(false);
  } catch {
    wait = Math.min(wait * 2, SLOWEST);
    note(true);
  }
  schedule();
}

function schedule() {
  if (!timer && !document.hidden && isMoving()) timer = window.setTimeout(tick, wait);
}

document.addEventListener("visibilitychange", () => {
  wait = FAST;
  if (!document.hidden && isMoving() && !timer) tick();
});
document.body.append(voice);
schedule();
