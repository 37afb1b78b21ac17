/* recsvc.js: lists on a shop's pages. docs/integration.md says how. No dependencies, no cookies, nothing stored.
 *
 *   <script src="https://rec.shop.example/recsvc.js" data-key="rk_public_…" async></script>
 *   <div data-recsvc="home" data-n="4"></div>
 */
(function () {
  "use strict";
  var script = document.currentScript;
  var base = script.src.replace(/\/recsvc\.js(\?.*)?$/, "");
  var QUESTION = ["placement", "items", "session_items", "exclude", "n", "locale"];
  var SECONDS_SEEN = 1, PART_SEEN = 0.5, SECONDS_GATHERED = 2;
  var TEXTS = {
    en: {
      home: "Picked for you", discover: "New for you", again: "Buy again", complements: "Goes well with this",
      similar: "You may also like", popular: "Popular right now"
    },
    de: {
      home: "Für Sie ausgewählt", discover: "Neu für Sie", again: "Wieder kaufen", complements: "Passt gut dazu",
      similar: "Das könnte Ihnen auch gefallen", popular: "Gerade beliebt"
    }
  };
  var session = script.dataset.session || random();
  var seen = [], timer = null;

  function random() {
    return Array.from(crypto.getRandomValues(new Uint8Array(16)), function (byte) {
      return (byte + 256).toString(16).slice(1);
    }).join("");
  }

  function address(path, query) {
    if (script.dataset.key) query.key = script.dataset.key;
    var text = new URLSearchParams(query).toString();
    return base + path + (text ? "?" + text : "");
  }

  function languageOf(place) {
    var wanted = place.dataset.locale || (place.closest("[lang]") || {}).lang || navigator.language || "en";
    return wanted.slice(0, 2).toLowerCase() === "de" ? "de" : "en";
  }

  function ask(place) {
    var question = { scenario: place.dataset.recsvc || "home", locale: languageOf(place) };
    var token = place.dataset.token || script.dataset.token;
    QUESTION.forEach(function (name) {
      var value = place.getAttribute("data-" + name.replace("_", "-"));
      if (value && name !== "locale") question[name] = value;
    });
    if (question.placement) delete question.scenario;
    if (!token) return fetch(address("/recommend", question), { credentials: "omit" });
    // A token belongs into no address: addresses end up in logs.
    ["items", "session_items", "exclude"].forEach(function (name) {
      if (question[name]) question[name] = question[name].split(",").filter(Boolean);
    });
    if (question.n) question.n = Number(question.n);
    question.customer_token = token;
    return fetch(address("/recommend", {}), {
      method: "POST", credentials: "omit", headers: { "Content-Type": "application/json" }, body: JSON.stringify(question)
    });
  }

  function render(place) {
    place.setAttribute("aria-busy", "true");
    return ask(place).then(function (response) {
      if (!response.ok) throw new Error("recsvc answers " + response.status);
      place.dataset.customer = response.headers.get("Customer-Token-Status") || "anonymous";
      return response.json();
    }).then(function (answer) {
      show(place, answer);
      tell(place, "rendered", answer);
    }).catch(function (error) {
      place.hidden = !place.querySelector("[data-recsvc-item]");
      tell(place, "failed", error);
    }).then(function () {
      place.removeAttribute("aria-busy");
    });
  }

  function tell(place, name, detail) {
    place.dispatchEvent(new CustomEvent("recsvc:" + name, { bubbles: true, detail: detail }));
  }

  function show(place, answer) {
    var named = place.dataset.template;
    var template = named ? document.querySelector(named) : place.querySelector("template");
    var list = make("ul", "recsvc-list");
    list.setAttribute("role", "list"); // Safari forgets it where a style takes the bullets away
    answer.items.forEach(function (item) {
      var entry = make("li", "recsvc-item");
      entry.dataset.recsvcItem = item.item_id;
      entry.append(template ? filled(template, item, place) : card(item, place));
      watch(entry, answer.recommendation_id, item.item_id);
      list.append(entry);
    });
    Array.from(place.children).forEach(function (child) {
      if (child !== template) child.remove();
    });
    var text = place.dataset.title || TEXTS[languageOf(place)][answer.scenario];
    if (text) {
      var title = make("h2", "recsvc-title", text);
      title.id = "recsvc-" + random().slice(0, 8);
      list.setAttribute("aria-labelledby", title.id);
      place.append(title);
    }
    place.append(list);
    place.hidden = !answer.items.length;
  }

  function card(item, place) {
    var link = make(safe(item.link) ? "a" : "div", "recsvc-link");
    if (safe(item.link)) link.href = item.link;
    if (safe(item.image_link)) {
      var image = make("img", "recsvc-image");
      image.alt = ""; // the title beside it says it
      image.loading = "lazy";
      image.decoding = "async";
      image.src = item.image_link;
      link.append(image);
    }
    link.append(make("span", "recsvc-name", item.title));
    ["price", "reason"].forEach(function (field) {
      var text = textOf(item, field, place);
      if (text) link.append(make("span", "recsvc-" + field, text));
    });
    return link;
  }

  function filled(template, item, place) {
    var part = template.content.cloneNode(true);
    part.querySelectorAll("[data-field]").forEach(function (node) {
      var field = node.dataset.field, value = textOf(item, field, place);
      if (/^(IMG|A)$/.test(node.tagName) && /link$/.test(field)) {
        value = safe(value) ? value : "";
        if (value) node[node.tagName === "A" ? "href" : "src"] = value;
      } else node.textContent = value;
      if (!value && node.tagName !== "A") node.remove();
    });
    return part;
  }

  function textOf(item, field, place) {
    if (field !== "price") return item[field] == null ? "" : String(item[field]);
    var price = item.sale_price == null ? item.price : item.sale_price;
    if (price == null) return "";
    var style = item.currency ? { style: "currency", currency: item.currency } : { minimumFractionDigits: 2 };
    return new Intl.NumberFormat(place.dataset.locale || document.documentElement.lang || undefined, style).format(price);
  }

  function safe(link) {
    try {
      return Boolean(link) && /^https?:$/.test(new URL(link, location.href).protocol);
    } catch (error) {
      return false;
    }
  }

  function make(tag, name, text) {
    var node = document.createElement(tag);
    node.className = name;
    if (text) node.textContent = text;
    return node;
  }

  var observer = "IntersectionObserver" in window && new IntersectionObserver(function (entries) {
    entries.forEach(function (entry) {
      var node = entry.target;
      clearTimeout(node.recsvcTimer);
      if (entry.isIntersecting) node.recsvcTimer = setTimeout(function () {
        observer.unobserve(node);
        seen.push(node.recsvcSeen);
        timer = timer || setTimeout(flush, SECONDS_GATHERED * 1000);
      }, SECONDS_SEEN * 1000);
    });
  }, { threshold: PART_SEEN });

  function watch(entry, list, item) {
    entry.recsvcSeen = { list: list, item: item };
    if (observer) observer.observe(entry);
    function clicked(event) {
      if ((event.type === "click" || event.button === 1) && event.target.closest("a, button")) {
        send([happened("click", list, [item])]);
      }
    }
    entry.addEventListener("click", clicked);
    entry.addEventListener("auxclick", clicked);
  }

  function flush() {
    clearTimeout(timer);
    timer = null;
    var lists = new Map();
    seen.splice(0).forEach(function (one) {
      lists.set(one.list, (lists.get(one.list) || []).concat(one.item));
    });
    var events = Array.from(lists, function (pair) {
      return happened("impression", pair[0], pair[1]);
    });
    if (events.length) send(events);
  }

  function happened(type, list, items) {
    return { type: type, event_id: random(), session_id: session, recommendation_id: list, items: items,
      timestamp: new Date().toISOString() };
  }

  function send(events) {
    var body = { events: events }, where = address("/events", {});
    if (script.dataset.token) body.customer_token = script.dataset.token;
    var text = JSON.stringify(body); // as text/plain, which needs no preflight
    if (navigator.sendBeacon && navigator.sendBeacon(where, text)) return;
    fetch(where, { method: "POST", body: text, keepalive: true, credentials: "omit", mode: "no-cors" })
      .catch(function () {});
  }

  function renderAll(root) {
    return Promise.all(Array.from((root || document).querySelectorAll("[data-recsvc]"), render));
  }

  window.recsvc = { render: renderAll };
  document.addEventListener("visibilitychange", function () {
    if (document.visibilityState === "hidden") flush();
  });
  addEventListener("pagehide", flush);
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", function () { renderAll(); });
  else renderAll();
})();
