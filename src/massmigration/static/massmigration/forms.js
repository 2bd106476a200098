// A form marked data-mm-once is sent once, however often its button is clicked.
// The server refuses the second time too.

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches("[data-mm-once]")) return;
  if (form.dataset.mmSent) {
    event.preventDefault();
    return;
  }
  form.dataset.mmSent = "1";
  for (const button of form.querySelectorAll("button")) button.setAttribute("aria-disabled", "true");
});

// A page that comes back from the browser's memory may be sent again.
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-mm-sent]")) {
    delete form.dataset.mmSent;
    for (const button of form.querySelectorAll("button")) button.removeAttribute("aria-disabled");
  }
});
