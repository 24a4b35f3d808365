#!/usr/bin/env python3
"""docs.py BUILD FILE... - what the documents name exists: files, links, commands, flags, make targets, variables.

A line of a code block, or what stands between back quotes, is read as a command if it begins with a program of ours.
Prints "FILE: what is wrong" for each name that is not there; exit status 1 if there was one.
"""
import functools
import glob
import os
import re
import subprocess
import sys

BUILD = sys.argv[1]
PACKAGED = "/usr/share/darknet"
FOLDERS = r"(?:plugin|darknet|scripts|tests|docs|cfg)"
SHELL_END = re.compile(r"\s#\s|[|;&<>]|\)$")


@functools.lru_cache(None)
def output(*command):
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False).stdout


@functools.lru_cache(None)
def source(*folders):
    text = ""
    for folder in folders:
        for path, _, names in os.walk(folder):
            for name in names:
                if name.endswith((".c", ".h", ".cpp", ".sh", ".py")) or "." not in name:
                    with open(os.path.join(path, name), encoding="utf-8", errors="replace") as file:
                        text += file.read()
    return text


def has_word(text, word):
    return re.search(r"(?<![\w-])" + re.escape(word) + r"(?![\w-])", text) is not None


def tool_commands():
    return re.findall(r"^  (\w+) ", output(BUILD + "/dynacomm", "--help"), re.M)


def tool_help(command):
    return output(BUILD + "/dynacomm", command, "--help")


def darknet_knows(flag):
    """In the help, or in one of the tables of flags: a command's own, or the forks'."""
    tables = source("darknet")
    return has_word(output(BUILD + "/darknet", "help"), flag) or f'"{flag}"' in tables or f'{{"{flag.lstrip("-")}",' in tables


def any_program_knows(flag):
    return darknet_knows(flag) or any(has_word(tool_help(c), flag) for c in tool_commands()) or has_word(source("scripts"), flag)


def made(path):
    """A file that make or a script makes."""
    if re.fullmatch(r"build/(tests/)?[\w-]+", path):
        made_there = path.replace("build/", BUILD + "/", 1)
        return os.path.exists(made_there) or has_word(source("scripts"), path)
    return os.path.basename(path) in source("scripts") + open("Makefile", encoding="utf-8").read()


def exists(path):
    for one in expand(path):
        if one.startswith("build/"):
            if not made(one):
                return False
        elif not glob.glob(one) and not os.path.exists(os.path.join(PACKAGED, one)):
            return False
    return True


def expand(path):
    braces = re.match(r"(.*?)\{([^}]*)\}(.*)", path)
    if not braces:
        return [path]
    return [p for word in braces[2].split(",") for p in expand(braces[1] + word + braces[3])]


def heading_anchor(line):
    return re.sub(r"[^\w\- ]", "", line.lstrip("#").strip().lower()).replace(" ", "-")


def link_problems(name, text):
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?:", target):
            continue
        path, _, anchor = target.partition("#")
        path = os.path.normpath(os.path.join(os.path.dirname(name), path)) if path else name
        if not os.path.exists(path):
            yield f"links to {target}, which does not exist"
        elif anchor:
            with open(path, encoding="utf-8") as file:
                headings = [heading_anchor(line) for line in file if line.startswith("#")]
            if anchor not in headings:
                yield f"links to {target}, but {path} has no such heading"


def path_problems(text):
    for path in set(re.findall(r"(?<![\w/.:-])(?:" + FOLDERS + r"|build)/[\w./*{},-]*[\w*}/]", text)):
        if not exists(path):
            yield f"names the file {path}, which does not exist"


def flags(words):
    return [w.split("=")[0] for w in words if re.fullmatch(r"--?[a-zA-Z][\w-]*(=.*)?", w)]


