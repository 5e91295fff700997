#!/usr/bin/env python3
"""Make single-hunk edit cases from the merged fixes of an evaluation set.

Every hunk of a gold patch becomes one case: the file as it was at the base
commit, the text to search for, the text to put in its place, and the file as
it must read once that hunk, and no other, has been applied. The cases measure
how well SEARCH/REPLACE blocks are applied: as they are, or after the search
text has been spoilt in the ways in which a model spoils it.

Usage:

    make_cases.py DATASET INSTANCES OUTPUT

DATASET    JSON lines, one instance each, of which these keys are read:
           instance_id, language, gold_files (list of paths) and gold_patch
           (what `git diff` prints).
INSTANCES  JSON lines saying where an instance's base commit can be read:
           instance_id, git_dir and base_commit. Only git's object database is
           used; a bare repository will do and no work tree is touched. An
           instance of DATASET that is not listed here is left out.
OUTPUT     JSON lines, compressed if the name ends in ".gz". The same input
           always gives the same bytes. One case has the keys

           instance_id  the instance that the hunk belongs to
           path         the file, relative to the repository's root
           language     from the file's extension; the instance's language
                        where the extension does not tell (".h", grammars)
           before       the whole file at the base commit
           search       the hunk's old side, context lines included
           replace      the hunk's new side, context lines included
           after        the whole file with this hunk alone applied

The texts are the file's own, byte for byte as UTF-8: carriage returns, a byte
order mark and a missing newline at the end are all kept. In every case
`search` occurs in `before` exactly once, overlaps counted, and replacing it by
`replace` gives `after`.

Left out, and counted by reason on standard output:

* files that the patch adds, deletes, renames, or that are not in gold_files;
* files that are absent from the repository, not regular or not UTF-8 text;
* hunks whose search text is empty or does not occur exactly once;
* hunks whose search text occurs once, but begins inside a line.

The texts of the cases are files of the repositories that the instances come
from, and stay under their licences: neither the data set nor the cases are part
of this project, and neither is to be committed to it.

A patch that cannot be parsed, or a repository that git cannot read, ends the
run with an error and leaves no output. Needs Python 3.9 and
git; nothing beyond the standard library.
"""

import argparse
import collections
import contextlib
import dataclasses
import gzip
import json
import os
import re
import subprocess
import sys

LANGUAGES = {
    ".c": "c",
    ".cc": "cpp", ".cpp": "cpp", ".cxx": "cpp", ".hh": "cpp", ".hpp": "cpp", ".hxx": "cpp",
    ".go": "go",
    ".java": "java",
    ".cjs": "javascript", ".js": "javascript", ".jsx": "javascript", ".mjs": "javascript",
    ".py": "python", ".pyi": "python",
    ".rs": "rust",
    ".cts": "typescript", ".mts": "typescript", ".ts": "typescript", ".tsx": "typescript",
}

HUNK = re.compile(r"@@ -\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@")
ESCAPES = {"a": 7, "b": 8, "t": 9, "n": 10, "v": 11, "f": 12, "r": 13, '"': 34, "\\": 92}


@dataclasses.dataclass
class Hunk:
    """The two sides of one hunk."""

    search: str
    replace: str


@dataclasses.dataclass
class FilePatch:
    """What a patch does to one file. A path is None where the file does not exist on that side."""

    old_path: "str | None" = None
    new_path: "str | None" = None
    regular: bool = True
    hunks: "list[Hunk]" = dataclasses.field(default_factory=list)


def unescape(match):
    """The byte that a backslash sequence in a quoted path stands for."""
    code = match.group(1).decode()
    return bytes([ESCAPES[code] if code in ESCAPES else int(code, 8)])


def unquote(name):
    """The path in a `---` or `+++` line: without its prefix, quoting and trailing tab; None for /dev/null."""
    name = name.rstrip("\r").split("\t")[0]
    if name == "/dev/null":
        return None
    if name.startswith('"') and name.endswith('"'):
        raw = re.sub(rb"\\([0-7]{3}|.)", unescape, name[1:-1].encode())
        name = raw.decode("utf-8", "surrogateescape")
    return name.split("/", 1)[1]


def parse_hunk(lines, at):
    """Parse the hunk whose header is lines[at]; return it and the index of the line after it."""
    header = HUNK.match(lines[at])
    if not header:
        raise ValueError(f"not a hunk header: {lines[at]!r}")
    old_left, new_left = (int(count) if count else 1 for count in header.groups())
    old, new = [], []
    at += 1
    while old_left or new_left:
        if at >= len(lines):
            raise ValueError("the patch ends inside a hunk")
        # Some tools strip the blank in front of an empty context line.
        mark, text = lines[at][:1] or " ", lines[at][1:] + "\n"
        if mark == " ":
            sides = [old, new]
        elif mark == "-":
            sides = [old]
        elif mark == "+":
            sides = [new]
        elif mark == "\\":
            sides = []
        else:
            raise ValueError(f"unexpected line in a hunk: {lines[at]!r}")
        for side in sides:
            side.append(text)
        old_left -= mark in " -"
        new_left -= mark in " +"
        if old_left < 0 or new_left < 0:
            raise ValueError("a hunk is longer than its header says")
        at += 1
        # "\ No newline at end of file" speaks of the line right above it.
        if at < len(lines) and lines[at].startswith("\\"):
            for side in sides:
                side[-1] = side[-1][:-1]
            at += 1
    return Hunk("".join(old), "".join(new)), at


