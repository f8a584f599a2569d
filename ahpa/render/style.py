"""The style sheet of the page: light, dark, phone and print from one source; no fonts or images to load."""

from __future__ import annotations

from ahpa.render.palette import DARK, LIGHT


def _variables(colours: dict[str, str]) -> str:
    return "".join(f"--{name}:{value};" for name, value in colours.items())


SHEET = (
    f":root{{color-scheme:light dark;{_variables(LIGHT)}}}"
    f"@media screen and (prefers-color-scheme:dark){{:root{{{_variables(DARK)}}}}}"
    """
*{box-sizing:border-box}
body{margin:0 auto;max-width:1180px;padding:1.6rem 1rem 3rem;background:var(--paper);color:var(--ink);
 font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
h1{font-size:1.02rem;font-weight:600;color:var(--muted);margin:0 0 .4rem}
h2{font-size:1.3rem;margin:2.6rem 0 .2rem;overflow-wrap:anywhere}
h3{font-size:1rem;margin:1.4rem 0 .3rem}
p{margin:.4rem 0;max-width:75ch}
a{color:var(--ahpa)}
.lead{font-size:clamp(1.35rem,3.4vw,2rem);line-height:1.25;font-weight:700;margin:.2rem 0 .6rem;max-width:none}
.quiet{color:var(--muted)}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(230px,1fr));gap:.8rem;margin:1.2rem 0}
.tile{border:1px solid var(--grid);border-top:4px solid;border-radius:6px;padding:.7rem .9rem}
.tile b{display:block;font-size:.92rem}
.tile div{display:flex;flex-wrap:wrap;gap:.1rem 1.6rem}
.tile span{font-size:1.55rem;font-weight:700;line-height:1.3}
.tile small{display:block;font-size:.78rem;font-weight:400;color:var(--muted);line-height:1.2}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr));gap:.6rem 1.4rem}
figure{margin:.6rem 0 0;min-width:0}
figcaption{font-size:.92rem;margin-bottom:.25rem}
figure svg{display:block;width:100%;height:auto;stroke-linejoin:round;stroke-linecap:butt}
figure.narrow{max-width:560px}
.scroll{overflow-x:auto;background:linear-gradient(90deg,var(--paper) 40%,transparent) 0/3rem 100% no-repeat local,
 linear-gradient(270deg,var(--paper) 40%,transparent) 100%/3rem 100% no-repeat local,
 linear-gradient(90deg,var(--demand),transparent) 0/.8rem 100% no-repeat scroll,
 linear-gradient(270deg,var(--demand),transparent) 100%/.8rem 100% no-repeat scroll}
table{border-collapse:collapse;font-size:.9rem;margin:.6rem 0;font-variant-numeric:tabular-nums}
th,td{padding:.28rem .8rem .28rem 0;text-align:right;border-bottom:1px solid var(--grid);white-space:nowrap}
th{color:var(--muted);font-weight:600;vertical-align:bottom}
th:first-child,td:first-child{text-align:left;min-width:11ch;white-space:normal;overflow-wrap:anywhere}
td.text,th.text{text-align:left;white-space:normal;min-width:16ch}
td.text:last-child{min-width:34ch}
pre{width:fit-content;max-width:100%;margin:.4rem 0;padding:.5rem .8rem;border:1px solid var(--grid);border-radius:6px;
 overflow-x:auto;font-size:.88rem}
.key{display:flex;flex-wrap:wrap;gap:.2rem 1.3rem;font-size:.88rem;margin:.6rem 0;padding:0;list-style:none}
.key i{display:inline-block;width:1.5em;height:.8em;margin-right:.45em;vertical-align:-.05em}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1.2rem;font-size:.92rem}
dt{color:var(--muted)}dd{margin:0;overflow-wrap:anywhere}
details{margin:.6rem 0}summary{cursor:pointer;color:var(--ahpa)}
ol.log{font-size:.85rem;padding-left:0;list-style:none;max-height:22rem;overflow:auto}
ol.log li{padding:.1rem 0;border-bottom:1px solid var(--grid)}
ol.log time{color:var(--muted);margin-right:.8em;font-variant-numeric:tabular-nums}
footer{margin-top:3rem;color:var(--muted);font-size:.85rem}
@media (max-width:480px){dl{grid-template-columns:1fr}dt{margin-top:.4rem}.tiles{grid-template-columns:1fr}}
@media print{body{max-width:none;padding:0;font-size:10.5pt}figure,table,.tile,tr,dl{break-inside:avoid}
 h2,h3,h2+p{break-after:avoid}
 .pair{grid-template-columns:1fr 1fr}.scroll{overflow:visible;background:none}table{font-size:7.5pt}
 th,td{padding-right:.45rem;white-space:normal}th:first-child,td:first-child{min-width:0}details.log{display:none}a{color:inherit;text-decoration:none}}
"""
)
