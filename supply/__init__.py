"""What we ship besides our own code: read from requirements/base.txt and from what is installed.

`python -m supply sbom FILE` writes a CycloneDX bill of materials, `python -m supply licenses` the page docs/licenses.md
(docs/decisions/0073-supply-chain.md).
"""