def parse_patch(patch):
    """The FilePatch of every file in the output of `git diff`."""
    # Only "\n" ends a line: a carriage return belongs to the text of the file.
    lines = patch.split("\n")
    files = []
    at = 0
    while at < len(lines):
        line = lines[at]
        if line.startswith("diff --git "):
            files.append(FilePatch())
        elif files and line.startswith("--- "):
            files[-1].old_path = unquote(line[4:])
        elif files and line.startswith("+++ "):
            files[-1].new_path = unquote(line[4:])
        elif files and re.match(r"index [0-9a-f]+\.\.[0-9a-f]+ (?!100)\d+", line):
            files[-1].regular = False  # a symbolic link or a submodule
        elif files and line.startswith("@@ "):
            hunk, at = parse_hunk(lines, at)
            files[-1].hunks.append(hunk)
            continue
        at += 1
    return files


class Blobs:
    """Reads files at a commit, through one `git cat-file` per repository."""

    def __init__(self):
        self.readers = {}

    def read(self, git_dir, commit, path):
        """The bytes of the file, or None if the repository does not have it."""
        if "\n" in path:
            return None
        if git_dir not in self.readers:
            # A partial clone must say that an object is missing, not go and ask for it.
            environment = dict(os.environ, GIT_NO_LAZY_FETCH="1", GIT_TERMINAL_PROMPT="0")
            self.readers[git_dir] = subprocess.Popen(
                ["git", "--git-dir", git_dir, "cat-file", "--batch"], env=environment,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        reader = self.readers[git_dir]
        with contextlib.suppress(BrokenPipeError):  # then there is no header either
            reader.stdin.write(os.fsencode(f"{commit}:{path}\n"))
            reader.stdin.flush()
        header = reader.stdout.readline()
        if not header:
            raise RuntimeError(f"git cannot read {git_dir}")
        fields = header.split()
        if header.endswith(b" missing\n") or len(fields) != 3:
            return None
        data = reader.stdout.read(int(fields[2]))
        reader.stdout.read(1)
        return data if fields[1] == b"blob" else None

    def close(self):
        for reader in self.readers.values():
            with contextlib.suppress(BrokenPipeError):
                reader.stdin.close()
            reader.stdout.close()
            reader.wait()


def text_of(data):
    """The text of a file, or None if it is not UTF-8 text."""
    if b"\0" in data:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def refusal(before, hunk):
    """Why the hunk makes no case, or None if it makes one."""
    if not hunk.search:
        return "hunk: nothing to search for"
    first = before.find(hunk.search)
    if first < 0:
        return "hunk: search text not found"
    if before.find(hunk.search, first + 1) >= 0:
        return "hunk: search text found more than once"
    # The line numbers of a hunk may be off, as `git apply` allows; its text decides.
    if first and before[first - 1] != "\n":
        return "hunk: search text begins inside a line"
    return None


def cases_of(instance, place, blobs, skipped):
    """Yield the cases of one instance; count in `skipped` what makes none."""
    gold = set(instance["gold_files"])
    for file in parse_patch(instance["gold_patch"]):
        path = file.old_path
        if not file.hunks:
            skipped["file: no text changed"] += 1
        elif path is None:
            skipped["file: added"] += 1
        elif file.new_path is None:
            skipped["file: deleted"] += 1
        elif file.new_path != path:
            skipped["file: renamed"] += 1
        elif path not in gold:
            skipped["file: not a gold file"] += 1
        elif not file.regular:
            skipped["file: not a regular file"] += 1
        elif (data := blobs.read(place["git_dir"], place["base_commit"], path)) is None:
            skipped["file: absent from the repository"] += 1
        elif (before := text_of(data)) is None:
            skipped["file: not UTF-8 text"] += 1
        else:
            language = LANGUAGES.get(os.path.splitext(path)[1].lower(), instance["language"])
            for hunk in file.hunks:
                reason = refusal(before, hunk)
                if reason:
                    skipped[reason] += 1
                    continue
                yield {
                    "instance_id": instance["instance_id"],
                    "path": path,
                    "language": language,
                    "before": before,
                    "search": hunk.search,
                    "replace": hunk.replace,
                    "after": before.replace(hunk.search, hunk.replace),
                }


@contextlib.contextmanager
def replacing(path):
    """A binary stream that becomes the file `path` once all is written; compressed if the name says so."""
    partial = path + ".partial"
    try:
        with contextlib.ExitStack() as stack:
            out = stack.enter_context(open(partial, "wb"))
            if path.endswith(".gz"):
                # No file name and no time in the header: the same cases give the same bytes.
                out = stack.enter_context(gzip.GzipFile("", "wb", fileobj=out, mtime=0))
            yield out
        os.replace(partial, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.remove(partial)
        raise


def json_lines(path):
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def report(title, counts):
    print(f"{title}: {sum(counts.values())}")
    for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        print(f"  {count:6d}  {name}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("dataset", help="the evaluation set, JSON lines")
    parser.add_argument("instances", help="where each instance's base commit is, JSON lines")
    parser.add_argument("output", help="the cases, JSON lines; compressed if the name ends in .gz")
    arguments = parser.parse_args()

    places = {place["instance_id"]: place for place in json_lines(arguments.instances)}
    by_language, skipped = collections.Counter(), collections.Counter()
    blobs = Blobs()
    try:
        with replacing(arguments.output) as out:
            for instance in json_lines(arguments.dataset):
                place = places.get(instance["instance_id"])
                if place is None:
                    skipped["instance: its repository is not at hand"] += 1
                    continue
                try:
                    for case in cases_of(instance, place, blobs, skipped):
                        out.write(json.dumps(case, ensure_ascii=False).encode() + b"\n")
                        by_language[case["language"]] += 1
                except (ValueError, RuntimeError) as error:
                    sys.exit(f"{instance['instance_id']}: {error}")
    finally:
        blobs.close()
    report("cases", by_language)
    report("skipped", skipped)


if __name__ == "__main__":
    main()
