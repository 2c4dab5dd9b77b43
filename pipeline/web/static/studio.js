// Studio: editors in place of the text fields, answers as one types, files, events, and parts as tabs on a phone.
"use strict";

(() => {
  const page = document.getElementById("studio-page");
  if (!page || !window.CodeMirror) return;
  const cm = window.CodeMirror;
  const at = (id) => document.getElementById(id);
  const form = at("studio");
  const words = JSON.parse(page.dataset.words);
  // A text in the language of the page; `pipeline/web/script_words.py` lists them all.
  const _ = (text, values = {}) => (words[text] ?? text).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
  const saves = "saves" in page.dataset;
  const SECONDS = 1000;
  const UNAVAILABLE = 503;
  const QUIET = 150; // milliseconds without a keystroke before the draft is tried

  // Requests

  const stale = at("stale");
  const said = (text) => {
    stale.textContent = text;
    stale.hidden = !text;
  };
  const ask = async (address, fields, options = {}) => {
    const body = fields ? new URLSearchParams(fields) : undefined;
    const method = fields ? "POST" : "GET";
    const headers = { accept: "application/json", ...options.headers };
    const answer = await fetch(address, { method, body, headers });
    const value = options.text ? await answer.text() : await answer.json();
    if (!answer.ok && !(options.allowed ?? []).includes(answer.status)) {
      throw Object.assign(new Error(value.detail ?? answer.statusText), { status: answer.status });
    }
    return value;
  };
  const reported = (error) => {
    said(_("{error}. What you see may be out of date.", { error: error.message || _("Studio does not answer") }));
  };

  // Highlighting

  const NAMES = /(?<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|(?<event>\bevent(?:\s*\.\s*\w+|\[[^\]]*\])*)|(?<call>\b[A-Za-z_]\w*(?=\())|(?<number>\b\d+(?:\.\d+)?\b|\btrue\b|\bfalse\b|\bnull\b)/g;
  const marks = Object.fromEntries(["text", "event", "call", "number"].map((name) => [name, cm.Decoration.mark({ class: `ex-${name}` })]));
  const whole = cm.Decoration.mark({ class: "ex" });
  const closing = (line, from) => {
    let depth = 0;
    let quote = "";
    for (let index = from; index < line.length; index++) {
      const one = line[index];
      if (quote) { if (one === "\\") index++; else if (one === quote) quote = ""; }
      else if (one === '"' || one === "'") quote = one;
      else if (one === "{") depth++;
      else if (one === "}" && depth-- === 0) return index;
    }
    return line.length;
  };
  const expressions = (line) => {
    const found = [];
    const condition = /^\s*(?:- )?when:\s*[|>'"-]*\s*/.exec(line);
    if (condition) return [[condition[0].length, line.length]];
    for (let from = line.indexOf("${"); from >= 0; from = line.indexOf("${", from + 2)) {
      if (line[from - 1] === "$") continue;
      found.push([from, Math.min(closing(line, from + 2) + 1, line.length)]);
    }
    return found;
  };
  const highlighted = (view) => {
    const found = [];
    for (const { from, to } of view.visibleRanges) {
      for (let position = from; position <= to;) {
        const line = view.state.doc.lineAt(position);
        for (const [start, end] of line.length < 5000 ? expressions(line.text) : []) {
          if (start === end) continue;
          found.push(whole.range(line.from + start, line.from + end));
          for (const match of line.text.slice(start, end).matchAll(NAMES)) {
            const name = Object.keys(match.groups).find((group) => match.groups[group] !== undefined);
            found.push(marks[name].range(line.from + start + match.index, line.from + start + match.index + match[0].length));
          }
        }
        position = line.to + 1;
      }
    }
    return cm.Decoration.set(found, true);
  };
  const expressionHighlighting = cm.ViewPlugin.fromClass(
    class {
      constructor(view) { this.decorations = highlighted(view); }
      update(update) { if (update.docChanged || update.viewportChanged) this.decorations = highlighted(update.view); }
    },
    { decorations: (plugin) => plugin.decorations },
  );
  // A long line goes on below its own indentation. By classes: the content policy refuses style attributes.
  const MOST_INDENT = 12;
  const hung = (view) => {
    const found = [];
    for (const { from, to } of view.visibleRanges) {
      for (let position = from; position <= to;) {
        const line = view.state.doc.lineAt(position);
        const indent = Math.min(/^ */.exec(line.text)[0].length, MOST_INDENT);
        found.push(cm.Decoration.line({ class: `hang-${indent - (indent % 2)}` }).range(line.from));
        position = line.to + 1;
      }
    }
    return cm.Decoration.set(found);
  };
  const hanging = cm.ViewPlugin.fromClass(
    class {
      constructor(view) { this.decorations = hung(view); }
      update(update) { if (update.docChanged || update.viewportChanged) this.decorations = hung(update.view); }
    },
    { decorations: (plugin) => plugin.decorations },
  );
  const style = cm.HighlightStyle.define([
    { tag: cm.tags.definition(cm.tags.propertyName), class: "tok-key" },
    { tag: cm.tags.propertyName, class: "tok-key" },
    { tag: cm.tags.comment, class: "tok-comment" },
    { tag: [cm.tags.string, cm.tags.special(cm.tags.string)], class: "tok-text" },
    { tag: [cm.tags.number, cm.tags.bool, cm.tags.null], class: "tok-number" },
    { tag: [cm.tags.separator, cm.tags.punctuation, cm.tags.squareBracket, cm.tags.brace], class: "tok-punctuation" },
  ]);

  // Completion and hover: offsets here count UTF-16 code units, on the server characters

  const characters = (text, units) => [...text.slice(0, units)].length;
  const units = (text, count) => [...text].slice(0, count).join("").length;
  const KINDS = { key: "property", field: "variable", function: "function", value: "enum", variable: "variable", template: "class", type: "type", rule: "constant" };
  const complete = async (context) => {
    const before = context.matchBefore(/[\w.-]*/);
    const opened = context.matchBefore(/(?:[.{"']|: |[=!]= )$/);
    if (!context.explicit && !opened && before.from === before.to) return null;
    const text = context.state.doc.toString();
    try {
      const fields = { file: at("file").value, rules: text, at: characters(text, context.pos) };
      const { items } = await ask("studio/complete", fields);
      if (!items || !items.length) return null;
      if (!context.explicit && items[0].kind === "key" && before.from === before.to) return null;
      return {
        from: units(text, items[0].start),
        filter: false,
        options: items.map((item) => ({
          label: item.label,
          type: KINDS[item.kind],
          detail: item.detail,
          info: item.doc || undefined,
          apply: (view, _, __, to) => {
            const from = units(text, item.start);
            view.dispatch({ changes: { from, to, insert: item.insert }, selection: { anchor: from + item.insert.length }, userEvent: "input.complete" });
          },
        })),
      };
    } catch { return null; } // it is asked again with the next keystroke
  };
  const hover = cm.hoverTooltip(async (view, position) => {
    const text = view.state.doc.toString();
    try {
      const found = (await ask("studio/hover", { file: at("file").value, rules: text, at: characters(text, position) })).hover;
      if (!found) return null;
      return {
        pos: units(text, found.start),
        end: units(text, found.end),
        above: true,
        create: () => {
          const dom = document.createElement("div");
          dom.className = "hover";
          const title = document.createElement("code");
          title.textContent = found.title;
          dom.append(title, found.body);
          return { dom };
        },
      };
    } catch { return null; }
  });

  // The editors

  const edited = (area, label, extensions, changed) => {
    const all = [
      cm.EditorView.cspNonce.of(page.dataset.nonce),
      cm.lineNumbers(),
      cm.history(),
      cm.drawSelection(),
      cm.EditorView.lineWrapping,
      hanging,
      cm.bracketMatching(),
      cm.closeBrackets(),
      cm.highlightActiveLine(),
      cm.indentUnit.of("  "),
      cm.syntaxHighlighting(style),
      cm.EditorView.contentAttributes.of({ "aria-label": label, "aria-describedby": "summary", spellcheck: "false", autocapitalize: "off", tabindex: "0" }),
      cm.EditorView.updateListener.of((update) => {
        if (!update.docChanged) return;
        area.value = update.state.doc.toString();
        changed(update);
      }),
      ...extensions,
      // Tab leaves the editor: the keyboard must not be caught in it (WCAG 2.1.2).
      cm.keymap.of([...cm.closeBracketsKeymap, ...cm.completionKeymap, ...cm.searchKeymap, ...cm.historyKeymap, ...cm.lintKeymap, ...cm.defaultKeymap]),
    ];
    const fresh = (doc) => cm.EditorState.create({ doc, extensions: all });
    const view = new cm.EditorView({ state: fresh(area.value), parent: area.parentElement });
    // Another file: Undo must not bring the text of the one before into it.
    view.begin = (doc) => {
      view.setState(fresh(doc));
      area.value = doc;
    };
    area.hidden = true;
    area.removeAttribute("aria-describedby");
    return view;
  };
  const replace = (view, text, userEvent = "studio.load") =>
    view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text }, selection: { anchor: 0 }, userEvent });

  let savedText = at("rules").value;
  let version = page.dataset.version ?? "";
  let file = at("file").value;
  let timer;
  // What the summary says is of an earlier draft until the newest one is checked.
  let edits = 0;
  const unchecked = (isUnchecked, isBusy = isUnchecked) => {
    at("summary").classList.toggle("unchecked", isUnchecked);
    at("summary").setAttribute("aria-busy", String(isBusy));
  };
  const soon = () => {
    edits++;
    unchecked(true);
    clearTimeout(timer);
    timer = setTimeout(tried, QUIET);
  };
  const text = () => rules.state.doc.toString();
  const isDirty = () => text() !== savedText;
  const showDirty = () => {
    at("dirty").hidden = !isDirty();
    if (at("save")) at("save").disabled = !isDirty();
    at("undo").disabled = cm.undoDepth(rules.state) === 0;
    if (at("test-form")) at("test-form").hidden = !shownCard || file === "new.yaml" || /(^|\/)(tests\/|templates\.ya?ml$)/.test(file) || at("old-card").hidden === false;
  };
  const phone = at("part-card");
  let shownCard = phone.querySelector(".phone") !== null; // the page came with the card of its rules
  const rules = edited(at("rules"), _("Rules"), [
    cm.yaml(), expressionHighlighting, hover, cm.lintGutter(),
    cm.autocompletion({ override: [complete], activateOnTyping: true, activateOnTypingDelay: 120, icons: false }),
    cm.keymap.of([{ key: "Mod-s", preventDefault: true, run: () => { save(); return true; } }]),
    cm.EditorView.updateListener.of((update) => { if (update.selectionSet) follow(); }),
  ], () => { showDirty(); listRules(); soon(); });
  const event = edited(at("event"), _("Event"), [cm.json()], soon);

  // Trying a draft

  let isTrying = false;
  let isDue = false;
  const tried = async () => {
    clearTimeout(timer);
    if (isTrying) { isDue = true; return; } // drafts are tried one after the other: only the newest is due
    isTrying = true;
    isDue = false;
    keep();
    const sent = text();
    const before = edits;
    unchecked(true);
    try {
      const fields = { file, rules: sent, type: at("type").value, event: event.state.doc.toString() };
      const found = await ask("studio", fields, { headers: { "x-studio": "parts" } });
      said("");
      if (sent === text()) show(found, sent);
      if (before === edits) unchecked(false);
    } catch (error) {
      reported(error);
      if (before === edits) unchecked(true, false);
      if (!error.status || error.status === UNAVAILABLE) timer = setTimeout(tried, 3 * SECONDS); // it may be back then
    }
    isTrying = false;
    if (isDue) await tried();
  };
  const show = ({ parts, marks: findings, shown, counts }, sent) => {
    for (const [name, html] of Object.entries(parts)) {
      if (name === "card") continue;
      at(name === "summary" ? "summary" : `part-${name}`).innerHTML = html;
    }
    // The last good card stays while there is none.
    const keeps = !shown && shownCard;
    if (!keeps) phone.innerHTML = parts.card;
    if (shown) shownCard = phone.querySelector(".phone") !== null;
    phone.classList.toggle("dimmed", keeps);
    at("old-card").hidden = !keeps;
    at("count").textContent = counts.findings || "";
    const levels = { error: "error", warning: "warning", note: "info" };
    const length = rules.state.doc.length;
    const diagnostics = findings.map((one) => {
      const from = Math.min(units(sent, one.start), length);
      const to = Math.min(Math.max(units(sent, one.end), from), length);
      return { from, to, severity: levels[one.level], message: one.hint ? `${one.words}\n${one.hint}` : one.words, source: one.code };
    });
    rules.dispatch(cm.setDiagnostics(rules.state, diagnostics));
    showDirty();
  };
  document.addEventListener("click", (clicked) => {
    const item = clicked.target.closest("[data-start]");
    if (!clicked.target.closest("a.place") || !item) return;
    clicked.preventDefault();
    tab("rules");
    const whole = text();
    const anchor = Math.min(units(whole, Number(item.dataset.start)), whole.length);
    const head = Math.min(units(whole, Number(item.dataset.end)), whole.length);
    rules.dispatch({ selection: { anchor, head }, effects: cm.EditorView.scrollIntoView(anchor, { y: "center" }) });
    rules.focus();
  });

  // Files and rules

  const discards = () => !isDirty() || window.confirm(_("Discard your changes to {file}?", { file }));
  const open = async (query) => {
    const found = await ask(`studio/file?${new URLSearchParams(query)}`);
    savedText = text(); // what was there is saved, or was discarded
    keep();
    file = found.file;
    version = found.version ?? "";
    savedText = found.rules;
    at("file").value = file;
    at("type").value = found.type;
    at("conflict").hidden = true;
    shownCard = false;
    rules.begin(found.rules);
    event.begin(found.event);
    window.history.replaceState(null, "", `?${new URLSearchParams({ file })}`); // a reload opens it again
    listSources(found.choices);
    listRules();
    showDirty();
    loadPalette();
    await tried();
  };
  at("file").addEventListener("change", async () => {
    const wanted = at("file").value;
    if (!discards()) { at("file").value = file; return; }
    // Templates are for every event: the one that is there stays.
    const kept = /(^|\/)templates\.ya?ml$/.test(wanted) ? { type: at("type").value } : {};
    try { await open({ file: wanted, ...kept }); } catch (error) { at("file").value = file; reported(error); }
  });
  // What one can go to: the rules of a file of rules, the tests of a file of tests, the templates of templates.yaml
  const LISTS = {
    tests: { pattern: /^ *- +name: *["']?(.+?)["']? *$/gm, label: _("Go to test") },
    templates: { pattern: /^ {2}["']?([\w-]+)["']?: *(?:#.*)?$/gm, label: _("Go to template") },
    rules: { pattern: /^ *- +id: *["']?([\w-]+)/gm, label: _("Go to rule") },
  };
  const kind = () => (/(^|\/)tests\//.test(file) ? "tests" : /(^|\/)templates\.ya?ml$/.test(file) ? "templates" : "rules");
  const listed = () => {
    const found = [...text().matchAll(LISTS[kind()].pattern)].map((match) => ({ name: match[1], index: match.index, indent: match[0].search(/\S/) }));
    if (kind() !== "tests") return found;
    let test; // a case is named after its test, as it is in the list of events
    return found.map((one) => {
      if (test && one.indent > test.indent) return { name: `${test.name}: ${one.name}`, index: one.index, test };
      test = one;
      return one;
    });
  };
  const ruleList = at("rule");
  const listRules = () => {
    const found = listed().map((one) => one.name);
    ruleList.hidden = found.length < 2;
    ruleList.labels[0].textContent = LISTS[kind()].label;
    if ([...ruleList.options].map((one) => one.value).join() === found.join()) return;
    ruleList.replaceChildren(...found.map((name) => new Option(name, name)));
    follow();
  };
  const placeOf = (name) => listed().find((one) => one.name === name)?.index ?? 0;
  const follow = () => {
    const head = rules.state.selection.main.head;
    const above = listed().filter((one) => one.index <= head).pop();
    if (above && !ruleList.hidden) ruleList.value = above.name;
  };
  const typesOf = (name) => {
    const found = listed().find((one) => one.name === name);
    const block = text().slice((found?.test ?? found)?.index ?? 0).split(/\n(?= *- +(?:id|name):)/)[0];
    return [...at("type").options].map((one) => one.value).filter((type) => block.includes(type));
  };
  ruleList.addEventListener("change", async () => {
    const name = ruleList.value;
    const anchor = placeOf(name);
    rules.dispatch({ selection: { anchor }, effects: cm.EditorView.scrollIntoView(anchor, { y: "start" }) });
    if (kind() === "templates") return;
    try {
      const types = typesOf(name);
      if (types.length && !types.includes(at("type").value)) {
        at("type").value = types[0];
        loadPalette();
        await choose({});
      }
      const own = kind() === "tests" && [...source.options].find((one) => one.text === name);
      if (own) await choose({ key: own.value });
    } catch (error) { reported(error); }
  });
  // Drafts: this tab keeps what is not saved, so that a reload, another language or a crash does not lose it

  const KEPT = "studio";
  const kept = () => {
    try { return { drafts: {}, ...JSON.parse(window.sessionStorage.getItem(KEPT)) }; } catch { return { drafts: {} }; }
  };
  const keep = () => {
    const { drafts } = kept();
    if (isDirty()) drafts[file] = { rules: text(), version };
    else delete drafts[file];
    try {
      const shown = { file, type: at("type").value, event: event.state.doc.toString(), tab: page.dataset.tab };
      window.sessionStorage.setItem(KEPT, JSON.stringify({ drafts, shown }));
    } catch { /* without storage, or beyond its limit: leaving the page asks */ }
  };
  const restoreDraft = (draft) => {
    version = draft.version; // of the file as it was then: saving finds what has changed since
    replace(rules, draft.rules, "studio.restore");
    offer(_("Your changes that were not saved are here again. Undo brings the file's text back."), [
      button(_("Close"), () => { conflict.hidden = true; }),
    ]);
  };
  const restore = () => {
    const { drafts, shown } = kept();
    if (shown?.file === file && performance.getEntriesByType("navigation")[0]?.type !== "navigate") {
      if ([...at("type").options].some((one) => one.value === shown.type)) at("type").value = shown.type;
      event.begin(shown.event);
      tab(shown.tab);
      loadPalette();
    }
    const other = Object.keys(drafts).find((name) => name !== file && [...at("file").options].some((one) => one.value === name));
    if (drafts[file] && drafts[file].rules !== text()) restoreDraft(drafts[file]);
    else if (other) {
      offer(_("Your changes to {file} are not saved.", { file: other }), [
        button(_("Go on with them"), async () => {
          if (!discards()) return;
          try { await open({ file: other }); restoreDraft(drafts[other]); } catch (error) { reported(error); }
        }),
        button(_("Discard them"), () => {
          conflict.hidden = true;
          const { drafts: now, ...rest } = kept();
          delete now[other];
          window.sessionStorage.setItem(KEPT, JSON.stringify({ ...rest, drafts: now }));
        }),
      ]);
    }
  };
  let isSwitching = false; // the language: the page comes back with its draft
  document.addEventListener("click", (clicked) => { if (clicked.target.closest?.("[data-switch]")) isSwitching = true; });
  window.addEventListener("pagehide", keep);
  window.addEventListener("beforeunload", (leaving) => { if (isDirty() && !isSwitching) leaving.preventDefault(); });

  // Saving

  const conflict = at("conflict");
  const button = (label, run) => {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = label;
    made.addEventListener("click", run);
    return made;
  };
  const offer = (words, buttons, more = []) => {
    const said = document.createElement("p");
    said.textContent = words;
    conflict.replaceChildren(said, ...more, ...buttons);
    conflict.hidden = false;
  };
  const save = async (before = version) => {
    if (!saves || !isDirty()) return;
    let name = file;
    if (file === "new.yaml" && !version) {
      name = window.prompt(_("Name of the file, within the folder of rules:"), "new.yaml");
      if (!name) return;
    }
    const sent = text();
    try {
      const answer = await ask("studio/save", { file: name, rules: sent, before: name === file ? before : "" }, { allowed: [409] });
      if (!answer.saved) { differs(name, answer); return; }
      if (name !== file) { await opened(name); return; }
      version = answer.version;
      savedText = sent;
      conflict.hidden = true;
      said("");
      showDirty();
      soon();
    } catch (error) { said(_("Not saved: {error}", { error: error.message })); }
  };
  const opened = async (name) => {
    savedText = text();
    if (![...at("file").options].some((one) => one.value === name)) at("file").add(new Option(name, name), 0);
    await open({ file: name });
  };
  const CHANGES = { "+": "ins", "-": "del", "@": "i" };
  const diffOf = (lines) => {
    const made = document.createElement("pre");
    made.className = "diff";
    made.tabIndex = 0;
    made.setAttribute("role", "group");
    made.setAttribute("aria-label", _("Difference: - is in the file, + is yours"));
    for (const line of lines) {
      const one = document.createElement(CHANGES[line[0]] ?? "span");
      one.textContent = `${line}\n`;
      made.append(one);
    }
    return made;
  };
  const differs = (name, answer) => {
    const words = answer.version
      ? _("{name} has changed on disk since it was opened. Nothing is overwritten.", { name })
      : _("{name} does not exist any more.", { name });
    offer(words, [
      button(_("Keep mine and overwrite it"), () => { file = name; version = answer.version; save(answer.version); }),
      button(_("Take the file's text (Undo brings mine back)"), () => {
        version = answer.version;
        savedText = answer.text;
        conflict.hidden = true;
        replace(rules, answer.text);
      }),
    ], answer.version && answer.diff.length ? [diffOf(answer.diff)] : []);
    conflict.querySelector("button").focus();
  };
  if (saves) {
    at("save").hidden = false;
    at("save").addEventListener("click", () => save());
    at("test-form").addEventListener("submit", async (submitted) => {
      submitted.preventDefault();
      const told = at("test-said");
      const fields = { file, rules: text(), type: at("type").value, event: event.state.doc.toString(), name: at("test-name").value };
      try {
        const answer = await ask("studio/test", fields);
        told.textContent = _("Added to {file}.", { file: answer.file });
        at("test-name").value = "";
        if (![...at("file").options].some((one) => one.value === answer.file)) at("file").add(new Option(answer.file, answer.file));
        await Promise.all([tried(), choose({ keep: true })]);
      } catch (error) { told.textContent = _("Not added: {error}", { error: error.message }); }
    });
  }
  at("undo").hidden = false;
  at("undo").addEventListener("click", () => { cm.undo(rules); rules.focus(); });
  const copy = at("copy");
  copy.hidden = false;
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text());
    } catch {
      rules.focus(); // without access to the clipboard: select the text
      rules.dispatch({ selection: { anchor: 0, head: rules.state.doc.length } });
      return;
    }
    copy.textContent = _("Copied");
    setTimeout(() => { copy.textContent = _("Copy"); }, 1.5 * SECONDS);
  });

  // Events

  const source = at("source");
  let example = 0;
  let lastChoice = 0; // each choice of an event overtakes those whose answers are still to come
  const group = (label, choices) => {
    const made = document.createElement("optgroup");
    made.label = label;
    made.append(...choices.map(({ key, name }) => new Option(name, key)));
    return made;
  };
  const listSources = (choices) => {
    const chosen = source.value;
    source.replaceChildren(new Option(_("Example"), ""));
    const groups = { [_("Newest")]: choices.newest ?? [], [_("Tests")]: choices.tests ?? [], [_("Recorded")]: choices.recorded ?? [] };
    for (const [label, ones] of Object.entries(groups)) if (ones.length) source.append(group(label, ones));
    if ([...source.options].some((one) => one.value === chosen)) source.value = chosen;
  };
  const choose = async ({ key = "", number = 0, keep = false }) => {
    const type = at("type").value;
    const choice = keep ? lastChoice : ++lastChoice;
    if (!keep) unchecked(true);
    let found;
    try {
      found = await ask(`studio/event?${new URLSearchParams(key && !keep ? { type, key } : { type, number })}`);
    } catch (error) {
      if (choice !== lastChoice) return;
      if (!keep) unchecked(true, false);
      throw error;
    }
    if (choice !== lastChoice) return;
    listSources(found.choices);
    if (keep) return;
    source.value = key;
    replace(event, found.event);
  };
  at("event-actions").hidden = false;
  at("type").addEventListener("change", () => {
    example = 0;
    source.value = "";
    loadPalette();
    choose({}).catch(reported);
  });
  source.addEventListener("change", async () => {
    try {
      await choose({ key: source.value });
    } catch (error) { reported(error); source.value = ""; }
  });
  at("another").addEventListener("click", () => choose({ number: ++example }).catch(reported));
  const newest = at("newest");
  const readingSaid = ({ records, faults, fault, is_whole, problem, hint }, found) => [
    problem && _("Not read: {error}.", { error: hint ? _("{message} ({hint})", { message: problem, hint }) : problem }),
    found ? _("{count} of this type. Recipients, names and numbers are masked.", { count: found }) : (records || !problem) && _("None of the last {count} records is of this type.", { count: records }),
    faults && _("{count} cannot be decoded, the first at {position}.", { count: faults, position: fault }),
    !is_whole && _("Only a part was read: it took too long, or the records are large."),
  ].filter(Boolean).join(" ");
  newest?.addEventListener("click", async () => {
    const told = at("newest-said");
    newest.disabled = true;
    told.textContent = _("Reading …");
    try {
      const type = at("type").value;
      const { reading, choices } = await ask("studio/newest", { type });
      if (type !== at("type").value) { told.textContent = ""; return; } // another type was chosen meanwhile
      listSources(choices);
      told.textContent = readingSaid(reading, choices.newest.length);
      if (choices.newest.length && !(reading.problem && !reading.records)) await choose({ key: choices.newest[0].key });
    } catch (error) { told.textContent = _("Not read: {error}", { error: error.message }); } finally { newest.disabled = false; }
  });

  // Fields and functions

  const palette = at("palette");
  const loadPalette = async () => {
    try {
      palette.innerHTML = await ask(`studio/palette?${new URLSearchParams({ type: at("type").value })}`, null, { text: true });
    } catch (error) { reported(error); }
  };
  palette.addEventListener("click", (clicked) => {
    const what = clicked.target.closest(".insert")?.dataset.insert;
    if (!what) return;
    const { from, to } = rules.state.selection.main;
    const line = rules.state.doc.lineAt(from);
    const inside = expressions(line.text).some(([start, end]) => line.from + start < from && from <= line.from + end);
    const insert = inside ? what : `\${${what}${what.endsWith("(") ? ")" : ""}}`;
    tab("rules");
    rules.dispatch({ changes: { from, to, insert }, selection: { anchor: from + insert.length - (inside ? 0 : 1) }, userEvent: "input" });
    rules.focus();
  });

  // Parts as tabs, on a phone

  const tabs = [...page.querySelectorAll("[data-show]")];
  const tab = (name) => {
    page.dataset.tab = name;
    for (const one of tabs) one.setAttribute("aria-pressed", String(one.dataset.show === name));
    if (name === "rules") rules.requestMeasure();
    if (name === "event") event.requestMeasure();
  };
  for (const one of tabs) one.addEventListener("click", () => tab(one.dataset.show));

  form.addEventListener("submit", (submitted) => { submitted.preventDefault(); tried(); });
  page.dataset.scripted = "";
  listSources({});
  listRules();
  restore();
  const wanted = new URLSearchParams(window.location.search).get("rule");
  if (wanted && placeOf(wanted)) {
    const anchor = placeOf(wanted);
    rules.dispatch({ selection: { anchor }, effects: cm.EditorView.scrollIntoView(anchor, { y: "start" }) });
    follow();
  }
  choose({ keep: true }).catch(reported);
  tried();
})();
