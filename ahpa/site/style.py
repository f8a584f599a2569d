"""What the page's style sheet adds to that of the reports; the colours are the same."""

from __future__ import annotations

SITE = """
body{padding-top:0;max-width:1320px}
h1{font-size:1.5rem;font-weight:700;color:var(--ink);margin:1.2rem 0 .1rem;overflow-wrap:anywhere;line-height:1.25}
.skip{position:absolute;left:-99rem}.skip:focus{left:1rem;top:.4rem;background:var(--paper);padding:.2rem .6rem}
main:focus{outline:none}
a:focus-visible,input:focus-visible,select:focus-visible,button:focus-visible,summary:focus-visible{
 outline:2px solid var(--ahpa);outline-offset:2px;border-radius:3px}
header{display:flex;flex-wrap:wrap;gap:.2rem 1.4rem;align-items:baseline;padding:.8rem 0 .6rem;
 border-bottom:1px solid var(--grid)}
header .home{font-weight:800;font-size:1.15rem;color:var(--ink);text-decoration:none;letter-spacing:.01em}
header nav{display:flex;gap:1.1rem}
header nav a{color:var(--muted);text-decoration:none;padding:.1rem 0}
header nav a[aria-current]{color:var(--ink);border-bottom:2px solid var(--ahpa)}
header .asof{margin-left:auto;color:var(--muted);font-size:.85rem;display:flex;gap:1rem;flex-wrap:wrap}
[hidden]{display:none!important}
.chips{display:flex;flex-wrap:wrap;gap:.5rem;margin:.9rem 0 .6rem;padding:0;list-style:none}
.chips a{display:inline-block;border:1px solid var(--grid);border-radius:99px;padding:.15rem .8rem;color:var(--ink);
 text-decoration:none;font-size:.92rem}
.chips a[aria-current]{border-color:var(--ahpa);box-shadow:inset 0 0 0 1px var(--ahpa)}
.chips b{font-variant-numeric:tabular-nums}
.chips .wrong b{color:var(--late)}
form.find{display:flex;flex-wrap:wrap;gap:.5rem;align-items:center;margin:.6rem 0}
form.find input[type=search]{flex:1 1 16rem;max-width:34rem}
input[type=search],select,button{font:inherit;color:var(--ink);background:var(--paper);border:1px solid var(--muted);
 border-radius:6px;padding:.3rem .6rem;min-height:2.2rem}
button,a.button{cursor:pointer}
a.button{display:inline-block;border:1px solid var(--ahpa);border-radius:6px;padding:.25rem .8rem;text-decoration:none}
.narrow{max-width:640px}
label{color:var(--muted)}
table.list{width:100%}
table.list th a{color:inherit;text-decoration:none}
table.list th a:hover{text-decoration:underline}
table.list th[aria-sort] a{color:var(--ink)}
table.list tbody tr:hover{background:color-mix(in srgb,var(--grid) 35%,transparent)}
table.list td{vertical-align:top}
table.list td.text,table.list th.text{min-width:0}
table.list td.when,table.list th.when{white-space:nowrap;overflow-wrap:normal}
table.list td.name{min-width:17ch}
table.list td.name a{font-weight:600;text-decoration:none}
table.list td.name a:hover{text-decoration:underline}
table.list td small,.under{color:var(--muted);font-size:.82rem}
table.list td small{display:block}
table.list td.why{font-size:.86rem;min-width:34ch;width:99%}
table.list td.why .badge{margin-bottom:.1rem}
.badge{display:inline-block;border:1px solid var(--grid);border-radius:4px;padding:0 .4rem;font-size:.82rem;
 white-space:nowrap;color:var(--muted)}
.badge.normal{color:var(--ahpa);border-color:var(--ahpa)}
.badge.warning{color:var(--late);border-color:var(--late)}
.pager{display:flex;gap:1.2rem;margin:.8rem 0;color:var(--muted)}
.empty{padding:2.4rem 0;color:var(--muted);max-width:60ch}
.lead{font-size:clamp(1.1rem,2.4vw,1.35rem);font-weight:600}
.tile.plain{border-top:1px solid var(--grid)}
.tile .moved{color:var(--ahpa)}
.pair.wide{margin-top:.4rem}
.bar{display:flex;height:1.5rem;border-radius:4px;overflow:hidden;margin:.5rem 0 .3rem;max-width:760px}
.bar span{min-width:2px}
.p0{background:var(--demand)}.p1{background:var(--seasonal)}.p2{background:var(--kpa)}.p3{background:var(--ahpa)}
.why-list dd{max-width:90ch}
.next{font-size:1.02rem}
@media (max-width:720px){
 header .asof{margin-left:0;flex-basis:100%}
 table.list thead{position:absolute;left:-99rem}
 table.list,table.list tbody,table.list tr,table.list td{display:block;text-align:left;white-space:normal}
 table.list td.why{max-width:none}
 table.list tr{border:1px solid var(--grid);border-radius:8px;padding:.5rem .8rem;margin:.6rem 0}
 table.list td{border:0;padding:.1rem 0;min-width:0;margin-right:1.1rem}
 table.list td:not(.name,.why){display:inline-block}
 table.list td[data-of]::before{content:attr(data-of) " ";color:var(--muted)}
 table.list td small{display:inline;margin-left:.4em}
 table.list td.name{font-size:1.05rem;min-width:0}
}
"""