def command_problems(line):
    line = line.strip()
    while re.match(r"[A-Z_]+=\S* ", line):
        line = line.split(" ", 1)[1]
    inner = re.search(r"(?<=\s)(?:-- )?((?:build/)?(?:dynacomm|darknet) .*)", line)
    if inner and not re.match(r"(?:build/)?(?:dynacomm|darknet) (?!launch)", line):
        yield from command_problems(inner[1])
        line = line[: inner.start()]
    words = SHELL_END.split(line + " ")[0].split()
    if not words:
        return
    program, rest = words[0].replace("./", ""), words[1:]
    if program in ("dynacomm", "build/dynacomm") and rest:
        if rest[0] in ("--help", "--version"):
            return
        if rest[0] not in tool_commands():
            yield f"names the command 'dynacomm {rest[0]}', which does not exist"
            return
        yield from (
            f"names 'dynacomm {rest[0]} {f}', which does not exist" for f in flags(rest) if not has_word(tool_help(rest[0]), f)
        )
    elif program in ("darknet", "build/darknet") and rest:
        command = " ".join(w for w in rest[:2] if re.fullmatch(r"[a-z]+", w))
        if command and f"darknet {command}" not in output(BUILD + "/darknet", "help"):
            yield f"names the command 'darknet {command}', which does not exist"
        yield from (f"names 'darknet {f}', which does not exist" for f in flags(rest) if not darknet_knows(f))
    elif program == "make":
        with open("Makefile", encoding="utf-8") as file:
            makefile = file.read()
        for word in rest:
            if "=" in word or word.startswith("-"):
                continue
            if not re.search(r"^" + re.escape(word) + r":", makefile, re.M) and not (word.startswith("build/") and made(word)):
                yield f"names 'make {word}', which does not exist"
    elif program.startswith("scripts/") and os.path.isfile(program):
        with open(program, encoding="utf-8") as file:
            script = file.read() + source(program + ".d")
        yield from (f"names '{program} {f}', which does not exist" for f in flags(rest) if not has_word(script, f))
        if program == "scripts/netlab" and rest and not re.search(rf"^(  |.*, ){rest[0]}\b", output(program, "help"), re.M):
            yield f"names '{program} {rest[0]}', which does not exist"
    elif len(words) == 1 and flags(words) and not any_program_knows(program):
        yield f"names the flag {program}, which no program has"


def commands(text):
    text = text.replace("\\\n", " ")
    for line in text.split("\n"):
        if line.startswith("    "):
            yield line
        else:
            yield from re.findall(r"`([^`]+)`", line)


def variable_problems(text):
    for name in set(re.findall(r"\bDYNACOMM(?:_[A-Z]+)*\b", text)):
        if not has_word(source("darknet", "plugin"), name):
            yield f"names the variable {name}, which nobody reads"


def protocol_problems(text):
    """docs/protocol.md: the numbers are those of the headers."""
    wire, record = (open("plugin/net/" + h, encoding="utf-8").read() for h in ("wire.h", "record.h"))
    types = re.findall(r"DC__(\w+)", re.search(r"typedef enum dc__type \{(.*?)DC__TYPE_END", wire, re.S)[1])
    if re.findall(r"^\| \d+ \| ([A-Z_]+) \|", text, re.M) != types:
        yield "has other types of frames than plugin/net/wire.h"
    if re.findall(r"^\| (\d+) \| [A-Z_]+ \|", text, re.M) != [str(k + 1) for k in range(len(types))]:
        yield "numbers the types of frames otherwise than plugin/net/wire.h"
    for source_text, constant, words in (
        (wire, "DC__PROTOCOL_VERSION", "| frames | every frame's header | {} |"),
        (record, "DC__GATE_VERSION", "| gate | hello and answer | {} |"),
        (wire, "DC__HEADER_BYTES", "a header of {} bytes and a payload"),
        (record, "DC__HELLO_BYTES", "Hello, {} bytes:"),
        (record, "DC__ANSWER_BYTES", "Answer, {} bytes:"),
        (record, "DC__RECORD_BYTES", "Record, {} bytes and"),
    ):
        number = re.search(rf"#define {constant} (\d+)", source_text)[1]
        if words.format(number) not in text:
            yield f"does not say '{words.format(number)}' ({constant})"


def problems(name):
    with open(name, encoding="utf-8") as file:
        text = file.read()
    if os.path.basename(name) == "README.md" and text.count("\n") > 150:
        yield f"has {text.count(chr(10))} lines, more than 150"
    yield from link_problems(name, text)
    yield from path_problems(re.sub(r"\]\([^)]*\)", "]", text))
    for command in commands(text):
        yield from command_problems(command)
    yield from variable_problems(text)
    if os.path.basename(name) == "protocol.md":
        yield from protocol_problems(text)


failed = False
for document in sys.argv[2:]:
    for problem in dict.fromkeys(problems(document)):
        print(f"{document}: {problem}")
        failed = True
sys.exit(failed)
