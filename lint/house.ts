/**
 * A `deno lint` plugin that keeps the directions of the house: who may import whom, who may name a
 * runtime's own APIs, and who may read the environment. Tests and `testing/` are free.
 *
 * @module
 */
import { dirname, posix } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** The rooms of the house, each with the rooms that it may import besides itself. */
export const DIRECTIONS = {
  kit: [],
  gateway: ["kit"],
  "services/users": ["kit"],
  "services/orders": ["kit"],
  "services/payments": ["kit"],
  lb: ["kit"],
  stack: ["lb", "kit"],
  lab: ["stack", "lb", "kit"],
  scripts: ["lab", "stack", "lb", "kit"],
  lint: [],
} as const satisfies Record<string, readonly string[]>;

type Room = keyof typeof DIRECTIONS;

/** Rooms that run on Deno alone, start processes and read the environment. */
const DENO_ROOMS: readonly string[] = ["stack", "lab", "scripts", "lint"];

/** Modules that listen on sockets; only `kit/runtime/` chooses between them. */
const SERVER_MODULES = /^(?:node:(?:http2?|https|net|tls|cluster)|@hono\/node-server(?:\/.*)?)$/;

interface Place {
  /** Path from the root of the project, with `/`. */
  path: string;
  room: Room;
}

/** Where a file lives; `undefined` for tests, `testing/` and whatever is not ours. */
function placeOf(path: string): Place | undefined {
  if (path.endsWith("_test.ts")) return undefined;
  const room = roomOf(path);
  return room === undefined ? undefined : { path, room };
}

function roomOf(path: string): Room | undefined {
  const rooms = Object.keys(DIRECTIONS) as Room[];
  return rooms.find((room) => path.startsWith(`${room}/`));
}

function fromRoot(filename: string): string {
  return posix.relative(ROOT, filename);
}

/** What is wrong with a file that imports another one, or `undefined`. */
function wrongImport(from: Place, specifier: string, typeOnly: boolean): string | undefined {
  if (!specifier.startsWith(".")) return undefined;
  const target = posix.join(posix.dirname(from.path), specifier);
  const room = roomOf(target);
  if (target.endsWith("_test.ts") || target.startsWith("testing/")) {
    return `${from.path} is not a test and cannot import ${target}`;
  }
  if (target.endsWith("/main.ts")) return "main.ts is where a program starts: nothing imports it";
  if (room === undefined) return undefined;
  if (room === from.room) {
    const isProgram = room === "gateway" || room.startsWith("services/");
    return isProgram && posix.basename(target) === "app.ts" && !from.path.endsWith("/main.ts")
      ? "the direction is main -> app -> handlers: only main.ts imports app.ts"
      : undefined;
  }
  if ((DIRECTIONS[from.room] as readonly string[]).includes(room)) return undefined;
  const isSchema = room.startsWith("services/") && target.endsWith("/schema.ts");
  if (isSchema && typeOnly && DENO_ROOMS.includes(from.room)) return undefined;
  const allowed = DIRECTIONS[from.room].join(", ") || "nothing of ours";
  return `${from.room} may import ${allowed}, not ${room}`;
}

const directions: Deno.lint.Rule = {
  create(context) {
    const from = placeOf(fromRoot(context.filename));
    if (from === undefined) return {};
    const look = (node: Deno.lint.Node, source: unknown, typeOnly: boolean) => {
      if (typeof source !== "string") return;
      const message = wrongImport(from, source, typeOnly);
      if (message !== undefined) context.report({ node, message });
    };
    return {
      ImportDeclaration(node) {
        const typeOnly = node.importKind === "type" ||
          (node.specifiers.length > 0 &&
            node.specifiers.every((one) =>
              one.type === "ImportSpecifier" && one.importKind === "type"
            ));
        look(node, node.source.value, typeOnly);
      },
      ImportExpression(node) {
        look(node, node.source.type === "Literal" ? node.source.value : undefined, false);
      },
      ExportAllDeclaration(node) {
        look(node, node.source.value, node.exportKind === "type");
      },
      ExportNamedDeclaration(node) {
        look(node, node.source?.value, node.exportKind === "type");
      },
    };
  },
};

const runtimeApis: Deno.lint.Rule = {
  create(context) {
    const from = placeOf(fromRoot(context.filename));
    if (
      from === undefined || DENO_ROOMS.includes(from.room) || from.path.startsWith("kit/runtime/")
    ) return {};
    const report = (node: Deno.lint.Node, what: string) =>
      context.report({
        node,
        message: `${what} belongs to one runtime: only kit/runtime/ names it, so that ` +
          `${from.room} runs on Deno and on Node`,
      });
    return {
      MemberExpression(node) {
        if (isNamed(node.object, "Deno")) report(node, "Deno.*");
        if (isNamed(node.object, "globalThis") && isNamed(node.property, "Deno")) {
          report(node, "Deno.*");
        }
      },
      TSQualifiedName(node) {
        if (isNamed(node.left, "Deno")) report(node, "Deno.*");
      },
      ImportDeclaration(node) {
        if (SERVER_MODULES.test(node.source.value)) report(node, node.source.value);
      },
      ImportExpression(node) {
        const source = node.source.type === "Literal" ? String(node.source.value) : "";
        if (SERVER_MODULES.test(source)) report(node, source);
      },
    };
  },
};

const environment: Deno.lint.Rule = {
  create(context) {
    const from = placeOf(fromRoot(context.filename));
    if (
      from === undefined || DENO_ROOMS.includes(from.room) || from.path.endsWith("/main.ts")
    ) return {};
    const message = "only main.ts reads the environment and passes it on";
    return {
      MemberExpression(node) {
        const owner = isNamed(node.object, "process") || isNamed(node.object, "Deno");
        if (owner && isNamed(node.property, "env")) context.report({ node, message });
      },
      ImportSpecifier(node) {
        const { parent } = node;
        if (
          parent.type === "ImportDeclaration" && parent.source.value === "node:process" &&
          isNamed(node.imported, "env")
        ) context.report({ node, message });
      },
    };
  },
};

function isNamed(node: Deno.lint.Node, name: string): boolean {
  return node.type === "Identifier" && node.name === name;
}

/** The plugin as `deno.json` names it: rules `house/directions`, `house/runtime-apis`, `house/environment`. */
const house: Deno.lint.Plugin = {
  name: "house",
  rules: { directions, "runtime-apis": runtimeApis, environment },
};
export default house;
