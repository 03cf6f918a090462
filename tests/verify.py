"""A verifier of a Rollcall store that shares nothing with Rollcall: written from docs/verify.md alone.

    tests/verify.py STORE... [--head GENERATION:SHA256] [--public-key FILE]

Prints one line of JSON a store, {"store", "entries", "objects", "head", "problems": {key: why}}. Exit code 1 where
anything is wrong. Nothing but Python 3 is needed; --public-key also takes the command `openssl`.
"""

import argparse, functools, hashlib, json, os, re, subprocess, sys, tempfile


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def once(pairs):
    """JSON in which no name stands twice."""
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a name stands twice")
    return dict(pairs)


def root(leaves):
    """RFC 9162, 2.1.1, of hashed leaves: whole subtrees from left to right, then joined from the right."""
    whole = []
    for hash in leaves:
        size = 1
        while whole and whole[-1][0] == size:
            hash, size = hashlib.sha256(b"\1" + whole.pop()[1] + hash).digest(), size * 2
        whole.append((size, hash))
    if not whole:
        return sha256(b"")
    hash = whole.pop()[1]
    while whole:
        hash = hashlib.sha256(b"\1" + whole.pop()[1] + hash).digest()
    return hash.hex()


def openssl(*arguments):
    return subprocess.run(["openssl", *arguments], capture_output=True)


@functools.cache
def id_of(public_key):
    return sha256(openssl("pkey", "-pubin", "-in", public_key, "-outform", "DER").stdout)


def holds(public_key, signed, said):
    """Whether a signature is one by this key: OpenSSL decides."""
    with tempfile.TemporaryDirectory() as place:
        text, signature = os.path.join(place, "text"), os.path.join(place, "signature")
        for path, data in (text, signed["statement"].encode()), (signature, bytes.fromhex(signed["signature"])):
            with open(path, "wb") as file:
                file.write(data)
        if signed["algorithm"] == "ed25519":
            key = ["-verify", "-pubin", "-inkey", public_key]
            done = openssl("pkeyutl", *key, "-rawin", "-in", text, "-sigfile", signature)
        else:
            done = openssl("dgst", "-sha256", "-verify", public_key, "-signature", signature, text)
        return said["key"] == id_of(public_key) and done.returncode == 0


