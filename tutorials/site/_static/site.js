"use strict";
// A formula in a line that is wider than the line is scrolled by itself; the page never is.
function markWide() {
  document.documentElement.dataset.formulas = "set";
  for (const formula of document.querySelectorAll("span.math mjx-container")) {
    formula.classList.remove("wide");
    const room = formula.closest("p, li, td, dd, dt, h1, h2, h3") || document.body;
    if (formula.offsetWidth > room.clientWidth) formula.classList.add("wide");
  }
}
window.addEventListener("load", () => window.MathJax && MathJax.startup.promise.then(markWide));
window.addEventListener("resize", markWide);
