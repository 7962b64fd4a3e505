#!/usr/bin/env python3
"""Breaks the pure core on purpose, one line at a time, and sees whether its tests notice.

domain/mutants.toml lists the breaks: each names a file of domain/src, a text that stands there exactly once, and what
it is replaced by. Every mutant is built and tested in a copy of the sources. Exit code 1 where one survives, or where a
text is no longer found.

    scripts/mutants.py [part of a name ...]
"""
import os, re, shutil, subprocess, sys, tempfile, tomllib

root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
with open(os.path.join(root, "domain/mutants.toml"), "rb") as file:
    mutants = tomllib.load(file)["mutant"]
wanted = sys.argv[1:]
mutants = [m for m in mutants if not wanted or any(part in m["name"] for part in wanted)]

work = tempfile.mkdtemp(prefix="loghorn-mutants-")
target = os.environ.get("CARGO_TARGET_DIR", os.path.expanduser("~/.cache/loghorn/target")) + "-mutants"
bad = []
try:
    copy = os.path.join(work, "loghorn")
    shutil.copytree(root, copy, ignore=shutil.ignore_patterns(".git", "target", "node_modules", "loghorn-data"))
    for number, mutant in enumerate(mutants, 1):
        path = os.path.join(copy, "domain/src", mutant["file"])
        with open(path) as file:
            text = file.read()
        if text.count(mutant["old"]) != 1:
            result, caught = f"stands there {text.count(mutant['old'])} times", False
        else:
            with open(path, "w") as file:
                file.write(text.replace(mutant["old"], mutant["new"]))
            command = ["cargo", "test", "--locked", "-p", "loghorn-domain", "--lib", "--", *mutant.get("tests", ["machine::"])]
            run = subprocess.run(command, cwd=copy, env={**os.environ, "CARGO_TARGET_DIR": target}, capture_output=True, text=True)
            with open(path, "w") as file:
                file.write(text)
            failed = re.findall(r"^test (\S+) \.\.\. FAILED", run.stdout, re.M)
            caught = bool(failed)
            result = ", ".join(failed) if failed else ("does not build" if run.returncode else "SURVIVED")
        if not caught:
            bad.append(mutant["name"])
        print(f"{number:3}/{len(mutants)}  {'caught' if caught else 'NOT   '}  {mutant['name']}: {result}", flush=True)
finally:
    shutil.rmtree(work, ignore_errors=True)
print(f"{len(mutants) - len(bad)} of {len(mutants)} mutants caught")
sys.exit(1 if bad else 0)