class Store:
    def __init__(self, folder, head, public_key):
        self.folder, self.problems, self.public_key = folder, {}, public_key
        self.objects, self.seen, self.closes = 0, {}, {}
        self.erased, self.doubt = {}, False  # by key (was, is, whether that is under way); something is not known of it
        self.noted = [(int(head.split(":")[0]), head.split(":")[1])] if head else []

    def wrong(self, key, why):
        self.problems.setdefault(key, why)

    def read(self, key):
        try:
            with open(os.path.join(self.folder, *key.split("/")), "rb") as file:
                return file.read()
        except OSError:
            return None

    def names(self, folder):
        place = os.path.join(self.folder, folder)
        names = sorted(os.listdir(place)) if os.path.isdir(place) else []
        return [name for name in names if not re.search(r"#\d+$", name)]

    def signatures(self):
        """Those of the right form; the ones that a key proves are as good as a noted head."""
        out = []
        for name in self.names("signatures"):
            key, data = f"signatures/{name}", self.read(f"signatures/{name}")
            try:
                signed = json.loads(data, object_pairs_hook=once)
                said = json.loads(signed["statement"], object_pairs_hook=once)
                exact = json.dumps(signed, separators=(",", ":"), ensure_ascii=False).encode() == data
                assert exact and list(signed) == ["format_version", "algorithm", "statement", "signature"]
                assert said["of"] == "rollcall log head" and signed["format_version"] == said["format_version"] == 1
                assert set(said) == {"format_version", "of", "generation", "sha256", "run", "at", "key"}
                assert name == f"{said['generation']:012}-{said['key'][:8]}.json"
                assert re.fullmatch("([0-9a-f]{2})+", signed["signature"])
                assert signed["algorithm"] in ("ed25519", "ecdsa-p256-sha256")
                assert not self.public_key or holds(self.public_key, signed, said)
            except (ValueError, TypeError, KeyError, AssertionError):
                self.wrong(key, "is no signature of this form, or does not hold")
                continue
            out.append((key, said))
            if self.public_key:
                self.noted.append((said["generation"], said["sha256"]))
        return out

    def chain(self):
        """The entries that can be believed, newest first."""
        names = self.names("log")
        for name in names:
            if not re.fullmatch(r"(?!0{12})\d{12}\.json", name):
                self.wrong(f"log/{name}", "is no entry of the log")
        there = [int(name[:12]) for name in names if re.fullmatch(r"(?!0{12})\d{12}\.json", name)]
        newest = max(there, default=0)
        for generation, _ in self.noted:
            if generation > newest:
                self.wrong(f"log/{generation:012}.json", "is missing: somebody noted it")
        sound, expected, above = [], None, newest + 1
        for generation in [*sorted(set(there), reverse=True), 0]:
            # A name may say anything: no more than a thousand are named of those that are missing.
            for missing in range(generation + 1, min(above, generation + 1001)):
                self.wrong(f"log/{missing:012}.json", "is missing")
                expected = None
            above = generation
            if generation == 0:
                break
            key = f"log/{generation:012}.json"
            data = self.read(key)
            hashes = [hash for noted, hash in self.noted if noted == generation]
            hashes += [expected] if expected else []
            expected = None
            if data is None:
                self.wrong(key, "cannot be read")
                continue
            if any(hash != sha256(data) for hash in hashes):
                self.wrong(key, f"was changed: it hashes to {sha256(data)}, not to {hashes}")
                continue
            try:
                entry = json.loads(data, object_pairs_hook=once)
                assert entry["format_version"] == 1 and entry["generation"] == generation
                assert (entry["previous"] is None) == (generation == 1)
                parts = [entry["run"], entry["kind"], *entry["accepts"], *entry["values"]]
                assert all(parts)
            except (ValueError, TypeError, KeyError, AssertionError):
                self.wrong(key, "is no entry of this generation")
                continue
            expected = entry["previous"]
            sound.append((generation, sha256(data), entry))
        return newest, sound

    def erasures(self, sound):
        """By key, what erasures left of objects, oldest first."""
        closed = {entry["run"] for _, _, entry in sound if entry["kind"] == "close"}
        for _, _, entry in reversed(sound):
            if entry["kind"] != "fold" or not entry.get("erasure"):
                continue
            for it in entry["accepts"]:
                data = self.read(it["key"])
                if data is not None and sha256(data) == it["sha256"]:
                    for gone in json.loads(data, object_pairs_hook=once).get("objects", []):
                        left = (gone["was"], gone.get("is"), entry["run"] not in closed)
                        self.erased.setdefault(gone["key"], []).append(left)
                else:
                    self.doubt = True

    def check(self, key, it, evidence):
        """One object; gives its bytes where they are as they should be."""
        data = self.read(it["key"])
        left, may = it["sha256"], ()
        for was, now, open in [] if evidence else self.erased.get(it["key"], []):
            left, may = (now, (was, now) if open else (now,)) if was == left else (left, may)
        if may and data is not None:
            if sha256(data) not in may:
                self.wrong(it["key"], "is not what an erasure left")
            return None
        if data is None:
            if evidence:
                self.wrong(it["key"], "is missing")
        elif sha256(data) != it["sha256"] and not evidence and self.doubt:
            pass
        elif sha256(data) != it["sha256"]:
            self.wrong(it["key"], "was changed")
        elif len(data) != it["bytes"]:
            self.wrong(key, f"says {it['bytes']} bytes of {it['key']}")
        else:
            self.objects += evidence and self.seen.get(it["key"]) != it["sha256"]
            self.seen[it["key"]] = it["sha256"]
            return data
        return None

    def entry(self, key, entry):
        """Everything that an entry names."""
        outcomes, whole = f"runs/{entry['run']}/outcomes/", True
        leaves = []
        for it in sorted(entry["accepts"], key=lambda it: it["key"].encode()):
            data = self.check(key, it, True)
            if data is not None and re.fullmatch(r"runs/[^/]+/marks(-[^/]*)?\.jsonl", it["key"]):
                for line in filter(None, data.split(b"\n")):
                    self.check(key, json.loads(line, object_pairs_hook=once), True)
            if it["key"].startswith(outcomes):
                whole = whole and data is not None
                lines = filter(None, (data or b"").split(b"\n"))
                leaves += [hashlib.sha256(b"\0" + line).digest() for line in lines]
        said = entry.get("outcomes_root")
        if said and whole and said != {"sha256": root(leaves), "lines": len(leaves)}:
            self.wrong(key, "has another hash over outcomes than its segments")
        for it in entry["values"]:
            self.check(key, it, False)

    def verify(self):
        signatures = self.signatures()
        newest, sound = self.chain()
        self.erasures(sound)
        closes = {}
        for generation, hash, entry in sound:
            key = f"log/{generation:012}.json"
            try:
                self.entry(key, entry)
            except (ValueError, TypeError, KeyError) as error:
                self.wrong(key, f"names objects in another form: {error}")
            if entry["kind"] == "close":
                closes[generation] = (entry["run"], hash, entry.get("signer"))
        for key, said in signatures:
            of = f"log/{said['generation']:012}.json"
            if of not in self.problems and closes.get(said["generation"], ())[:2] != (said["run"], said["sha256"]):
                self.wrong(key, f"says something else than {of}")
        named = {name[:12] for name in self.names("signatures")}
        for generation, (_, _, signer) in closes.items():
            if signer and f"{generation:012}" not in named:
                self.wrong(f"signatures/{generation:012}-{signer[:8]}.json", "is missing")
        last = max((said["generation"] for key, said in signatures if key not in self.problems), default=0)
        if self.public_key and closes and max(closes) > last and not closes[max(closes)][2]:
            self.wrong(f"log/{max(closes):012}.json", "is not signed")
        head = f"{newest}:{sound[0][1]}" if sound and sound[0][0] == newest else None
        return {"store": self.folder, "entries": len(sound), "objects": self.objects, "head": head, "problems": self.problems}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("stores", nargs="+", metavar="STORE")
    parser.add_argument("--head", metavar="GENERATION:SHA256")
    parser.add_argument("--public-key", metavar="FILE")
    given = parser.parse_args()
    bad = False
    for folder in given.stores:
        found = Store(folder, given.head, given.public_key).verify()
        bad = bad or bool(found["problems"])
        print(json.dumps(found))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
