// Opens items in a panel beside the list instead of on a page of their own, and widens the mail without a reload.
// Without this file everything works as plain links.
"use strict";

(() => {
  // On a phone the customers stand in a row that scrolls; the one who was chosen comes into sight.
  const chosen = document.querySelector(".person[aria-current]");
  const row = chosen && chosen.closest(".people");
  if (row) row.scrollLeft = chosen.getBoundingClientRect().left - row.getBoundingClientRect().left - 16;

  const panel = document.getElementById("panel");
  if (!panel || !panel.showModal) return;
  let opener = null;
  let cartAtStart = null;

  const plainClick = (event) =>
    event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey && !event.defaultPrevented;

  async function show(address) {
    let content;
    try {
      const answer = await fetch(address, { headers: { Accept: "text/html" } });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      content = page.querySelector("[data-panel-content]");
    } catch {
      content = null;
    }
    if (!content) {
      location.assign(address);
      return;
    }
    const close = document.createElement("button");
    close.type = "button";
    close.className = "close";
    close.textContent = "×";
    close.setAttribute("aria-label", panel.dataset.close);
    close.addEventListener("click", () => panel.close());
    if (cartAtStart === null) cartAtStart = content.dataset.cart;
    panel.replaceChildren(close, document.importNode(content, true));
    panel.setAttribute("aria-label", content.querySelector("h1").textContent);
    if (!panel.open) {
      panel.showModal();
      history.pushState({ panel: true }, "");
    }
    panel.scrollTop = 0;
    close.focus({ preventScroll: true });
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-panel]");
    if (!link || !plainClick(event)) return;
    event.preventDefault();
    if (!panel.contains(link)) opener = link;
    show(link.href);
  });

  // A click beside the panel, on the backdrop, closes it.
  panel.addEventListener("click", (event) => {
    if (event.target === panel) panel.close();
  });

  panel.addEventListener("close", () => {
    const content = panel.querySelector("[data-panel-content]");
    const changed = content && content.dataset.cart !== cartAtStart;
    const back = panel.querySelector("[data-back]");
    cartAtStart = null;
    panel.replaceChildren();
    // The page behind does not know of what was put into the cart; its address has to say so.
    if (changed && back) {
      location.replace(back.href);
      return;
    }
    if (history.state && history.state.panel) history.back();
    if (opener) opener.focus({ preventScroll: true });
  });

  window.addEventListener("popstate", () => {
    if (panel.open) panel.close();
  });

  for (const link of document.querySelectorAll("a[data-width]")) {
    link.addEventListener("click", (event) => {
      if (!plainClick(event)) return;
      event.preventDefault();
      const mail = document.querySelector(".mail");
      for (const other of document.querySelectorAll("a[data-width]")) {
        mail.classList.toggle(other.dataset.width, other === link);
        if (other === link) other.setAttribute("aria-current", "true");
        else other.removeAttribute("aria-current");
      }
      history.replaceState(history.state, "", link.href);
    });
  }
})();
