"""A bill of materials in CycloneDX 1.6 (https://cyclonedx.org/docs/1.6/json/): packages, licences, hashes.

Nothing in it depends on when or where it was made: the same lock gives the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.metadata import Distribution, distribution
from uuid import NAMESPACE_URL, uuid5

from supply.installed import EXPRESSION, license_of, programs_of
from supply.lock import Pin

Json = dict[str, object]


def bill(pins: Iterable[Pin], version: str) -> Json:
    """Of the packages that are pinned for this Python. Raises PackageNotFoundError for one that is not installed, and
    ValueError for one that is installed in another version, of whose licence and programs we would say what is not
    so."""
    here = sorted((pin for pin in pins if pin.here({})), key=lambda pin: pin.name)
    components = [_component(pin, distribution(pin.name)) for pin in here]
    purls = [_purl(pin) for pin in here]
    ours = f"pkg:github/ahpa/ahpa@{version}"
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid5(NAMESPACE_URL, ' '.join([ours, *purls]))}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": ours,
                "name": "ahpa",
                "version": version,
                "licenses": [{"expression": "Apache-2.0"}],
            }
        },
        "components": components,
        "dependencies": [{"ref": ours, "dependsOn": purls}, *({"ref": purl} for purl in purls)],
    }


def _component(pin: Pin, package: Distribution) -> Json:
    if package.version != pin.version:
        raise ValueError(f"{pin.name} is installed in version {package.version}, and the lock has {pin.version}")
    license = license_of(package)
    expression = EXPRESSION in package.metadata
    programs: list[Json] = [
        {
            "type": "file",
            "bom-ref": f"{_purl(pin)}#{program.path}",
            "name": program.path,
            "hashes": [{"alg": "SHA-256", "content": program.sha256}],
        }
        for program in programs_of(package)
    ]
    hashes = [{"alg": "SHA-256", "content": each} for each in pin.hashes]
    described: Json = {
        "type": "library",
        "bom-ref": _purl(pin),
        "name": pin.name,
        "version": pin.version,
        "purl": _purl(pin),
        "licenses": [{"expression": license} if expression else {"license": {"name": license}}],
        # One of them is the file that was installed: which, depends on the machine.
        "externalReferences": [{"type": "distribution", "url": _purl(pin), "hashes": hashes}],
    }
    return described | ({"components": programs} if programs else {})


def _purl(pin: Pin) -> str:
    """https://github.com/package-url/purl-spec; names of this type are normalised as PEP 503 has it."""
    return f"pkg:pypi/{re.sub(r'[-_.]+', '-', pin.name).lower()}@{pin.version}"
