#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What a build is made of, as SPDX 2.3 JSON: this source and the libraries that its programs are linked to, with the versions of the
system that built it.

    sbom.py --build build/plain [--output sbom.spdx.json]
"""
import argparse
import datetime
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = ("nfacctd", "sfacctd", "pmacctd", "uacctd", "pmbgpd", "pmbmpd", "pmtelemetryd", "pmacct", "pmbgp", "pmacct-grpc")


def output(*words):
    return subprocess.run([str(w) for w in words], capture_output=True, text=True, check=False).stdout


def needed(path):
    """Libraries that the program itself names, {name: file}."""
    names = re.findall(r"\(NEEDED\).*\[(.+?)\]", output("readelf", "-d", path))
    places = dict(re.findall(r"^\s*(\S+) => (\S+) ", output("ldd", path), re.M))
    return {name: places.get(name) for name in names}


def package_of(path):
    """(name, version) of the distribution's package that brings the file; None where there is no such database."""
    if not path or not shutil.which("dpkg-query"):
        return None
    real = os.path.realpath(path)
    for place in (real, real.removeprefix("/usr")):
        found = re.match(r"(\S+?)(:\S+)?: ", output("dpkg-query", "-S", place))
        if found:
            return found[1], output("dpkg-query", "-W", "-f", "${Version}", found[1] + (found[2] or "")).strip()
    return None


def sha256(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def identifier(text):
    return "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", text)


def when():
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH") or output("git", "-C", ROOT, "log", "-1", "--format=%ct") or 0)
    return datetime.datetime.fromtimestamp(epoch, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def document(build):
    version = re.search(r"AC_INIT\(\[.*?\], \[(.*?)\]", (ROOT / "configure.ac").read_text())[1]
    top = identifier("pmacct-ng")
    packages = [{"SPDXID": top, "name": "pmacct-ng", "versionInfo": version, "downloadLocation": "NOASSERTION", "filesAnalyzed": False,
                 "licenseConcluded": "BSD-2-Clause", "licenseDeclared": "BSD-2-Clause", "copyrightText": "NOASSERTION"}]
    files, relations, seen = [], [{"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": top}], set()
    for program in PROGRAMS:
        path = build / program
        if not path.is_file():
            continue
        ref = identifier("file-" + program)
        files.append({"SPDXID": ref, "fileName": "./" + program, "checksums": [{"algorithm": "SHA256", "checksumValue": sha256(path)}],
                      "licenseConcluded": "BSD-2-Clause", "copyrightText": "NOASSERTION"})
        relations.append({"spdxElementId": top, "relationshipType": "GENERATES", "relatedSpdxElement": ref})
        for name, place in sorted(needed(path).items()):
            owner = package_of(place)
            library = identifier("lib-" + name)
            relations.append({"spdxElementId": ref, "relationshipType": "DYNAMIC_LINK", "relatedSpdxElement": library})
            if library in seen:
                continue
            seen.add(library)
            row = {"SPDXID": library, "name": name, "downloadLocation": "NOASSERTION", "filesAnalyzed": False, "licenseConcluded": "NOASSERTION",
                   "licenseDeclared": "NOASSERTION", "copyrightText": "NOASSERTION"}
            if owner:
                row |= {"versionInfo": owner[1], "supplier": "Organization: the distribution", "externalRefs": [
                    {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": f"pkg:deb/debian/{owner[0]}@{owner[1]}"}]}
            packages.append(row)
    digest = hashlib.sha256(json.dumps([files, packages], sort_keys=True).encode()).hexdigest()
    return {"spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": f"pmacct-ng-{version}",
            "documentNamespace": f"urn:sha256:{digest}", "creationInfo": {"created": when(), "creators": ["Tool: tests/release/sbom.py"]},
            "packages": packages, "files": files, "relationships": relations}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/plain")
    parser.add_argument("--output", type=pathlib.Path)
    options = parser.parse_args()
    made = document(options.build)
    text = json.dumps(made, indent=1) + "\n"
    if options.output:
        options.output.write_text(text)
    else:
        print(text, end="")
    return 0 if made["files"] and len(made["packages"]) > 1 else 1


if __name__ == "__main__":
    sys.exit(main())
