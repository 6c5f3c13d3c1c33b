// Keeps the status page true: replaces its contents when the watcher says that something changed,
// counts ages on, and says plainly when the watcher is no longer heard.
//
// The events are read with fetch, not EventSource: its heartbeats are comments, which EventSource
// hides, so a connection that is open and dead would leave a green page standing.
"use strict";

(() => {
  const body = document.body;
  const silence = Number(body.dataset.silence) * 1000;
  const gone = Math.min(5000, silence);
  const language = document.documentElement.lang;
  const pulse = document.getElementById("pulse");
  const pulseText = document.getElementById("pulse-text");
  const lost = document.getElementById("lost");
  const announcer = document.getElementById("announcer");
  const ages = new Intl.RelativeTimeFormat(language, { numeric: "always" });
  // ISO 8601's order of digits, which both languages read.
  const clock = new Intl.DateTimeFormat("sv-SE", {
    year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short",
  });
  const calendar = new Intl.DateTimeFormat(language, { dateStyle: "long", timeStyle: "long" });
  const isUtc = new Date().getTimezoneOffset() === 0;
  const units = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

  // The watcher's clock, carried on by a clock that nobody sets: ages stay right on a machine whose
  // own clock is wrong.
  let served = Number(body.dataset.now);
  let servedAt = performance.now();
  let heard = performance.now();
  let connected = false;
  let parted = performance.now();
  let isLost = false;
  let wanted = false;
  let fetching = false;
  // A page that could not be fetched, or changes that may have been missed.
  let stale = false;

  const now = () => served + (performance.now() - servedAt) / 1000;

  const relative = (at) => {
    const away = at - now();
    const [unit, length] = units.find(([, size]) => Math.abs(away) >= size) || units[3];
    const count = Math.trunc(away / length);
    return ages.format(count === 0 ? -0 : count, unit);
  };

  const setText = (element, text) => {
    if (element.textContent !== text) element.textContent = text;
  };

  const tick = () => {
    for (const element of document.querySelectorAll("[data-ago]")) {
      setText(element, relative(Number(element.dataset.ago)));
    }
  };

  const dress = () => {
    for (const element of document.querySelectorAll("time[data-clock]")) {
      element.title = calendar.format(new Date(element.dateTime));
    }
    for (const element of document.querySelectorAll("[data-local]")) {
      const local = clock.format(new Date(Number(element.dataset.local) * 1000));
      element.textContent = `${local} (${body.dataset.here})`;
      element.hidden = isUtc;
    }
    if (navigator.clipboard) {
      for (const command of document.querySelectorAll("pre.command")) addCopy(command);
    }
    tick();
  };

  const addCopy = (command) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = body.dataset.copy;
    const text = command.textContent;
    button.setAttribute("aria-label", `${body.dataset.copy}: ${text}`);
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(text);
      button.textContent = body.dataset.copied;
      announcer.textContent = body.dataset.copied;
    });
    command.classList.add("can-copy");
    command.append(button);
  };

  // What a reader opened, and where the focus is, as something that a new page also has.
  const folders = () => [...document.querySelectorAll("main details[data-key]")];
  const address = (element, main) => {
    const list = [...main.querySelectorAll("a, button, summary")];
    const folder = element.closest("details[data-key]");
    return {
      key: folder && element.matches("summary") ? folder.dataset.key : null,
      index: list.indexOf(element),
      tag: element.tagName,
      text: element.textContent,
    };
  };
  const findAgain = (place, main) => {
    if (place.key !== null) {
      const folder = folders().find((one) => one.dataset.key === place.key);
      return folder ? folder.querySelector("summary") : null;
    }
    const list = [...main.querySelectorAll("a, button, summary")];
    const same = (one) => one && one.tagName === place.tag && one.textContent === place.text;
    return same(list[place.index]) ? list[place.index] : list.find(same);
  };

  const replace = (text) => {
    const page = new DOMParser().parseFromString(text, "text/html");
    const fresh = page.getElementById("main");
    const main = document.getElementById("main");
    if (!fresh || !main) throw new Error("not the status page");
    const before = main.dataset.state;
    const open = new Map(folders().map((folder) => [folder.dataset.key, folder.open]));
    const held = main.contains(document.activeElement) && document.activeElement !== main
      ? address(document.activeElement, main) : null;
    const scroll = [window.scrollX, window.scrollY];

    served = Number(page.body.dataset.now);
    servedAt = performance.now();
    main.dataset.state = fresh.dataset.state;
    main.dataset.said = fresh.dataset.said;
    main.dataset.version = fresh.dataset.version;
    main.replaceChildren(...fresh.childNodes);
    for (const folder of folders()) {
      const was = open.get(folder.dataset.key);
      if (was !== undefined) folder.open = was;
    }
    dress();
    if (held) (findAgain(held, main) || main).focus({ preventScroll: true });
    window.scrollTo(...scroll);

    document.title = page.title;
    const icon = document.querySelector("link[rel=icon]");
    const freshIcon = page.querySelector("link[rel=icon]");
    if (icon && freshIcon && icon.href !== freshIcon.href) icon.href = freshIcon.href;
    if (main.dataset.state !== before) announcer.textContent = main.dataset.said;
  };

  // One request at a time, one a second at the most: a storm of changes is one new page.
  const refresh = async () => {
    wanted = true;
    if (fetching) return;
    fetching = true;
    while (wanted) {
      wanted = false;
      try {
        const response = await fetch(location.href, {
          cache: "no-store", headers: { Accept: "text/html" }, signal: AbortSignal.timeout(10000),
        });
        if (!response.ok) throw new Error(String(response.status));
        replace(await response.text());
      } catch {
        // The events tell whether the watcher is there; asked again when they do.
        wanted = false;
        stale = true;
      }
      await new Promise((resume) => setTimeout(resume, 1000));
    }
    fetching = false;
  };

  const show = (state) => {
    pulse.hidden = false;
    pulse.dataset.pulse = state;
    setText(pulseText, pulseText.dataset[state]);
  };

  const judge = () => {
    const quiet = performance.now() - heard;
    const nowLost = quiet > silence || (!connected && performance.now() - parted > gone);
    if (nowLost && !isLost) {
      const at = new Date((now() - quiet / 1000) * 1000);
      const strong = document.createElement("strong");
      strong.textContent = `${lost.dataset.since} ${at.toISOString().slice(11, 19)} UTC`;
      lost.replaceChildren(strong, lost.dataset.help);
      lost.hidden = false;
      body.classList.add("is-lost");
      document.title = `⚠ ${pulseText.dataset.lost} – ${document.title}`;
    } else if (!nowLost && isLost) {
      lost.hidden = true;
      lost.replaceChildren();
      body.classList.remove("is-lost");
      refresh();
    }
    isLost = nowLost;
    show(isLost ? "lost" : connected ? "live" : "connecting");
  };

  const listen = async () => {
    const stop = new AbortController();
    const watchdog = setInterval(() => {
      if (performance.now() - heard > silence) stop.abort();
    }, 1000);
    try {
      const response = await fetch("events", {
        cache: "no-store", headers: { Accept: "text/event-stream" }, signal: stop.signal,
      });
      if (!response.ok || !response.body) throw new Error(String(response.status));
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      connected = true;
      heard = performance.now();
      judge();
      if (stale) { stale = false; refresh(); }
      let rest = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        heard = performance.now();
        // Lines are at most a few dozen characters; what has no end is not the watcher.
        rest = (rest + value).slice(-4096);
        const lines = rest.split(/\r\n|\n|\r/);
        rest = lines.pop();
        for (const line of lines) {
          const version = /^data: ?(\d+)$/.exec(line);
          if (version && version[1] !== document.getElementById("main").dataset.version) refresh();
        }
        if (isLost) judge();
      }
    } catch {
      // Said by judge(), by the time it matters.
    } finally {
      clearInterval(watchdog);
    }
    if (connected) { connected = false; parted = performance.now(); }
    stale = true;
  };

  const keepListening = async () => {
    let pause = 1000;
    for (;;) {
      const began = performance.now();
      await listen();
      await new Promise((resume) => setTimeout(resume, pause));
      pause = performance.now() - began > 10000 ? 1000 : Math.min(2 * pause, 10000);
    }
  };

  dress();
  judge();
  setInterval(tick, 1000);
  setInterval(judge, 500);
  // The strip and what is overdue move on even where nothing changes.
  setInterval(() => { if (connected) refresh(); }, 60000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) judge(); });
  keepListening();
})();
