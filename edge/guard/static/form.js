"use strict";
// One press is one deed: the button rests until the gate has answered. (The gate knows a repeated form by its key too.)

const form = document.querySelector("form.deed");
form.addEventListener("submit", () => {
  const button = form.querySelector("button[type=submit]");
  setTimeout(() => { button.disabled = true; });
  setTimeout(() => { button.disabled = false; }, 10000);
});
window.addEventListener("pageshow", () => { form.querySelector("button[type=submit]").disabled = false; });
// Whoever types already, on a slow telephone, is not taken elsewhere in the middle of a word.
if (document.activeElement === document.body) form.querySelector("[aria-invalid]")?.focus();
