"use strict";
// Before a form goes out the hub is asked whether it is there: a telephone without a network says so, and keeps what
// was typed. Without this script the browser says that the page could not be loaded, and nothing is stored either.
// Written for old browsers: nothing here is newer than fetch.

const away = document.getElementById("away");
const forms = document.querySelectorAll("form[method=post]");

function isThere() {
  return new Promise((there, gone) => {
    setTimeout(gone, 8000);
    fetch("/healthz", { cache: "no-store" }).then((answer) => (answer.ok ? there() : gone()), gone);
  });
}

for (const form of forms) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    isThere().then(() => form.submit(), () => {
      away.hidden = false;
      away.scrollIntoView();
      button.disabled = false;
    });
  });
}
window.addEventListener("pageshow", () => {
  for (const form of forms) form.querySelector("button").disabled = false;
});
