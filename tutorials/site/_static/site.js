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
// A comma stays with the formula before it, and a bracket with the one after it.
function glue(formula) {
  const before = formula.previousSibling, after = formula.nextSibling, held = document.createElement("span");
  const open = before && before.nodeType === Node.TEXT_NODE && /[(\[]+$/.exec(before.data);
  const close = after && after.nodeType === Node.TEXT_NODE && /^[,.;:!?)\]]+/.exec(after.data);
  if (!open && !close) return;
  held.className = "held";
  formula.replaceWith(held);
  if (open) held.append(before.splitText(open.index));
  held.append(formula);
  if (close) {
    after.splitText(close[0].length);
    held.append(after);
  }
}
// A picture is a link to itself: on a phone its words are small.
function linkToItself(picture) {
  const link = document.createElement("a");
  link.href = picture.src;
  picture.replaceWith(link);
  link.append(picture);
}
// In a table a name breaks after its signs, not anywhere.
function breakable(name) {
  if (!name.children.length) name.innerHTML = name.innerHTML.replace(/[/_.=](?=\w)/g, "$&<wbr>");
}
document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("article td code.literal .pre").forEach(breakable);
  document.querySelectorAll("article span.math").forEach(glue);
  document.querySelectorAll("article img").forEach((picture) => picture.closest("a") || linkToItself(picture));
});
window.addEventListener("load", () => window.MathJax && MathJax.startup.promise.then(markWide));
window.addEventListener("resize", markWide);
