// Shows moments in the reader's own time zone; the server's own stays as the tooltip.

const language = document.documentElement.lang || undefined;

function localise() {
  let format;
  try {
    format = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
  } catch {
    return;
  }
  for (const each of document.querySelectorAll("time.mm-time[datetime]")) {
    const text = each.getAttribute("datetime");
    // Without an offset nobody knows the zone.
    if (each.dataset.mmLocal || !/(Z|[+-]\d\d:?\d\d)$/.test(text)) continue;
    each.title = each.textContent;
    each.textContent = format.format(new Date(text));
    each.dataset.mmLocal = "1";
  }
}

localise();
document.addEventListener("mm:replaced", localise);
