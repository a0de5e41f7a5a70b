"""The head and the style sheet of a report's page, in light and dark colours."""

HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; \
style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<main>
"""

STYLE = """\
:root {
  --ink: #1c2128; --quiet: #59636e; --faint: #999999; --paper: #ffffff; --panel: #f3f5f7;
  --rule: #d5dae0;
  --line-1: #0b63b5; --line-2: #b8480a; --line-3: #008852; --line-4: #933af0;
  --line-5: #84000a; --line-6: #00466e; --line-7: #37059b; --line-8: #6a002b;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --ink: #e4e8ec; --quiet: #9da7b1; --faint: #7d8590; --paper: #14181d; --panel: #1f252c;
    --rule: #363d46;
    --line-1: #6cb6ff; --line-2: #ffa066; --line-3: #c9ffb4; --line-4: #ba71a4;
    --line-5: #807bff; --line-6: #cab900; --line-7: #3cefff; --line-8: #8cbe9d;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
main { max-width: 68rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; overflow-wrap: anywhere; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .75rem; }
h2 { font-size: 1.25rem; margin: 2.25rem 0 .5rem; }
h3 { font-size: 1rem; margin: 1rem 0 .25rem; }
p { max-width: 46rem; margin: .5rem 0 1rem; }
.figures { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1.25rem 0 0; }
.figures div {
  background: var(--panel); border-radius: .5rem; padding: .6rem .9rem; flex: 1 1 9rem;
}
dt { color: var(--quiet); font-size: .875rem; }
dd { margin: 0; font-size: 1.25rem; font-variant-numeric: tabular-nums; }
.pair, .columns {
  display: grid; gap: 1rem 2rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, var(--least)), 1fr));
}
.pair { --least: 26rem; }
.columns { --least: 18rem; }
figure { margin: 0; break-inside: avoid; max-width: 42rem; }
figcaption { color: var(--quiet); font-size: .875rem; }
svg { display: block; width: 100%; height: auto; stroke-linejoin: round; stroke-linecap: butt; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: .5rem 0 1rem; }
th, td { padding: .25rem .75rem .25rem 0; text-align: right; border-bottom: 1px solid var(--rule); }
th { font-weight: 400; }
thead th { color: var(--quiet); font-size: .875rem; vertical-align: bottom; }
th:first-child { text-align: left; }
tr { break-inside: avoid; }
.numbers td, .numbers thead th { overflow-wrap: normal; }
.numbers th:first-child { min-width: 8rem; }
.bar { width: 12rem; min-width: 5rem; padding-right: 0; }
.bar i { display: block; height: .7rem; margin-left: 50%; background: var(--line-1); }
.bar i.less { margin-left: auto; margin-right: 50%; background: var(--line-2); }
.facts th, .facts td { text-align: left; vertical-align: top; }
.facts th { color: var(--quiet); white-space: nowrap; }
pre {
  background: var(--panel); border-radius: .5rem; padding: .75rem 1rem; margin: .5rem 0 1rem;
  white-space: pre-wrap;
}
code { font: .9rem/1.5 ui-monospace, "DejaVu Sans Mono", monospace; }
@media (max-width: 36rem) {
  .numbers { width: 100%; font-size: .875rem; }
  .numbers th, .numbers td { padding-right: .4rem; }
  .numbers th:first-child { min-width: 6.25rem; }
  .bar { width: 25%; min-width: 3rem; }
}
@media print {
  html { font-size: 80%; }
  main { max-width: none; padding: 0; }
  .pair { grid-template-columns: 1fr 1fr; }
  .figures div, .bar i { print-color-adjust: exact; }
}
"""
