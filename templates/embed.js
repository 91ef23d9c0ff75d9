// What a site of the operator's may put on its own pages, each switched on by itself where the script is named:
//   data-box="article"      a form at the end of that element
//   data-button             a button in the corner that opens the form
//   data-overlay="article"  the form once a day, after half of that element or a minute
//   data-newsletter="id"    which newsletter, where there are several
// After ?language=TAG in its address it speaks that language, and so does the mail to whom subscribes.
// Forms marked data-postroom answer in place; elements marked data-postroom-gate="slug" show the rest of a post to
// its subscribers. Nothing breaks without this script: forms are forms, gates keep what stands in them.
// The program fills in the two words in capitals, and takes these comments out.
(() => {
const base = BASE, words = WORDS, set = document.currentScript.dataset;
const kept = (key, value) => {
  try {
    key = 'postroom-' + key;
    return value ? localStorage.setItem(key, value) : localStorage.getItem(key);
  } catch {}
};
const make = (tag, props, ...inside) => {
  const element = Object.assign(document.createElement(tag), props);
  element.append(...inside);
  return element;
};
const wire = form => {
  const said = make('p', {role: 'status'});
  form.append(said);
  form.addEventListener('submit', async event => {
    event.preventDefault();
    try {
      const answer = await fetch(form.action, {
        method: 'POST', body: new URLSearchParams(new FormData(form)), credentials: 'include',
        headers: {Accept: 'application/json'}
      });
      const told = await answer.json();
      if (answer.ok) {
        kept('subscribed', 1);
        form.replaceChildren(said);
      }
      said.textContent = answer.ok ? words.sent : told.reason || told.faults.map(fault => fault.reason).join(' ');
    } catch {
      form.submit();
    }
  });
  return form;
};
const form = () => wire(make('form', {
  action: base + '/subscribe' + (set.newsletter ? '/' + set.newsletter : ''), method: 'post'
}, make('label', {htmlFor: 'email', textContent: words.email}), make('div', {className: 'row'},
  make('input', {id: 'email', type: 'email', name: 'email', required: true, autocomplete: 'email'}),
  make('input', {type: 'hidden', name: 'language', value: words.language}),
  make('button', {textContent: words.submit}))));
const shade = (...inside) => {
  const host = make('div', {lang: words.language, dir: words.dir, className: 'postroom'});
  const root = host.attachShadow({mode: 'open'});
  const style = new CSSStyleSheet();
  style.replaceSync(`:host{all:initial;color-scheme:inherit;--c:var(--postroom-accent,light-dark(#0b57d0,#8ab4f8));--b:1px solid var(--postroom-border,#7d8590);--r:var(--postroom-radius,4px);color:var(--postroom-text,light-dark(#1b1f24,#e8eaed));font:1rem/1.5 var(--postroom-font,system-ui)}
*{box-sizing:border-box;font:inherit;color:inherit}
.box,dialog{background:var(--postroom-background,light-dark(#fff,#15181c));border:var(--b);border-radius:var(--r);padding:1.5rem}
.box{margin:2rem 0}
dialog{width:min(30rem,92vw)}
::backdrop{background:#0008}
h2{font-size:1.25rem;font-weight:700;margin:0 0 .5rem}
p{margin:0 0 1rem}
:empty{margin:0}
label{display:block;font-weight:600}
.row{display:flex;flex-wrap:wrap;gap:.5rem}
input,button{min-height:2.75rem;padding:.5rem 1rem;border:var(--b);border-radius:var(--r);background:none}
input{flex:1 1 12rem;min-width:0}
button{font-weight:600;cursor:pointer;background:var(--c);color:var(--postroom-on-accent,light-dark(#fff,#15181c));border:0}
.on{background:none;color:var(--c);text-decoration:underline;padding:0;margin-top:1rem}
.corner{position:fixed;inset-block-end:1rem;inset-inline-end:1rem;z-index:9}
:focus-visible{outline:2px solid var(--c);outline-offset:2px}
@media print{*{display:none}}`);
  root.adoptedStyleSheets = [style];
  root.append(...inside);
  return host;
};
const invite = title => [make('h2', {textContent: title}), make('p', {textContent: words.lead}), form()];
const opener = title => {
  const close = make('button', {className: 'on', textContent: words.on});
  const dialog = make('dialog', {ariaLabel: title}, ...invite(title), close);
  close.onclick = () => dialog.close();
  dialog.onclick = event => { event.target === dialog && dialog.close(); };
  document.body.append(shade(dialog));
  return () => dialog.open || dialog.showModal();
};
const overlay = article => {
  let shown;
  const show = () => {
    if (shown || kept('subscribed')) return;
    shown = true;
    kept('shown', Date.now());
    opener(words.keep)();
  };
  addEventListener('scroll', () => {
    const {top, height} = article.getBoundingClientRect();
    if (innerHeight - top > height / 2 && scrollY > 0) show();
  });
  setTimeout(show, 6e4);
};
let policy;
const start = () => {
  document.querySelectorAll('form[data-postroom]').forEach(wire);
  document.querySelectorAll('[data-postroom-gate]').forEach(async place => {
    try {
      const slug = encodeURIComponent(place.dataset.postroomGate);
      const rest = await fetch(`${base}/posts/${slug}/rest`, {credentials: 'include'});
      if (rest.status !== 200) return;
      kept('subscribed', 1);
      const html = await rest.text();
      policy ??= globalThis.trustedTypes?.createPolicy('postroom', {createHTML: text => text});
      place.innerHTML = policy ? policy.createHTML(html) : html;
    } catch {}
  });
  const find = name => set[name] === undefined ? null : document.querySelector(set[name] || 'article');
  find('box')?.append(shade(make('section', {className: 'box'}, ...invite(words.title))));
  if (set.button !== undefined) {
    const ask = opener(words.title);
    document.body.append(shade(make('button', {className: 'corner', textContent: words.submit, onclick: ask})));
  }
  const from = document.referrer, article = find('overlay');
  if (article && from && !from.startsWith(base) && Date.now() - (kept('shown') || 0) > 864e5) overlay(article);
};
document.readyState === 'loading' ? addEventListener('DOMContentLoaded', start) : start();
})();
