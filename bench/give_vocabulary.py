#!/usr/bin/env python3
"""Copies a GGUF's weights and another's vocabulary into a third file: give_vocabulary.py WEIGHTS.gguf VOCABULARY.gguf OUT.gguf

For races of servers on made-up weights: llama.cpp's server wants a vocabulary that its tokenizer knows. The other's tokens are
cut or padded with unused ones to as many as the weights have rows for. Standard library alone.
"""
import struct
import sys

STRING, ARRAY = 8, 9
SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
NORMAL, UNUSED = 1, 5
ALIGNMENT = 32


class Reader:
    """The head of a GGUF: key -> (type, bytes), tensors' records as bytes, where the data begins."""

    def __init__(self, path):
        self.file = open(path, "rb")
        magic, version, self.tensor_count, key_count = struct.unpack("<4sIQQ", self.take(24))
        if magic != b"GGUF" or version < 2:
            sys.exit(f"{path}: got {magic!r} version {version}, want a GGUF of version 2 or 3")
        self.keys = {}
        for _ in range(key_count):
            name = self.string()
            kind = self.number("I")
            at = self.file.tell()
            self.skip(kind)
            end = self.file.tell()
            self.file.seek(at)
            self.keys[name] = (kind, self.take(end - at))
        at = self.file.tell()
        self.rows = 0
        for _ in range(self.tensor_count):
            name = self.string()
            shape = struct.unpack(f"<{(n := self.number('I'))}Q", self.take(8 * n))
            self.take(12)
            if name == "token_embd.weight":
                self.rows = shape[1]
        end = self.file.tell()
        self.file.seek(at)
        self.records = self.take(end - at)
        if "general.alignment" in self.keys:
            sys.exit(f"{path}: got an alignment of its own, want the usual {ALIGNMENT}")
        self.data_at = (end + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT

    def take(self, count):
        data = self.file.read(count)
        if len(data) != count:
            sys.exit(f"{self.file.name}: ends at {self.file.tell()}, want {count - len(data)} bytes more")
        return data

    def number(self, form):
        return struct.unpack("<" + form, self.take(struct.calcsize("<" + form)))[0]

    def string(self):
        return self.take(self.number("Q")).decode("utf-8", "surrogateescape")

    def skip(self, kind):
        if kind == STRING:
            self.take(self.number("Q"))
        elif kind == ARRAY:
            kind, count = self.number("I"), self.number("Q")
            if kind in SIZES:
                self.take(SIZES[kind] * count)
            for _ in range(0 if kind in SIZES else count):
                self.skip(kind)
        else:
            self.take(SIZES[kind])


def packed(text):
    data = text.encode("utf-8", "surrogateescape")
    return struct.pack("<Q", len(data)) + data


def strings_of(value):
    count, at, found = struct.unpack_from("<Q", value[1], 4)[0], 12, []
    for _ in range(count):
        size = struct.unpack_from("<Q", value[1], at)[0]
        found.append(value[1][at + 8:at + 8 + size])
        at += 8 + size
    return found


def vocabulary(keys, rows):
    """The tokenizer's keys with `rows` tokens."""
    found = {name: value for name, value in keys.items() if name.startswith("tokenizer.")}
    tokens = strings_of(found["tokenizer.ggml.tokens"])
    if len(tokens) > rows:
        sys.exit(f"the vocabulary has {len(tokens)} tokens, want at most the weights' {rows}")
    kind = found.get("tokenizer.ggml.token_type")
    kinds = list(struct.unpack_from(f"<{len(tokens)}i", kind[1], 12)) if kind else [NORMAL] * len(tokens)
    tokens += [f"<unused{i}>".encode() for i in range(len(tokens), rows)]
    kinds += [UNUSED] * (rows - len(kinds))
    listed = b"".join(struct.pack("<Q", len(token)) + token for token in tokens)
    found["tokenizer.ggml.tokens"] = (ARRAY, struct.pack("<IQ", STRING, rows) + listed)
    found["tokenizer.ggml.token_type"] = (ARRAY, struct.pack(f"<IQ{rows}i", 5, rows, *kinds))
    if "tokenizer.ggml.scores" in found:
        scores = found["tokenizer.ggml.scores"][1]
        size = struct.unpack_from("<Q", scores, 4)[0]
        values = struct.unpack_from(f"<{size}f", scores, 12) + (0.0,) * (rows - size)
        found["tokenizer.ggml.scores"] = (ARRAY, struct.pack(f"<IQ{rows}f", 6, rows, *values))
    return found


def main(weights_path, vocabulary_path, out_path):
    weights, other = Reader(weights_path), Reader(vocabulary_path)
    keys = {name: value for name, value in weights.keys.items() if not name.startswith("tokenizer.")}
    keys.update(vocabulary(other.keys, weights.rows))
    with open(out_path, "wb") as out:
        out.write(struct.pack("<4sIQQ", b"GGUF", 3, weights.tensor_count, len(keys)))
        for name, (kind, value) in keys.items():
            out.write(packed(name) + struct.pack("<I", kind) + value)
        out.write(weights.records)
        out.write(bytes(-out.tell() % ALIGNMENT))
        weights.file.seek(weights.data_at)
        while piece := weights.file.read(1 << 24):
            out.write(piece)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
