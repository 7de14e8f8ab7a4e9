import assert from "node:assert/strict";
import {
  command,
  helpText,
  listOf,
  oneOf,
  parseArguments,
  positiveNumber,
  text,
  toggle,
  value,
  wholeNumber,
} from "./cli.ts";

const spec = command({
  name: "demo",
  summary: "Shows how tasks read their arguments.",
  args: "[NAME]",
  maxArgs: 1,
  flags: {
    replicas: value("N", wholeNumber(1, 64), "gateway replicas"),
    cpus: value("CORES", positiveNumber(64), "CPU limit"),
    front: value("nginx|caddy", oneOf(["nginx", "caddy"]), "the balancer"),
    counts: value("N,N", listOf(wholeNumber(0, 9)), "several numbers"),
    out: value("DIR", text(), "where to write"),
    yes: toggle("do not ask"),
  },
  run: () => 0,
});

Deno.test("parseArguments() reads values, switches and arguments in any order", () => {
  assert.deepEqual(
    parseArguments(spec, ["--replicas=3", "x", "--yes", "--front", "caddy", "--counts", "1,2"]),
    {
      flags: {
        replicas: 3,
        cpus: undefined,
        front: "caddy",
        counts: [1, 2],
        out: undefined,
        yes: true,
      },
      args: ["x"],
    },
  );
});

Deno.test("parseArguments() takes what follows -- as arguments", () => {
  const parsed = parseArguments(spec, ["--", "--yes"]);
  assert.ok(parsed !== "help");
  assert.deepEqual(parsed.args, ["--yes"]);
  assert.equal(parsed.flags.yes, false);
});

Deno.test("parseArguments() leaves unknown flags to a task that passes them on", () => {
  const parsed = parseArguments({ ...spec, passThrough: true, maxArgs: Infinity }, [
    "--filter",
    "x",
    "--yes",
  ]);
  assert.ok(parsed !== "help");
  assert.deepEqual(parsed.args, ["--filter", "x"]);
  assert.equal(parsed.flags.yes, true);
});

Deno.test("parseArguments() refuses wrong use with one line", () => {
  const number = "must be a whole number from 1 to 64";
  const cases: [argv: string[], message: string][] = [
    [["--bogus"], 'the flag must be known, received "--bogus"'],
    [["-x"], 'the flag must be known, received "-x"'],
    // A name that every object has must not pass as a flag.
    [["--constructor", "1"], 'the flag must be known, received "--constructor"'],
    [["--replicas"], '--replicas must have a value, received ""'],
    [["--replicas", "0"], `--replicas ${number}, received "0"`],
    [["--replicas", "65"], `--replicas ${number}, received "65"`],
    [["--replicas", "-1"], `--replicas ${number}, received "-1"`],
    [["--replicas", "1.5"], `--replicas ${number}, received "1.5"`],
    [["--replicas", "1e1"], `--replicas ${number}, received "1e1"`],
    [["--replicas", ""], `--replicas ${number}, received ""`],
    [["--replicas=1", "--replicas=2"], '--replicas must be given once, received "--replicas=2"'],
    [["--cpus", "0"], '--cpus must be a number above 0 and at most 64, received "0"'],
    [["--cpus", "many"], '--cpus must be a number above 0 and at most 64, received "many"'],
    [["--front", "apache"], '--front must be one of nginx, caddy, received "apache"'],
    [["--counts", "1,x"], '--counts must be a whole number from 0 to 9, received "1,x"'],
    [["--out", ""], '--out must not be empty, received ""'],
    [["--yes=no"], '--yes takes no value, received "no"'],
    [["a", "b"], 'it takes at most 1 argument(s), received "b"'],
  ];
  for (const [argv, message] of cases) {
    assert.throws(() => parseArguments(spec, argv), {
      name: "StackError",
      message: `Cannot run demo: ${message}`,
      exitCode: 2,
    });
  }
});

Deno.test("helpText() names every flag", () => {
  assert.equal(parseArguments(spec, ["--replicas", "3", "--help"]), "help");
  const help = helpText(spec as unknown as Parameters<typeof helpText>[0]);
  assert.match(help, /^Shows how tasks read their arguments\.\n\nUsage: deno task demo \[NAME\]/);
  for (const name of Object.keys(spec.flags)) assert.ok(help.includes(`--${name}`), name);
});
