/** Style sheet of `/docs`, readable in light and dark. */
export const DOCS_STYLE = `
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --link: #2563eb; }
@media (prefers-color-scheme: dark) { :root { --link: #7aa8ff; } }
* { box-sizing: border-box; }
body { margin: 0; font: 15px/1.55 system-ui, sans-serif; display: grid; grid-template-columns: 19rem 1fr; }
nav { position: sticky; top: 0; height: 100vh; overflow: auto; padding: 1rem; border-right: 1px solid var(--line); font-size: 13px; }
nav ul { list-style: none; margin: 0; padding: 0; }
nav h2 { font-size: 12px; text-transform: uppercase; letter-spacing: .05em; margin: 1.2rem 0 .3rem; opacity: .7; }
main { padding: 1.5rem 2rem 6rem; max-width: 62rem; min-width: 0; }
a { color: var(--link); text-decoration: none; } a:hover { text-decoration: underline; }
section { border-top: 1px solid var(--line); padding: .6rem 0 1rem; }
h3 { margin: .4rem 0; font-size: 16px; }
code { font: 13px ui-monospace, monospace; background: var(--soft); padding: .1em .3em; border-radius: 3px; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; margin: .4rem 0; }
td { border-top: 1px solid var(--line); padding: .3rem .6rem .3rem 0; vertical-align: top; overflow-wrap: anywhere; }
td:first-child { width: 26%; } td:nth-child(2) { width: 32%; }
small { opacity: .65; font-weight: normal; }
b { font: bold 11px ui-monospace, monospace; padding: .1em .35em; border-radius: 3px; color: #fff; background: #64748b; }
b.get { background: #2563eb; } b.post { background: #15803d; } b.put, b.patch { background: #b45309; } b.delete { background: #b91c1c; }
@media (max-width: 50rem) { body { display: block; } nav { position: static; height: auto; border: 0; } main { padding: 1rem; } }
`;
